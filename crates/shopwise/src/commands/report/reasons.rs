//! Why a stage had nothing to do, in Chinese: stages say it in English, as the command line prints
//! it.

use super::words::Words;

/// What the stages say, with `#` for each figure, and the same in Chinese.
const REASONS: &[(&str, &str)] = &[
    ("there are no events yet; import some", "还没有事件，请先导入"),
    ("nothing is prepared yet; run `prepare`", "数据尚未整理，请先运行`prepare`"),
    ("customers are not prepared yet; run `prepare`", "客户数据尚未整理，请先运行`prepare`"),
    ("# customers have bought, # are needed", "已有#位客户购买，至少需要#位"),
    (
        "# customers did something with # products, # and # are needed",
        "#位客户与#件商品有过互动，至少需要#位客户和#件商品",
    ),
    (
        "# adverts were shown, # are needed; events `ad_shown` and `ad_clicked` bring them",
        "已展示#次广告，至少需要#次；由`ad_shown`和`ad_clicked`事件提供",
    ),
    (
        "nothing was shown by a decision; events `recommendation_shown` and `ad_shown` with a \
         decision bring it",
        "没有带决策编号的展示；由带决策编号的`recommendation_shown`和`ad_shown`事件提供",
    ),
];

/// Returns a reason in both languages; one that nobody has translated stays English.
pub(super) fn words(reason: &str) -> Words {
    let mut figures = Vec::new();
    let mut pattern = String::new();
    for character in reason.chars() {
        match (character.is_ascii_digit(), pattern.ends_with('#')) {
            (true, true) => figures.last_mut().map(|last: &mut String| last.push(character)),
            (true, false) => {
                figures.push(character.to_string());
                pattern.push('#');
                None
            }
            (false, _) => {
                pattern.push(character);
                None
            }
        };
    }
    let Some((_, chinese)) = REASONS.iter().find(|(english, _)| *english == pattern) else {
        return Words::data(reason);
    };
    let mut parts = chinese.split('#');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (figure, part) in figures.iter().zip(parts) {
        text.push_str(figure);
        text.push_str(part);
    }
    Words { zh: Words::data(&text).zh, ..Words::data(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_their_places() {
        let reason = words("12 customers did something with 3 products, 20 and 5 are needed");
        assert_eq!(reason.zh, "12位客户与3件商品有过互动，至少需要20位客户和5件商品");
        assert_eq!(reason.en, "12 customers did something with 3 products, 20 and 5 are needed");
        let unknown = words("a < b");
        assert_eq!((unknown.en.as_str(), unknown.zh.as_str()), ("a &lt; b", "a &lt; b"));
    }
}
