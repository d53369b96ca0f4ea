//! What is said of wrong texts in Chinese, and that nothing is said in English alone.

use std::collections::BTreeSet;

use shopwise_hostile::Random;

use super::*;

/// Checks that a mistake is told in Chinese, and in English without Chinese words, whichever of
/// them is asked for. What stands in backquotes or quotes may be in the other one.
pub(super) fn is_told_in_one_language_each(text: &str, mistake: &Mistake) {
    // A backquote of the text itself would hide where those of the message begin.
    if text.contains('`') {
        return;
    }
    for said in said(mistake, Language::Chinese) {
        assert!(!said.contains(|own: char| own.is_ascii_alphabetic()), "{said}\n{text}");
        assert!(said.contains(is_han), "{said}\n{text}");
    }
    for said in said(mistake, Language::English) {
        assert!(said.contains(|own: char| own.is_ascii_alphabetic()), "{said}\n{text}");
        // Advice repeats words of the text: `write customer.订单数`.
        assert!(text.contains(is_han) || !said.contains(is_han), "{said}\n{text}");
    }
}

/// Returns message and advice without what stands in backquotes or quotes.
fn said(mistake: &Mistake, language: Language) -> Vec<String> {
    let mistake = mistake.clone().told_in(language);
    let outside = |said: &str| {
        let said = said.replace(['“', '”'], "\"");
        let outside = said.split('`').step_by(2).flat_map(|piece| piece.split('"').step_by(2));
        outside.collect()
    };
    [Some(mistake.message()), mistake.advice()].into_iter().flatten().map(outside).collect()
}

fn is_han(own: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&own)
}

#[test]
fn mistakes_in_chinese_are_explained_in_chinese() {
    for (text, told) in [
        ("价隔 < 50", "无法识别 `价隔`，此处应为条件，开头是以下之一：编号、标题、类别、品牌、"),
        (
            "价隔 < 50",
            "下架时间、浏览、加购、购买、`属性.名称`、`非` 或 `(`（第 1 行，第 1 个字符）\n",
        ),
        ("价隔 < 50", "\n提示：是不是想写 `价格`？"),
        ("价格 <", "表达式不完整，还缺一个数（第 1 行，第 5 个字符）\n"),
        ("价格 < '五'", "`'五'` 不适合放在这里，应为一个数"),
        ("价格 < 便宜", "提示：文字要加引号：\"便宜\""),
        ("价格 < 50 库存 > 0", "应为连词 `且`、`或`，或者到此结束"),
        ("价格 ~ 5", "`~` 在这里没有意义（第 1 行，第 4 个字符）"),
        ("价格 < ￥50", "  价格 < ￥50\n  　　   ^^\n"),
        ("价格 < 5 && 库存 > 0", "提示：请写 `且`，`and` 也可以"),
        ("类别 > “茶”", "应为比较方式：`=`、`!=`、`属于`、`包含` 或 `开头是`"),
        ("类别 属于 “茶”", "应为写在 `( )` 里的列表"),
        ("类别 属于（“茶” “咖啡”）", "应为逗号 `,` 或右括号 `)`"),
        ("（价格 < 5", "这个左括号没有闭合（第 1 行，第 1 个字符）"),
        ("价格 < 5）", "这个右括号没有对应的左括号（第 1 行，第 7 个字符）"),
        ("标题 = “煎茶", "这段文字缺少结尾的引号（第 1 行，第 6 个字符）"),
        ("标题 = “煎茶", "\n提示：请在末尾加上 ”"),
        ("订单数 > 2", "`订单数` 是按客户统计的"),
        ("订单数 > 2", "提示：请写成 `客户.订单数`"),
        ("客户.价格 > 2", "`价格` 是商品的字段，不是客户的字段"),
        ("客户.件数 > 1", "`件数` 只用于分群；这里可用：事件数、会话数、浏览数、"),
        ("客户.最近到访 < 30", "还缺时间单位：分钟、小时、天、周"),
        ("客户.最近到访 = 2026-12-01", "提示：时刻几乎不会恰好相等"),
        ("客户.最近到访 早于 30 天", "还缺方向词 `前` 或 `后`"),
        ("下架时间 早于 2026-13-01", "`2026-13-01` 不是有效的日期"),
        ("近 3 天 客户.订单数 > 1", "在筛选中，`近` 只能与 `浏览`、`加购`、`购买` 连用"),
        ("购买 其中（价格 < 5）", "`其中 ( )` 只能用在分群里"),
        ("近 0 天 购买", "以此为单位的时长须为 1 到 3660 的整数（第 1 行，第 3 个字符）"),
        ("近 3 天 价格 < 5", "`价格` 只有此刻的值，不能与 `近` 连用"),
        ("属性 > 5", "缺少属性名"),
        ("隐藏 = 1", "应为真假值 `是` 或 `否`"),
        ("价格 < 5\n且\n库村 > 1", "（第 3 行，第 1 个字符）\n  库村 > 1\n  ^^^^\n"),
        ("类别 = “tea” 且 库村 > 1", "第 14 个字符）\n  类别 = “tea” 且 库村 > 1\n"),
    ] {
        let said = wrong(text, About::Products);
        assert!(said.contains(told), "{text}\n{said}");
    }
    for (text, told) in [
        ("价格 < 50", "`价格` 是商品的字段，而分群针对的是客户"),
        ("价格 < 50", "提示：请写明客户对这些商品做过什么：`购买 其中 (价格 …)`"),
        ("近 30 天 订单数", "提示：计数要与一个数比较：`订单数 >= 1`"),
        ("会话数 > 3", "`会话数` 只用于筛选"),
        ("分群 = “vip”", "分群不能由其他分群构成"),
        ("订单数 其中（购买）> 1", "`其中 ( )` 里只能写商品的字段"),
        ("订单数 其中（上架时间 近 7 天）> 1", "`其中 ( )` 里的条件不能随时间变化"),
        ("搜索数 其中（价格 < 5）> 1", "这一项不按商品统计"),
        ("近 3 天 近 3 天 购买", "应为条件，开头是以下之一：首次到访、"),
        ("近 3 天 订单数 近 3 天 > 1", "`近` 重复了（第 1 行，第 11 个字符）"),
    ] {
        let said = wrong(text, About::Customers);
        assert!(said.contains(told), "{text}\n{said}");
    }
}

