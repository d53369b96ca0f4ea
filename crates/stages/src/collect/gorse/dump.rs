//! The binary file of `gorse-cli dump`: parts of users, items and feedback, each after a mark, each
//! record a message of Protocol Buffers behind its length. Records become JSON as gorse exports it.

use serde_json::{Map, Value};
use shopwise_model::time::{self, SECOND};
use shopwise_store::source::{BATCH_ROWS, BadRow, Block, Blocks, RawBatch};

use crate::error::Result;

/// The marks before the three parts.
const USERS: i64 = -1;
const ITEMS: i64 = -2;
const FEEDBACK: i64 = -3;

/// The mark behind the last part.
const END: i64 = 0;

/// What a field of a message is.
#[derive(Clone, Copy)]
enum Holds {
    Text,
    Texts,
    Json,
    Flag,
    Number,
    Moment,
}

/// The fields of the messages: number, name in JSON, what they hold (gorse's `protocol.proto`).
const USER: &[(u64, &str, Holds)] =
    &[(1, "UserId", Holds::Text), (2, "Labels", Holds::Json), (3, "Comment", Holds::Text)];
const ITEM: &[(u64, &str, Holds)] = &[
    (2, "ItemId", Holds::Text),
    (3, "IsHidden", Holds::Flag),
    (4, "Categories", Holds::Texts),
    (5, "Timestamp", Holds::Moment),
    (6, "Labels", Holds::Json),
    (7, "Comment", Holds::Text),
];
const GIVEN: &[(u64, &str, Holds)] = &[
    (2, "FeedbackType", Holds::Text),
    (3, "UserId", Holds::Text),
    (4, "ItemId", Holds::Text),
    (5, "Value", Holds::Number),
    (6, "Timestamp", Holds::Moment),
    (7, "Comment", Holds::Text),
    (9, "Labels", Holds::Json),
];

/// A dump, being read. A record's line is its number in the file.
#[derive(Debug)]
pub(in crate::collect) struct Dump {
    blocks: Blocks,
    part: i64,
    record: u64,
    is_over: bool,
}

impl Dump {
    pub(in crate::collect) fn new(blocks: Blocks) -> Self {
        Self { blocks, part: END, record: 0, is_over: false }
    }

    /// Returns the next records as JSON, `None` at the end.
    pub(in crate::collect) fn next_batch(&mut self) -> Result<Option<RawBatch>> {
        let (mut texts, mut bad) = (Vec::new(), Vec::new());
        while !self.is_over && texts.len() + bad.len() < BATCH_ROWS {
            match self.blocks.next_block()? {
                None => break,
                // What the server says behind the end is no part of the dump.
                Some(Block::Mark(END)) => self.is_over = true,
                Some(Block::Mark(mark)) => self.part = mark,
                Some(Block::Broken(why)) => bad.push(self.refused(&why)),
                Some(Block::Bytes(bytes)) => match record(self.part, &bytes) {
                    Ok(text) => {
                        self.record += 1;
                        texts.push((self.record, text));
                    }
                    Err(why) => bad.push(self.refused(why)),
                },
            }
        }
        let is_over = texts.is_empty() && bad.is_empty();
        Ok((!is_over).then(|| RawBatch::of_texts(&texts, bad)))
    }

    fn refused(&mut self, why: &str) -> BadRow {
        self.record += 1;
        let (field, value) = (String::new(), String::new());
        BadRow { line: self.record, field, value, reason: why.to_owned() }
    }
}

/// Returns a record of a part as JSON.
fn record(part: i64, bytes: &[u8]) -> std::result::Result<String, &'static str> {
    let fields = match part {
        USERS => USER,
        ITEMS => ITEM,
        FEEDBACK => GIVEN,
        _ => return Err("a record of an unknown part"),
    };
    let object = message(fields, bytes).ok_or("a record that is no message")?;
    Ok(Value::Object(object).to_string())
}

/// Reads a message; `None` when it is none.
fn message(fields: &[(u64, &str, Holds)], bytes: &[u8]) -> Option<Map<String, Value>> {
    let mut object = Map::new();
    for (_, name, holds) in fields {
        // What has its zero value is left out of a message.
        let empty = match holds {
            Holds::Text => Value::from(""),
            Holds::Flag => Value::from(false),
            Holds::Number => Value::from(0.0),
            Holds::Texts | Holds::Json | Holds::Moment => Value::Null,
        };
        object.insert((*name).to_owned(), empty);
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        let (number, content) = next(&mut rest)?;
        let Some((_, name, holds)) = fields.iter().find(|(own, ..)| *own == number) else {
            continue;
        };
        let value = match (holds, content) {
            (Holds::Text, Content::Bytes(bytes)) => std::str::from_utf8(bytes).ok()?.into(),
            (Holds::Json, Content::Bytes(bytes)) => serde_json::from_slice(bytes).ok()?,
            (Holds::Flag, Content::Varint(flag)) => Value::from(flag != 0),
            (Holds::Number, Content::Eight(bytes)) => f64::from_le_bytes(bytes).into(),
            (Holds::Moment, Content::Bytes(bytes)) => moment(bytes)?,
            (Holds::Texts, Content::Bytes(bytes)) => {
                let text = std::str::from_utf8(bytes).ok()?;
                match object.get_mut(*name) {
                    Some(Value::Array(list)) => {
                        list.push(text.into());
                        continue;
                    }
                    _ => Value::from(vec![text]),
                }
            }
            _ => return None,
        };
        object.insert((*name).to_owned(), value);
    }
    Some(object)
}

/// Returns a moment as text: its seconds and billionths since 1970 are a message of their own.
fn moment(mut bytes: &[u8]) -> Option<Value> {
    let (mut seconds, mut billionths) = (0_i64, 0_i64);
    while !bytes.is_empty() {
        match next(&mut bytes)? {
            (1, Content::Varint(value)) => seconds = value.cast_signed(),
            (2, Content::Varint(value)) => billionths = value.cast_signed(),
            _ => return None,
        }
    }
    let at = seconds.checked_mul(SECOND)?.checked_add(billionths / 1_000)?;
    // The year 1 is nothing said.
    Some(if at < -60_000_000_000 * SECOND { Value::Null } else { time::format(at).into() })
}

/// What stands behind the number of a field.
enum Content<'a> {
    Varint(u64),
    Eight([u8; 8]),
    Four,
    Bytes(&'a [u8]),
}

/// Takes the next field away; `None` when there is none.
fn next<'a>(rest: &mut &'a [u8]) -> Option<(u64, Content<'a>)> {
    let tag = varint(rest)?;
    let content = match tag & 7 {
        0 => Content::Varint(varint(rest)?),
        1 => Content::Eight(take(rest, 8)?.try_into().ok()?),
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            Content::Bytes(take(rest, length)?)
        }
        5 => {
            take(rest, 4)?;
            Content::Four
        }
        _ => return None,
    };
    Some((tag >> 3, content))
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

/// Takes a number of seven bits a byte away, the lowest first.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *take(rest, 1)?.first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}
