//! Splits a body into its envelope and its events, so that one bad event never costs its batch.
//!
//! An event that is no JSON may hide where it ends: a text without an end swallows what follows.
//! Then the next place is looked for at which a whole event stands, and what lies before it is the
//! broken one. This search has a budget, so that no body costs more than a few readings of it.

use std::ops::Range;

use super::EVENTS_MAX;
use super::scan::{Fault, after_space, is_space, key_end, rough_end, string_end, value_end};

/// Readings of the body that may be spent on finding events behind broken ones. A batch of a
/// hundred broken events needs a fraction of one.
const SEARCH_READINGS: usize = 4;

/// Bytes that may be read in search in any case, so that small bodies are searched to the end.
const SEARCH_BYTES_MIN: usize = 65_536;

/// One event of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) range: Range<usize>,
    /// Why it is no JSON.
    pub(super) fault: Option<Fault>,
}

/// What a body is made of.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) elements: Vec<Element>,
    /// Events above [`EVENTS_MAX`].
    pub(super) beyond: usize,
    pub(super) write_key: Option<Range<usize>>,
    pub(super) sent_at: Option<Range<usize>>,
    pub(super) context: Option<Range<usize>>,
    pub(super) integrations: Option<Range<usize>>,
    /// Whether the fields above belong to a batch, and not to one event alone.
    pub(super) is_batch: bool,
    /// `batch` when it is no list, and `type`.
    batch: Option<Range<usize>>,
    kind: Option<Range<usize>>,
}

impl Parts {
    fn note(&mut self, key: &[u8], value: Range<usize>) {
        let field = match key {
            b"writeKey" => &mut self.write_key,
            b"sentAt" => &mut self.sent_at,
            b"context" => &mut self.context,
            b"integrations" => &mut self.integrations,
            b"batch" => &mut self.batch,
            b"type" => &mut self.kind,
            _ => return,
        };
        *field = Some(value);
    }
}

/// How the members of an object go on.
enum Tail {
    /// Behind the object's end.
    End(usize),
    /// Behind the opening bracket of `batch`.
    Batch(usize),
    Fault(Fault),
}

/// Splits a body. `is_call` says that the path asks for one call: then a broken body is a broken
/// event, and no broken envelope.
pub(super) fn split(bytes: &[u8], is_call: bool) -> Result<Parts, Fault> {
    let start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let start = after_space(bytes, start);
    let budget = bytes.len().saturating_mul(SEARCH_READINGS).saturating_add(SEARCH_BYTES_MIN);
    let mut splitter = Splitter { bytes, budget, parts: Parts::default() };
    match bytes.get(start) {
        Some(b'[') => splitter.list(start + 1, Around::Nothing),
        Some(b'{') => splitter.object(start, is_call)?,
        None => return Err(Fault { at: start, what: "the body is empty" }),
        Some(_) => return Err(Fault { at: start, what: "neither an object nor a list" }),
    }
    Ok(splitter.parts)
}

/// What stands around a list of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    Nothing,
    Envelope,
}

struct Splitter<'a> {
    bytes: &'a [u8],
    /// Bytes that may still be read in search.
    budget: usize,
    parts: Parts,
}

