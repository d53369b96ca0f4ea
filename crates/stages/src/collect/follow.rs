//! Following a file that grows: what is there, then what comes, until told to stop.
//!
//! Straight into the lake, a commit a group, and not through the inbox: so it needs no server, and
//! an event without an identifier is known by its content and its number in the file, as in every
//! import; the inbox knows messages by their identifiers, for 30 days.
//!
//! Exactly once is the lake's doing alone. Started again, the file is read from its beginning and
//! what the lake holds is dropped: only so is the second of two equal lines told from a line that
//! comes again. What the ledger remembers is where refused lines were written already, and which
//! file was read, in case it was moved away meanwhile.

use std::path::Path;

use shopwise_model::tables::EVENTS;
use shopwise_model::time::{DateFormat, SECOND};
use shopwise_store::source::{Grown, Mark, Tail};

use super::columns::Header;
use super::identity::Identities;
use super::input::Reads;
use super::sink::Sink;
use super::{ImportOptions, Opening, importer, observe, take_batch};
use crate::error::{Error, Result};
use crate::report::StageReport;
use crate::shop::Shop;

/// How long lines wait for others before they become visible: a commit is a file.
const GROUP: i64 = 2 * SECOND;

/// Commits after which the small files are joined.
const COMMITS_JOINED: u32 = 64;

/// What following asks of the program.
pub struct Ways<'a> {
    /// The moment now, UTC microseconds.
    pub now: &'a dyn Fn() -> i64,
    /// Waits a moment for more lines.
    pub pause: &'a dyn Fn(),
    /// Tells whether to stop.
    pub stops: &'a dyn Fn() -> bool,
    /// Is told how many rows were read.
    pub progress: &'a dyn Fn(u64),
    /// Is told what went wrong and stops nothing.
    pub warn: &'a dyn Fn(&str),
}

impl std::fmt::Debug for Ways<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Ways").finish_non_exhaustive()
    }
}

/// Imports a file of lines while it grows, until told to stop; what was read then is committed. The
/// caller sees to it that nobody else imports this source meanwhile.
///
/// # Errors
/// [`Error::Wrong`] for a format that is not read by lines; store errors. What was committed stays.
pub fn follow(
    shop: &Shop,
    format: &str,
    file: &Path,
    options: &ImportOptions,
    ways: &Ways<'_>,
) -> Result<StageReport> {
    let entry = importer(format)?;
    if entry.reads != Reads::Lines {
        let problem = format!("a file of format `{format}` cannot be followed while it grows");
        let hint = "hint: JSON lines of Segment calls can: --format segment";
        return Err(Error::Wrong(format!("{problem}\n{hint}")));
    }
    let source = options.source.clone().unwrap_or_else(|| entry.name.to_owned());
    let setting = setting(&source, file)?;
    let (tail, refused_through) = Tail::open(file, former(shop, &setting)?)?;
    let mut sink = Sink::open(shop, &source, options, (ways.now)())?;
    let mut importer = (entry.open)(&Opening { header: Header::new(&[]), options })?;
    sink.begin_file(file, DateFormat::YearFirst)?;
    sink.refused_through(refused_through);
    let mut group = Group {
        shop,
        setting,
        tail,
        ways,
        refused_through,
        waits_since: None,
        graph: None,
        commits: 0,
    };
    group.remember()?;
    loop {
        let now = (ways.now)();
        let stops = (ways.stops)();
        sink.receive_at(now);
        match group.tail.read()? {
            Grown::Lines(mut batch) => {
                group.waits_since.get_or_insert(now);
                take_batch(entry, &mut *importer, &mut batch, &mut sink)?;
                (ways.progress)(sink.rows_read());
            }
            Grown::NewFile => {
                // The old one is done with only when all of it is in the lake.
                group.commit(&mut sink)?;
                sink.begin_file(file, DateFormat::YearFirst)?;
                group.refused_through = 0;
                group.remember()?;
            }
            Grown::Nothing if stops => {}
            Grown::Nothing => (ways.pause)(),
        }
        if stops || group.waits_since.is_some_and(|since| (ways.now)() - since >= GROUP) {
            group.commit(&mut sink)?;
        }
        if stops {
            return Ok(sink.report());
        }
    }
}

/// Lines that become visible together.
struct Group<'a> {
    shop: &'a Shop,
    setting: String,
    tail: Tail,
    ways: &'a Ways<'a>,
    /// How far the ledger knows the file; nothing is remembered while it is read up to there again.
    refused_through: u64,
    /// When the first of them was read.
    waits_since: Option<i64>,
    graph: Option<Identities>,
    commits: u32,
}

impl Group<'_> {
    fn commit(&mut self, sink: &mut Sink<'_>) -> Result<()> {
        if self.waits_since.take().is_none() {
            return Ok(());
        }
        observe(self.shop, &mut self.graph, &sink.take_edges(), (self.ways.now)())?;
        sink.commit(None)?;
        self.remember()?;
        self.commits += 1;
        if self.commits >= COMMITS_JOINED {
            self.commits = 0;
            // A server may do the same at the same moment: then one of the two gives way.
            if let Err(error) = self.shop.lake.compact(&EVENTS) {
                (self.ways.warn)(&format!("small files were not joined: {error}"));
            }
        }
        Ok(())
    }

    fn remember(&self) -> Result<()> {
        let mark = self.tail.mark();
        if mark.line < self.refused_through {
            return Ok(());
        }
        let mark = serde_json::to_string(&mark).map_err(shopwise_store::Error::from)?;
        Ok(self.shop.ledger.set_setting(&self.setting, &mark)?)
    }
}

/// Returns the name under which the ledger keeps how far a file was read.
fn setting(source: &str, file: &Path) -> Result<String> {
    let path = file.canonicalize().map_err(shopwise_store::Error::io(file))?;
    Ok(format!("followed {source} {}", path.display()))
}

fn former(shop: &Shop, setting: &str) -> Result<Option<Mark>> {
    let text = shop.ledger.setting(setting)?;
    // A mark that cannot be read is none: the file is read from its beginning in any case.
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}
