//! HTTP messages whose length is told: as much as a proxy and a server of pages need.

use std::io::{self, BufRead, Write};

/// A request or an answer.
#[derive(Debug)]
pub(super) struct Message {
    head: String,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// Reads the next message; `None` when the other side has nothing more to say.
    pub(super) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match from.read_line(&mut head)? {
                0 if head.is_empty() => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => {}
            }
        }
        let mut message = Self { head, body: Vec::new() };
        if message.header("transfer-encoding").is_some() {
            return Err(io::Error::other("a message without a length"));
        }
        let length = message.header("content-length").map_or(Ok(0), str::parse::<usize>);
        message.body.resize(length.map_err(io::Error::other)?, 0);
        from.read_exact(&mut message.body)?;
        Ok(Some(message))
    }

    /// Returns an answer; `headers` end with a line break each.
    pub(super) fn answer(status: &str, headers: &str, body: Vec<u8>) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n");
        Self { head, body }
    }

    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&[self.head.as_bytes(), &self.body].concat())
    }

    pub(super) fn method(&self) -> &str {
        self.head.split(' ').next().unwrap_or_default()
    }

    /// Returns the path without what follows a `?`.
    pub(super) fn path(&self) -> &str {
        let target = self.head.split(' ').nth(1).unwrap_or_default();
        target.split('?').next().unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.find_map(|(own, value)| own.eq_ignore_ascii_case(name).then(|| value.trim()))
    }
}