impl Splitter<'_> {
    fn object(&mut self, start: usize, is_call: bool) -> Result<(), Fault> {
        let fault = match self.members(start + 1) {
            Tail::Batch(at) => {
                self.list(at, Around::Envelope);
                return Ok(());
            }
            Tail::End(end) => {
                self.single(start, end)?;
                return Ok(());
            }
            Tail::Fault(fault) => fault,
        };
        if let Some(at) = self.find_batch(start) {
            self.list(at, Around::Envelope);
        } else if is_call || self.parts.kind.is_some() {
            let end = self.candidate(start + 1, self.bytes.len());
            self.push(start..self.trimmed(end.unwrap_or(self.bytes.len())), Some(fault));
            if let Some(next) = end {
                self.list(next, Around::Nothing);
            }
        } else {
            return Err(fault);
        }
        Ok(())
    }

    /// Takes a body that is one event, or several one after the other.
    fn single(&mut self, start: usize, end: usize) -> Result<(), Fault> {
        let is_object = |range: &Range<usize>| self.bytes.get(range.start) == Some(&b'{');
        if let Some(batch) = self.parts.batch.take().filter(|_| self.parts.kind.is_none()) {
            self.parts.is_batch = true;
            if is_object(&batch) {
                self.push(batch, None);
            } else if self.bytes.get(batch.clone()) != Some(b"null") {
                return Err(Fault { at: batch.start, what: "`batch` is no list" });
            }
            return Ok(());
        }
        if after_space(self.bytes, start + 1) + 1 == end {
            return Err(Fault { at: start, what: "an object without anything in it" });
        }
        self.push(start..end, None);
        if after_space(self.bytes, end) < self.bytes.len()
            && let Some(next) = self.candidate(end, self.bytes.len())
        {
            self.list(next, Around::Nothing);
        }
        Ok(())
    }

    /// Reads members of an object from `at` on, where a key, a comma or the end may stand.
    fn members(&mut self, mut at: usize) -> Tail {
        loop {
            at = after_space(self.bytes, at);
            match self.bytes.get(at) {
                Some(b',') => {
                    at += 1;
                    continue;
                }
                Some(b'}') => return Tail::End(at + 1),
                Some(b'"') => {}
                _ => return Tail::Fault(Fault { at, what: "no key where one should be" }),
            }
            let member = match member(self.bytes, at) {
                Ok(member) => member,
                Err(fault) => return Tail::Fault(fault),
            };
            let opens_list = self.bytes.get(member.value) == Some(&b'[');
            if member.key == b"batch" && opens_list {
                return Tail::Batch(member.value + 1);
            }
            match value_end(self.bytes, member.value) {
                Ok(end) => {
                    self.parts.note(member.key, member.value..end);
                    at = end;
                }
                Err(fault) => return Tail::Fault(fault),
            }
        }
    }

    /// Takes the events of a list from `at` on, and what stands behind the list.
    fn list(&mut self, mut at: usize, around: Around) {
        self.parts.is_batch |= around == Around::Envelope;
        loop {
            at = self.elements(at);
            let behind = match around {
                Around::Nothing => Tail::End(at),
                Around::Envelope => self.members(at),
            };
            match behind {
                Tail::Batch(next) => {
                    at = next;
                    continue;
                }
                Tail::End(end) if after_space(self.bytes, end) == self.bytes.len() => return,
                Tail::End(_) | Tail::Fault(_) => {}
            }
            // A bracket too many in a broken event looks like the end of the list.
            let Some(next) = self.candidate(at, self.bytes.len()) else { return };
            let fault = Fault { at, what: "a bracket too many" };
            let range = after_space(self.bytes, at)..self.trimmed(next);
            if range.start < range.end {
                self.push(range, Some(fault));
            }
            at = next;
        }
    }

    /// Takes events up to the end of the list, and returns the position behind it.
    fn elements(&mut self, mut at: usize) -> usize {
        loop {
            at = after_space(self.bytes, at);
            match self.bytes.get(at) {
                None => return at,
                Some(b']') => return at + 1,
                Some(b',') => {
                    let fault = Fault { at, what: "nothing between two commas" };
                    self.push(at..at, Some(fault));
                    at += 1;
                    continue;
                }
                Some(_) => {}
            }
            let (end, fault) = self.element(at);
            self.push(at..end, fault);
            at = after_space(self.bytes, end);
            if self.bytes.get(at) == Some(&b',') {
                at += 1;
            }
        }
    }

    /// Returns where the element that begins at `start` ends, and whether it is broken.
    fn element(&mut self, start: usize) -> (usize, Option<Fault>) {
        let fault = match value_end(self.bytes, start) {
            Err(fault) => fault,
            Ok(end) => {
                let behind = self.bytes.get(after_space(self.bytes, end));
                let is_list = self.bytes.get(start) == Some(&b'[');
                match behind {
                    Some(b',' | b']') if !is_list => return (end, None),
                    // Events may hide in what one bracket that is missing has swallowed.
                    Some(b',' | b']') | None => {
                        let Some(next) = self.candidate(start + 1, end) else { return (end, None) };
                        let fault = Fault { at: start, what: "a bracket is missing" };
                        return (self.trimmed(next), Some(fault));
                    }
                    Some(_) => Fault { at: end, what: "no comma behind an event" },
                }
            }
        };
        self.spend(fault.at.saturating_sub(start));
        let rough = if self.budget > 0 { rough_end(self.bytes, start) } else { None };
        let limit = rough.unwrap_or(self.bytes.len());
        self.spend(limit - start);
        match self.candidate(start + 1, limit) {
            Some(next) => (self.trimmed(next), Some(fault)),
            None => (self.before_space(limit), Some(fault)),
        }
    }

    /// Returns the first place from `from` on, and before `limit`, at which a whole event begins
    /// that follows another value.
    fn candidate(&mut self, from: usize, limit: usize) -> Option<usize> {
        let mut before = from.checked_sub(1).and_then(|at| self.bytes.get(at)).copied();
        for at in from..limit {
            let byte = *self.bytes.get(at)?;
            if byte == b'{' && matches!(before, Some(b',' | b'}')) {
                if self.budget == 0 {
                    return None;
                }
                let (is_event, end) = looks_like_an_event(self.bytes, at);
                self.spend(end.saturating_sub(at));
                if is_event {
                    return Some(at);
                }
            }
            if !is_space(&byte) {
                before = Some(byte);
            }
        }
        self.spend(limit.saturating_sub(from));
        None
    }

    /// Returns the position behind the opening bracket of a `batch`, wherever it stands.
    fn find_batch(&self, start: usize) -> Option<usize> {
        const KEY: &[u8] = b"\"batch\"";
        let rest = self.bytes.get(start..)?;
        let mut windows = rest.windows(KEY.len()).enumerate();
        windows.find_map(|(at, window)| {
            let member = (window == KEY).then(|| member(self.bytes, start + at).ok())??;
            (self.bytes.get(member.value) == Some(&b'[')).then_some(member.value + 1)
        })
    }

    fn push(&mut self, range: Range<usize>, fault: Option<Fault>) {
        if self.parts.elements.len() < EVENTS_MAX {
            self.parts.elements.push(Element { range, fault });
        } else {
            self.parts.beyond += 1;
        }
    }

    /// Returns where what stands before an event ends, without the comma between them.
    fn trimmed(&self, next: usize) -> usize {
        let end = self.before_space(next);
        let comma = end.checked_sub(1).filter(|at| self.bytes.get(*at) == Some(&b','));
        comma.map_or(end, |comma| self.before_space(comma))
    }

    fn before_space(&self, mut end: usize) -> usize {
        while end > 0 && self.bytes.get(end - 1).is_some_and(is_space) {
            end -= 1;
        }
        end
    }

    fn spend(&mut self, bytes: usize) {
        self.budget = self.budget.saturating_sub(bytes.max(1));
    }
}