#[test]
fn the_language_is_that_of_what_stands_outside_quotes_unless_a_reader_has_another() {
    for (text, is_chinese) in [
        ("category = “茶” stock > 0", false),
        ("title = '煎''茶' stock > 0", false),
        ("brand = 「茶", false),
        ("price < （５", false),
        ("价格 <", true),
        ("category = “tea” 且", true),
        ("price < 五十", true),
        ("〇", true),
    ] {
        let mistake = Expression::read(text, About::Products).unwrap_err();
        let [english, chinese] =
            [Language::English, Language::Chinese].map(|own| mistake.clone().told_in(own));
        assert_eq!(mistake, if is_chinese { chinese.clone() } else { english.clone() }, "{text}");
        assert!(chinese.to_string().contains(" 个字符）\n") && chinese.start == english.start);
        assert!(english.to_string().contains(", character "), "{english}");
    }
}

#[test]
fn no_kind_of_mistake_is_told_in_english_alone() {
    let words = words::WORDS.iter().flat_map(|entry| [entry.chinese, entry.english]);
    let signs =
        "( ) ， 、 . < >= = != 7 0.5 2026-12-01 2026-13-01 “茶” 'x' “ ~ & 价隔 prise 属性.颜色"
            .split(' ');
    let pieces: Vec<&str> = words.chain(signs).collect();
    let mut random = Random::new(7);
    let mut kinds = BTreeSet::new();
    for _ in 0..10_000 {
        let length = 1 + random.below(8);
        let text: Vec<&str> = (0..length).map(|_| pieces[random.below(pieces.len())]).collect();
        let text = text.join(" ");
        for about in [About::Products, About::Customers] {
            let Err(mistake) = Expression::read(&text, about) else { continue };
            is_told_in_one_language_each(&text, &mistake);
            kinds.insert(said(&mistake, Language::Chinese));
        }
    }
    assert!(kinds.len() > 40, "only {} kinds were met: {kinds:#?}", kinds.len());
}
