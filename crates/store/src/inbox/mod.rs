//! The inbox: what was collected and is not in the lake yet, durable before it is acknowledged.
//!
//! Whatever [`Inbox::accept`] returned a verdict for is on disk, each event stored exactly once for
//! 30 days of repeats, and received = stored + duplicate + quarantined + refused holds after every
//! transaction. What is damaged later is found by checksums and by gaps in the numbers, counted and
//! said. It does not know HTTP, JSON or the lake: the collection server fills it, the drainer reads
//! it and forgets what the lake has.
//!
//! An SQLite file of its own, so that the ledger's writers never delay an acknowledgement, or
//! PostgreSQL; several processes may share it. The verbs block; times are given by the caller.

mod accept;
mod body;
mod copy;
mod counts;
mod damage;
mod keys;
mod log;
mod mark;
mod quarantine;
mod read;
mod remember;
mod resume;
mod slots;
#[cfg(test)]
mod tests;
mod transaction;

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use accept::{Arrival, Delivery, Verdict};
pub(crate) use copy::{copy, move_in};
pub use counts::{Counts, Tally};
pub use damage::Damage;
pub use quarantine::{Quarantined, Replay};
pub use read::Entry;
pub use slots::{Activity, SLOT};

use sqlx::Connection as _;

use crate::database::{Database, Plan};
use crate::{Error, Result};
use mark::Mark;
use transaction::Writer;

/// The changes of the schema in order. Only added to: a shop holds what earlier ones made.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "inbox", include_str!("migrations/0001_inbox.sql")),
    (2, "slots", include_str!("migrations/0002_slots.sql")),
];

/// How the inbox wants its database.
///
/// A commit is on disk when it returns. A writer waits 5 seconds for another one, well within the
/// 10 seconds after which the official clients give up. A process that vanished within a
/// transaction holds the others up for 10 seconds at most.
static PLAN: Plan = Plan {
    owner: "inbox",
    migrations: MIGRATIONS,
    migrations_table: "inbox_migrations",
    sqlite_session: "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
                     PRAGMA synchronous = FULL;",
    postgres_session: "SET synchronous_commit = on; SET lock_timeout = '5s'; \
                       SET idle_in_transaction_session_timeout = '10s';",
    connections_max: 3,
    wait: Duration::from_secs(5),
};

/// Events in one delivery: forty times the 2,500 that Segment's description allows.
pub const EVENTS_MAX: usize = 100_000;

/// Bytes of the events of one delivery, with 4 for each event's length: four times the 4 MiB a
/// request may have, so that repairs may lengthen it. Bounds what one row unpacks to.
pub const EVENTS_BYTES_MAX: usize = 16 << 20;

/// Deliveries in one transaction: a row lock held for more would delay the other processes.
pub const DELIVERIES_MAX: usize = 1_000;

/// Bytes of a source's name, of a reason, and of a message id (Segment's are below 100).
pub const NAME_BYTES_MAX: usize = 1_000;

/// How many days a key must be kept for: see [`Inbox::expire`].
pub const KEY_DAYS: i64 = 30;

/// The inbox, opened.
#[derive(Debug)]
pub struct Inbox {
    database: Database,
    writer: Mutex<Writer>,
    broken: AtomicBool,
    mark: Mark,
}

impl Inbox {
    /// Opens the inbox, brings its schema to this program's version, and loads the keys.
    ///
    /// `url` is `sqlite://path` (made if missing) or `postgres://user@host/database`. Keys that
    /// memory does not hold go into files without a name in `folder`.
    ///
    /// # Errors
    /// When the URL is no such one, the database cannot be reached, a newer program wrote it, or it
    /// is damaged in a way that no longer tells what it holds.
    pub fn open(url: &str, folder: &Path) -> Result<Self> {
        let seen = Seen::of(url)?;
        Self::with(Database::open(url, &PLAN)?, seen, folder)
    }

