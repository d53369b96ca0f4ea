//! A caller that keeps its connection.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// A connection on which one request is sent after the other.
pub(super) struct Client {
    stream: TcpStream,
    answers: BufReader<TcpStream>,
    /// What stood in the last answer.
    pub(super) body: Vec<u8>,
}

impl Client {
    pub(super) fn new(address: &str) -> Result<Self> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("no server at {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let answers = BufReader::new(stream.try_clone()?);
        Ok(Self { stream, answers, body: Vec::new() })
    }

    /// Sends a request as it stands, reads the answer to its end and returns its status.
    pub(super) fn send(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.write_all(request)?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("no HTTP: `{}`", line.trim()))?;
        let mut length = 0;
        loop {
            line.clear();
            self.answers.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        self.body.clear();
        self.answers.by_ref().take(length).read_to_end(&mut self.body)?;
        Ok(status)
    }

    /// Sends JSON to a path, or nothing, with a key or a token.
    pub(super) fn ask(&mut self, what: &str, key: &str, body: &str) -> Result<u16> {
        let length = body.len();
        let request = format!(
            "{what} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.send(request.as_bytes())
    }
}
