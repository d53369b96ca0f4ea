//! The words of the graph: kinds of identifiers and of evidence, what a fact and an edge are.
//!
//! Nothing here knows an identifier, only its pseudonym. The limits and priorities stand here.

/// What kind of identifier a pseudonym stands for, the most authoritative first: of two edges that
/// cannot both hold, the one between the more authoritative kinds does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The shop's own identifier of a customer, `userId`: files and calls meet in it.
    Customer,
    /// The number of a loyalty card.
    Loyalty,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// What an app calls the machine that it runs on.
    Device,
    /// What a browser or app calls a visitor that it does not know.
    Anonymous,
}

impl Kind {
    /// All kinds, the most authoritative first.
    pub const ALL: [Self; 6] =
        [Self::Customer, Self::Loyalty, Self::Email, Self::Phone, Self::Device, Self::Anonymous];

    /// Returns the name, which is also the kind that the vault hashes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Loyalty => "loyalty",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Device => "device",
            Self::Anonymous => "anonymous",
        }
    }

    /// Returns the kind of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns how many identifiers of the kind a person may have. As Segment has it: one user,
    /// five of the others. Browsers forget who they were every few days, so that visitors are only
    /// kept from growing without end.
    #[must_use]
    pub fn limit(self) -> usize {
        match self {
            Self::Customer => 1,
            Self::Loyalty | Self::Email | Self::Phone | Self::Device => 5,
            Self::Anonymous => 1_000,
        }
    }

    /// Returns how many customers may have used an identifier before it tells nobody apart: a
    /// browser with two is shared; an address may be a family's, and belongs to one of them.
    pub(super) fn customers_max(self) -> usize {
        match self {
            Self::Customer => usize::MAX,
            Self::Loyalty | Self::Email | Self::Phone => 5,
            Self::Device | Self::Anonymous => 1,
        }
    }
}

/// Neighbours that an identifier may have before it tells nobody apart: a script's user, a shop's
/// own address. It bounds what one more edge costs.
pub const NEIGHBOURS_MAX: usize = 2_000;

/// How two identifiers were seen together, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// Somebody of the shop noted it.
    Manual,
    /// A call said that one is the other's new name.
    Alias,
    /// A call said who the visitor is.
    Identify,
    /// An event carried both.
    Login,
    /// An order carried both.
    Order,
    /// A row of a file carried both.
    Import,
}

impl Evidence {
    /// All kinds, the strongest first.
    pub const ALL: [Self; 6] =
        [Self::Manual, Self::Alias, Self::Identify, Self::Login, Self::Order, Self::Import];

    /// Returns the name, as the ledger keeps it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Alias => "alias",
            Self::Identify => "identify",
            Self::Login => "login",
            Self::Order => "order",
            Self::Import => "import",
        }
    }

    /// Returns the kind of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|evidence| evidence.name() == name)
    }

    /// Returns whether it says who sat at a browser or device at that moment.
    pub(super) fn is_login(self) -> bool {
        matches!(self, Self::Manual | Self::Alias | Self::Identify | Self::Login)
    }
}

/// The pseudonym of an identifier, as 12 bytes: the graph holds millions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pseudonym([u8; 12]);

impl Pseudonym {
    /// Reads `c` and 24 lower-case hexadecimal digits, as the vault writes them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('c')?.as_bytes();
        let value = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        if digits.len() != 24 {
            return None;
        }
        let mut bytes = [0; 12];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = value(pair[0])? << 4 | value(pair[1])?;
        }
        Some(Self(bytes))
    }
}

impl std::fmt::Display for Pseudonym {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("c")?;
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Pseudonym {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, formatter)
    }
}

/// An identifier: its pseudonym and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// The pseudonym that events carry.
    pub pseudonym: Pseudonym,
    /// What it stands for.
    pub kind: Kind,
}

/// Two identifiers seen together once: a fact, which no later one makes untrue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// One identifier.
    pub a: Node,
    /// The other; which is which does not matter.
    pub b: Node,
    /// How they were seen together.
    pub evidence: Evidence,
    /// The source of the events.
    pub source: String,
    /// The event's identifier, or file and line.
    pub reference: String,
    /// When it happened, in UTC microseconds.
    pub at: i64,
}

/// Whether an edge holds its two identifiers together, and if not, why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Both are one person's.
    Active,
    /// The person would have too many identifiers of the kind.
    Limit(Kind),
    /// More customers used one of the two than it can tell apart.
    Shared,
    /// One of the two has more than [`NEIGHBOURS_MAX`] neighbours.
    Crowded,
    /// A human said that they, or others that would come together, are not one person.
    Apart,
}

impl Status {
    /// Returns the name, as the ledger keeps it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Limit(Kind::Customer) => "limit customer",
            Self::Limit(Kind::Loyalty) => "limit loyalty",
            Self::Limit(Kind::Email) => "limit email",
            Self::Limit(Kind::Phone) => "limit phone",
            Self::Limit(Kind::Device) => "limit device",
            Self::Limit(Kind::Anonymous) => "limit anonymous",
            Self::Shared => "shared",
            Self::Crowded => "crowded",
            Self::Apart => "apart",
        }
    }

    /// Returns the reason in a sentence.
    #[must_use]
    pub fn reason(self) -> String {
        match self {
            Self::Active => "holds both together".to_owned(),
            Self::Limit(kind) => {
                let (limit, name) = (kind.limit(), kind.name());
                format!("suspended: a person has at most {limit} of kind {name}")
            }
            Self::Shared => "suspended: several customers used one of the two".to_owned(),
            Self::Crowded => {
                format!("suspended: one of the two has more than {NEIGHBOURS_MAX} neighbours")
            }
            Self::Apart => "suspended: somebody of the shop set them apart".to_owned(),
        }
    }
}

/// What a human decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// The two are one person.
    Merge,
    /// The two are not.
    Apart,
}

impl Verb {
    /// Returns the name, as the ledger keeps it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Apart => "apart",
        }
    }
}

/// A decision about two identifiers, kept for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Its number, from 1.
    pub id: i64,
    /// What was decided.
    pub verb: Verb,
    /// One identifier.
    pub a: Node,
    /// The other.
    pub b: Node,
    /// Who decided.
    pub by: String,
    /// When, in UTC microseconds.
    pub at: i64,
    /// The later decision that took this one back.
    pub undone_by: Option<i64>,
}