    /// Opens the inbox for a look at what waits in it: at once, as the keys are left where they
    /// are. Whoever writes all the same waits for them to be read then.
    ///
    /// # Errors
    /// When the URL is no such one, the database cannot be reached, or a newer program wrote it.
    pub fn open_to_read(url: &str, folder: &Path) -> Result<Self> {
        let seen = Seen::of(url)?;
        Self::checked(Database::open(url, &PLAN)?, seen, folder)
    }

    /// Opens a schema of its own within a PostgreSQL database, made if missing.
    ///
    /// # Errors
    /// As [`Inbox::open`]; and when the name is not made of lower-case letters, digits and `_`.
    pub fn open_in_schema(url: &str, schema: &str, folder: &Path) -> Result<Self> {
        Self::with(Database::open_in_schema(url, schema, &PLAN)?, Seen::default(), folder)
    }

    fn with(database: Database, seen: Seen, folder: &Path) -> Result<Self> {
        let inbox = Self::checked(database, seen, folder)?;
        inbox.refresh()?;
        if !inbox.writer.lock().map_err(|_| panicked())?.damaged.is_empty() {
            inbox.write(0, async |_| Ok(()))?;
        }
        Ok(inbox)
    }

    /// Checks what the database says of itself; the keys are not read.
    fn checked(database: Database, seen: Seen, folder: &Path) -> Result<Self> {
        let Seen { lost, mark, marked } = seen;
        let writer = Mutex::new(Writer::new(folder));
        let inbox = Self { database, writer, broken: AtomicBool::new(false), mark };
        let checked: Result<()> = inbox.database.block(async {
            let mut connection = inbox.database.connect().await?;
            let mut check = transaction::begin(&inbox.database, &mut connection).await?;
            damage::check_sequence(&mut check).await?;
            if let Some(lost) = lost {
                let value = transaction::peek(&mut check).await?.first - 1;
                damage::note(&mut check, "log", value, &lost, &[]).await?;
            }
            if let Some(marked) = marked {
                damage::check_mark(&mut check, marked).await?;
            }
            check.commit().await?;
            Ok(connection.close().await?)
        });
        checked.map_err(|error| inbox.judge(error))?;
        Ok(inbox)
    }

    /// Tells whether the inbox refuses to write until it is opened again: after the disk failed to
    /// say that something is durable, trying once more would prove nothing.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// Returns the number of the last entry, whether it was forgotten or not.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last(&self) -> Result<i64> {
        self.query(async |pool| Ok(transaction::peek(&mut *pool.acquire().await?).await?.first - 1))
    }

    /// Returns the number of the last entry that was forgotten, because the lake holds it; 0 when
    /// none was.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn forgotten(&self) -> Result<i64> {
        self.query(async |pool| Ok(transaction::peek(&mut *pool.acquire().await?).await?.forgotten))
    }

    /// Returns how many keys are remembered and the bytes of memory they take.
    ///
    /// # Errors
    /// When the inbox is broken.
    pub fn keys(&self) -> Result<(usize, usize)> {
        let writer = self.writer.lock().map_err(|_| panicked())?;
        Ok((writer.keys.len(), writer.keys.bytes()))
    }
}

/// What an SQLite file tells before SQLite reads it.
#[derive(Debug, Default)]
struct Seen {
    /// What its log has lost.
    lost: Option<String>,
    mark: Mark,
    /// The last entry that was acknowledged for certain.
    marked: Option<i64>,
}

impl Seen {
    fn of(url: &str) -> Result<Self> {
        let path = url.strip_prefix("sqlite:").map(|path| path.trim_start_matches("//"));
        let Some(path) = path.and_then(|path| path.split('?').next()) else {
            return Ok(Self::default());
        };
        let lost = log::check(Path::new(path))?;
        let (mark, marked) = Mark::open(Path::new(path));
        Ok(Self { lost, mark, marked })
    }
}

fn panicked() -> Error {
    Error::Broken("an earlier write did not end".to_owned())
}
