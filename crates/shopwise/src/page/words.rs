//! Words in both languages beside each other, and how data gets into them safely.

use serde::Serialize;

use super::Language;

/// A phrase in English and in Chinese, as HTML: what comes from data is escaped on the way in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Words {
    pub(crate) en: String,
    pub(crate) zh: String,
}

impl Words {
    /// Returns a phrase that the program itself wrote.
    pub(crate) fn new(en: &str, zh: &str) -> Self {
        Self { en: en.to_owned(), zh: zh.to_owned() }
    }

    /// Returns data, which reads alike in both languages.
    pub(crate) fn data(text: &str) -> Self {
        let safe = escape(text);
        Self { en: safe.clone(), zh: safe }
    }

    /// Returns the phrase with an exact figure that shows when it is pointed at.
    pub(crate) fn titled(&self, exact: &str) -> Self {
        let wrap =
            |text: &str| format!("<span class=figure title=\"{}\">{text}</span>", escape(exact));
        Self { en: wrap(&self.en), zh: wrap(&self.zh) }
    }

    /// Returns the phrase as HTML that shows the page's language.
    pub(crate) fn html(&self) -> String {
        if self.en == self.zh {
            return self.en.clone();
        }
        format!(
            "<span class=en lang=en>{}</span><span class=zh lang=zh>{}</span>",
            self.en, self.zh
        )
    }

    /// Returns the phrase in one language.
    pub(crate) fn of(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Zh => &self.zh,
        }
    }

    /// Returns both phrases with `other` behind them.
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self { en: format!("{}{}", self.en, other.en), zh: format!("{}{}", self.zh, other.zh) }
    }
}

/// Returns the phrase with each `{name}` replaced by the value of that name. Values are not looked
/// into: braces in data stay as they are.
pub(crate) fn say(en: &str, zh: &str, values: &[(&str, Words)]) -> Words {
    Words { en: fill(en, values, |words| &words.en), zh: fill(zh, values, |words| &words.zh) }
}

fn fill(template: &str, values: &[(&str, Words)], of: fn(&Words) -> &str) -> String {
    let mut text = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('{') {
        text.push_str(before);
        let (name, after) = behind.split_once('}').unwrap_or((behind, ""));
        let value = values.iter().find(|(own, _)| *own == name);
        debug_assert!(value.is_some(), "nothing is known of `{name}` in `{template}`");
        text.push_str(value.map_or("", |(_, words)| of(words)));
        rest = after;
    }
    text.push_str(rest);
    text
}

/// Returns text that stands for itself in HTML and in the labels of pictures.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            // The drawing program knows only this spelling of quotes.
            '"' => safe.push_str("&#34;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// Returns at most `letters` letters of a text, with `…` where more were left out.
pub(crate) fn shortened(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    let kept: String = text.chars().take(letters.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fill_both_languages_and_are_not_looked_into() {
        let values = [("who", Words::data("{what} & <b>")), ("what", Words::new("a", "甲"))];
        let said = say("{who} sells {what}", "{what}由{who}卖出", &values);
        assert_eq!(said.en, "{what} &amp; &lt;b&gt; sells a");
        assert_eq!(said.zh, "甲由{what} &amp; &lt;b&gt;卖出");
    }

    #[test]
    fn long_titles_are_shortened_by_letters() {
        assert_eq!(shortened("红色连衣裙", 5), "红色连衣裙");
        assert_eq!(shortened("红色连衣裙长款", 5), "红色连衣…");
    }
}
