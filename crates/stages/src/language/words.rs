//! Every word of the language, once: its two names and what it means.

use std::fmt::Write as _;

use shopwise_model::time::{DAY, SECOND};

/// In which of its two spellings an expression is written. They may be mixed when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// `price < 50 and stock > 0`
    English,
    /// `价格 < 50 且 库存 > 0`
    Chinese,
}

/// A unit of durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "their names say it")]
pub enum Unit {
    Minutes,
    Hours,
    Days,
    Weeks,
}

impl Unit {
    /// Returns its length in microseconds.
    #[must_use]
    pub fn micros(self) -> i64 {
        match self {
            Self::Minutes => 60 * SECOND,
            Self::Hours => 3600 * SECOND,
            Self::Days => DAY,
            Self::Weeks => 7 * DAY,
        }
    }
}

/// What is known of a product or of a customer and is no count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table of words says what each one means")]
pub enum Field {
    Id,
    Title,
    Category,
    Brand,
    Seller,
    Price,
    Cost,
    Stock,
    Hidden,
    AvailableFrom,
    AvailableUntil,
    FirstSeen,
    LastSeen,
    FirstOrder,
    LastOrder,
    Segment,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Number,
    Text,
    Flag,
    Moment,
    /// The segments of a customer, by their identifiers.
    Segments,
}

impl Field {
    pub(super) fn holds(self) -> Holds {
        match self {
            Self::Id | Self::Title | Self::Category | Self::Brand | Self::Seller => Holds::Text,
            Self::Price | Self::Cost | Self::Stock => Holds::Number,
            Self::Hidden => Holds::Flag,
            Self::Segment => Holds::Segments,
            Self::AvailableFrom
            | Self::AvailableUntil
            | Self::FirstSeen
            | Self::LastSeen
            | Self::FirstOrder
            | Self::LastOrder => Holds::Moment,
        }
    }

    /// Returns whether it is known of customers, not of products.
    #[must_use]
    pub fn is_of_customer(self) -> bool {
        matches!(
            self,
            Self::FirstSeen | Self::LastSeen | Self::FirstOrder | Self::LastOrder | Self::Segment
        )
    }
}

/// What is counted of a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the table of words says what each one means")]
pub enum Measure {
    Events,
    Sessions,
    Views,
    Carts,
    Orders,
    Pieces,
    Spent,
    Refunds,
    Refunded,
    Searches,
}

impl Measure {
    /// Returns whether it can be counted of some products alone.
    #[must_use]
    pub fn is_of_products(self) -> bool {
        !matches!(self, Self::Events | Self::Sessions | Self::Searches)
    }
}

/// What a customer did with a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table of words says what each one means")]
pub enum Deed {
    Viewed,
    Carted,
    Bought,
}

impl Deed {
    /// Returns the measure that is above 0 when he did it.
    #[must_use]
    pub fn measure(self) -> Measure {
        match self {
            Self::Viewed => Measure::Views,
            Self::Carted => Measure::Carts,
            Self::Bought => Measure::Orders,
        }
    }

    pub(super) fn of(measure: Measure) -> Option<Self> {
        [Self::Viewed, Self::Carted, Self::Bought]
            .into_iter()
            .find(|deed| deed.measure() == measure)
    }
}

/// A word as it is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    And,
    Or,
    Not,
    In,
    Contains,
    StartsWith,
    IsKnown,
    IsUnknown,
    Before,
    After,
    Within,
    Of,
    Ago,
    Ahead,
    Now,
    True,
    False,
    Customer,
    Attribute,
    Unit(Unit),
    Field(Field),
    Measure(Measure),
    Deed(Deed),
}

/// A line of the table.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) word: Word,
    pub(super) english: &'static str,
    pub(super) chinese: &'static str,
    meaning: [&'static str; 2],
}

impl Entry {
    pub(super) fn name(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.english,
            Language::Chinese => self.chinese,
        }
    }
}

macro_rules! words {
    ($($word:expr, $english:literal $chinese:literal $meaning:literal $meaning_zh:literal;)*) => {
        pub(super) static WORDS: &[Entry] = &[$(Entry {
            word: $word, english: $english, chinese: $chinese, meaning: [$meaning, $meaning_zh],
        }),*];
    };
}

use Deed::{Bought, Carted, Viewed};
use Field as F;
use Measure as M;

