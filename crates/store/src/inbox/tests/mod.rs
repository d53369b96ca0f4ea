mod damage;
mod once;
mod speed;
mod verbs;

use std::path::Path;

use super::*;
use crate::database::testing;

/// A database that inboxes are opened on, again and again.
struct Place {
    url: String,
    schema: Option<String>,
}

impl Place {
    fn sqlite(folder: &Path) -> Self {
        Self { url: format!("sqlite://{}/inbox.db", folder.display()), schema: None }
    }

    fn open(&self) -> Inbox {
        let folder = std::env::temp_dir();
        match &self.schema {
            Some(schema) => Inbox::open_in_schema(&self.url, schema, &folder).unwrap(),
            None => Inbox::open(&self.url, &folder).unwrap(),
        }
    }
}

/// Runs the check on SQLite and, where it answers, on PostgreSQL.
fn on_both(check: impl Fn(&Place)) {
    let folder = tempfile::tempdir().unwrap();
    check(&Place::sqlite(folder.path()));
    let Some(url) = testing::postgres() else {
        println!("skipped on PostgreSQL: none answers");
        return;
    };
    let schema = testing::own_schema();
    let place = Place { url, schema: Some(schema.clone()) };
    let inbox = place.open();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&place)));
    testing::drop_schema(&inbox.database, &schema);
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

/// An event whose key and body say the message and the payload.
fn event(message: u64, payload: u64) -> Arrival {
    let key: [u8; 16] =
        std::array::from_fn(|place| [message.to_be_bytes(), payload.to_be_bytes()].concat()[place]);
    Arrival::Event { key, body: text(message, payload) }
}

fn text(message: u64, payload: u64) -> Vec<u8> {
    format!("{{\"messageId\":\"{message}\",\"payload\":{payload}}}").into_bytes()
}

fn delivery(source: &str, arrivals: impl IntoIterator<Item = Arrival>) -> Delivery {
    let arrivals = arrivals.into_iter().collect();
    Delivery { source: source.to_owned(), received_at: 7, arrivals }
}

/// Every event that is stored, in order.
fn stored(inbox: &Inbox) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    let mut after = 0;
    loop {
        let entries = inbox.read(after, 1_000).unwrap();
        let Some(last) = entries.last() else { return events };
        after = last.seq();
        for entry in entries {
            match entry {
                Entry::Whole { events: some, .. } => events.extend(some),
                Entry::Damaged { seq, problem } => panic!("{seq}: {problem}"),
            }
        }
    }
}