struct Member<'a> {
    /// As it is written, without its quotes.
    key: &'a [u8],
    /// Where the value begins.
    value: usize,
}

fn member(bytes: &[u8], at: usize) -> Result<Member<'_>, Fault> {
    let value = after_space(bytes, key_end(bytes, at)?);
    let key = bytes.get(at + 1..string_end(bytes, at)? - 1).unwrap_or_default();
    Ok(Member { key, value })
}

/// Returns whether a whole event stands at `at`, and how far was read to tell.
fn looks_like_an_event(bytes: &[u8], at: usize) -> (bool, usize) {
    let mut is_event = false;
    let mut end = after_space(bytes, at + 1);
    loop {
        if bytes.get(end) != Some(&b'"') {
            return (false, end);
        }
        let (key, value) = match member(bytes, end) {
            Ok(member) => (member.key, member.value),
            Err(fault) => return (false, fault.at.max(end)),
        };
        end = match value_end(bytes, value) {
            Ok(end) => end,
            // All that was read: a text without an end was read to the end of the body.
            Err(fault) => return (false, fault.at.max(value)),
        };
        is_event |= match key {
            b"messageId" | b"userId" | b"anonymousId" => true,
            b"type" => bytes.get(value..end).is_some_and(is_verb),
            _ => false,
        };
        end = after_space(bytes, end);
        match bytes.get(end) {
            Some(b',') => end = after_space(bytes, end + 1),
            Some(b'}') => break,
            _ => return (false, end),
        }
    }
    let behind = bytes.get(after_space(bytes, end + 1));
    (is_event && matches!(behind, None | Some(b',' | b']' | b'}' | b'{')), end)
}

fn is_verb(quoted: &[u8]) -> bool {
    let name = quoted.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    name.and_then(|name| std::str::from_utf8(name).ok())
        .is_some_and(|name| super::Verb::from_name(name).is_some())
}