words! {
    Word::And, "and" "且" "both hold" "两者都成立";
    Word::Or, "or" "或" "one of them holds, or both" "至少一个成立";
    Word::Not, "not" "非" "it does not hold" "不成立";
    Word::In, "in" "属于" "is one of a list" "是列表中的一个";
    Word::Contains, "contains" "包含" "has this piece of text, or this entry in a list"
        "含有这段文字，或列表中有这一项";
    Word::StartsWith, "starts with" "开头是" "begins with this text" "以这段文字开头";
    Word::IsKnown, "is known" "已知" "has a value" "有值";
    Word::IsUnknown, "is unknown" "未知" "has none" "没有值";
    Word::Before, "before" "早于" "is earlier than a moment" "早于某一时刻";
    Word::After, "after" "晚于" "is later than a moment" "晚于某一时刻";
    Word::Within, "within" "近" "in the last so many days, hours, …" "最近若干天、小时……之内";
    Word::Of, "of" "其中" "counted for these products alone" "只计这些商品";
    Word::Ago, "ago" "前" "so long before now" "现在之前这么久";
    Word::Ahead, "ahead" "后" "so long after now" "现在之后这么久";
    Word::Now, "now" "现在" "this moment" "此刻";
    Word::True, "true" "是" "it is so" "是";
    Word::False, "false" "否" "it is not so" "不是";
    Word::Customer, "customer" "客户" "before a field of the customer: customer.orders"
        "用在客户字段之前：客户.订单数";
    Word::Attribute, "attribute" "属性" "before the name of any other attribute: attribute.colour"
        "用在其他属性名之前：属性.颜色";
    Word::Unit(Unit::Minutes), "minutes" "分钟" "a duration; 1 minute is read as well" "时长";
    Word::Unit(Unit::Hours), "hours" "小时" "a duration of 60 minutes" "时长，60 分钟";
    Word::Unit(Unit::Days), "days" "天" "a duration of 24 hours" "时长，24 小时";
    Word::Unit(Unit::Weeks), "weeks" "周" "a duration of 7 days" "时长，7 天";
    Word::Field(F::Id), "id" "编号" "the product's identifier, letter by letter"
        "商品编号，逐字相同";
    Word::Field(F::Title), "title" "标题" "the product's title" "商品标题";
    Word::Field(F::Category), "category" "类别"
        "the product's category: one equals each level above it" "商品类别：等于其每一上级";
    Word::Field(F::Brand), "brand" "品牌" "the product's brand" "商品品牌";
    Word::Field(F::Seller), "seller" "卖家" "who sells the product" "谁在卖";
    Word::Field(F::Price), "price" "价格" "the product's price in the shop's currency"
        "商品价格，店铺货币";
    Word::Field(F::Cost), "cost" "成本" "what a piece costs the shop" "每件成本";
    Word::Field(F::Stock), "stock" "库存" "pieces in stock" "库存件数";
    Word::Field(F::Hidden), "hidden" "隐藏" "whether the product is kept off every list"
        "商品是否不出现在任何列表";
    Word::Field(F::AvailableFrom), "available_from" "上架时间" "from when it may be sold"
        "何时开始可售";
    Word::Field(F::AvailableUntil), "available_until" "下架时间" "until when it may be sold"
        "何时停止可售";
    Word::Field(F::FirstSeen), "first_seen" "首次到访" "when the customer was seen first"
        "客户首次到访的时刻";
    Word::Field(F::LastSeen), "last_seen" "最近到访" "when the customer was seen last"
        "客户最近到访的时刻";
    Word::Field(F::FirstOrder), "first_order" "首次下单" "when the customer ordered first"
        "客户首次下单的时刻";
    Word::Field(F::LastOrder), "last_order" "最近下单" "when the customer ordered last"
        "客户最近下单的时刻";
    Word::Field(F::Segment), "segment" "分群" "the customer's segments, by identifier"
        "客户所在分群的编号";
    Word::Measure(M::Events), "events" "事件数" "events of whatever kind" "任何种类的事件数";
    Word::Measure(M::Sessions), "sessions" "会话数" "visits; in filters alone"
        "到访次数；仅用于筛选";
    Word::Measure(M::Views), "views" "浏览数" "views of products' pages" "商品页浏览次数";
    Word::Measure(M::Carts), "carts" "加购数" "times something was put into the cart" "加购次数";
    Word::Measure(M::Orders), "orders" "订单数" "orders" "订单数";
    Word::Measure(M::Pieces), "pieces" "件数" "pieces ordered" "订购件数";
    Word::Measure(M::Spent), "spent" "消费额" "what orders cost, in the shop's currency"
        "订单金额，店铺货币";
    Word::Measure(M::Refunds), "refunds" "退款数" "refunds" "退款次数";
    Word::Measure(M::Refunded), "refunded" "退款额" "what was paid back" "退款金额";
    Word::Measure(M::Searches), "searches" "搜索数" "searches" "搜索次数";
    Word::Deed(Viewed), "viewed" "浏览" "he looked at the product; in segments: at any"
        "浏览过该商品；分群中：任一商品";
    Word::Deed(Carted), "carted" "加购" "he put it into the cart" "加购过";
    Word::Deed(Bought), "bought" "购买" "he ordered it" "购买过";
}

/// Returns the name of a word.
pub(super) fn name(word: Word, language: Language) -> &'static str {
    let entry = WORDS.iter().find(|entry| entry.word == word);
    entry.map_or("", |entry| entry.name(language))
}

/// Returns the table of words for the documentation.
#[must_use]
pub fn table() -> String {
    let mut text = "| English | 中文 | meaning | 含义 |\n|---|---|---|---|\n".to_owned();
    for Entry { english, chinese, meaning: [meaning, meaning_zh], .. } in WORDS {
        writeln!(text, "| `{english}` | `{chinese}` | {meaning} | {meaning_zh} |")
            .unwrap_or_default();
    }
    text
}
