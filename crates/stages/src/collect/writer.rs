//! Writing events beside reading them: encoding a batch costs as much as reading the next one.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use shopwise_model::Frame;
use shopwise_model::tables::EVENTS;
use shopwise_store::Lake;
use shopwise_store::lake::Append;

use crate::error::{Error, Result};

/// Batches that wait: one is enough that neither side waits for the other.
const WAITING: usize = 1;

/// Encodes events on a thread of its own.
pub(super) struct Writer {
    /// Taken away when the last batch was given.
    batches: Option<SyncSender<Frame>>,
    thread: Option<JoinHandle<Result<Append>>>,
}

impl Writer {
    pub(super) fn begin(lake: &Lake) -> Result<Self> {
        let mut append = lake.append(&EVENTS)?;
        let (batches, received) = sync_channel::<Frame>(WAITING);
        let work = move || {
            for rows in received {
                append.write(&rows)?;
            }
            Ok(append)
        };
        let thread = std::thread::Builder::new()
            .name("write events".to_owned())
            .spawn(work)
            .map_err(|error| Error::Wrong(format!("cannot start a thread: {error}")))?;
        Ok(Self { batches: Some(batches), thread: Some(thread) })
    }

    /// Hands events over; they become visible with [`Writer::commit`].
    pub(super) fn write(&mut self, rows: Frame) -> Result<()> {
        let sent = self.batches.as_ref().is_some_and(|batches| batches.send(rows).is_ok());
        // Nobody takes batches any more: writing has failed, and the thread says why.
        if sent { Ok(()) } else { self.end().map(drop) }
    }

    /// Makes all events visible at once.
    pub(super) fn commit(mut self, transaction: Option<(&str, i64)>) -> Result<()> {
        let append = self.end()?;
        append.commit(transaction)?;
        Ok(())
    }

    fn end(&mut self) -> Result<Append> {
        self.batches = None;
        let stopped = || Error::Wrong("writing events stopped".to_owned());
        let thread = self.thread.take().ok_or_else(stopped)?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Writer {
    /// Waits until an import that failed has stopped writing.
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // What went wrong has been said already, or nobody waits for it.
            drop(thread.join());
        }
    }
}
