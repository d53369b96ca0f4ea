//! Blocks of bytes, each behind its length, as programs dump what they hold: a length is eight
//! bytes, the lowest first, and one that is not positive is a mark between blocks.

use std::path::Path;

use super::batch::LINE_BYTES_MAX;
use super::bytes::ByteStream;
use crate::Result;

/// The first mark of a file is above this: what begins otherwise has no blocks.
const MARK_MIN: i64 = -256;

/// What stands next in a file of blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Bytes: never none.
    Bytes(Vec<u8>),
    /// A mark: a number that is not positive.
    Mark(i64),
    /// A block that is too long, or that the file breaks off in: nothing can be read behind it.
    Broken(String),
}

/// A file of blocks, being read.
#[derive(Debug)]
pub struct Blocks {
    stream: ByteStream,
    /// The mark that the file begins with, until it is asked for.
    first: Option<i64>,
    is_over: bool,
}

/// Opens a file of blocks, plain or compressed; `None` when it does not begin with a mark, as a
/// text never does.
///
/// # Errors
/// When the file cannot be read.
pub fn open_blocks(path: &Path) -> Result<Option<Blocks>> {
    let stream = ByteStream::open_binary(path)?;
    let mut blocks = Blocks { stream, first: None, is_over: false };
    let mut head = [0; 8];
    if blocks.fill(&mut head)? < head.len() {
        return Ok(None);
    }
    let mark = i64::from_le_bytes(head);
    blocks.first = Some(mark);
    Ok((MARK_MIN..0).contains(&mark).then_some(blocks))
}

impl Blocks {
    /// Returns what stands next, `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_block(&mut self) -> Result<Option<Block>> {
        if self.is_over {
            return Ok(None);
        }
        let length = match self.first.take() {
            Some(first) => first,
            None => {
                let mut head = [0; 8];
                match self.fill(&mut head)? {
                    0 => return Ok(None),
                    8 => i64::from_le_bytes(head),
                    _ => return Ok(Some(self.broken("the file breaks off"))),
                }
            }
        };
        let Ok(length) = usize::try_from(length) else { return Ok(Some(Block::Mark(length))) };
        if length == 0 {
            return Ok(Some(Block::Mark(0)));
        }
        if length > LINE_BYTES_MAX {
            return Ok(Some(self.broken("a block is longer than 1048576 bytes")));
        }
        let mut bytes = vec![0; length];
        if self.fill(&mut bytes)? < length {
            return Ok(Some(self.broken("the file breaks off")));
        }
        Ok(Some(Block::Bytes(bytes)))
    }

    /// Fills a buffer as far as the file reaches; returns how far that is.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let chunk = self.stream.chunk()?;
            let count = chunk.len().min(buffer.len() - filled);
            if count == 0 {
                break;
            }
            buffer[filled..filled + count].copy_from_slice(&chunk[..count]);
            self.stream.consume(count);
            filled += count;
        }
        Ok(filled)
    }

    fn broken(&mut self, why: &str) -> Block {
        self.is_over = true;
        Block::Broken(self.stream.broken().unwrap_or(why).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(bytes: &[u8]) -> Option<Vec<Block>> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dump");
        std::fs::write(&file, bytes).unwrap();
        let mut open = open_blocks(&file).unwrap()?;
        let mut all = Vec::new();
        while let Some(block) = open.next_block().unwrap() {
            all.push(block);
        }
        Some(all)
    }

    #[test]
    fn blocks_and_marks_are_read_until_the_file_ends_or_breaks_off() {
        let mark = |number: i64| number.to_le_bytes();
        let two = [&mark(-1)[..], &mark(2), b"ab", &mark(0)].concat();
        let read = [Block::Mark(-1), Block::Bytes(b"ab".to_vec()), Block::Mark(0)];
        assert_eq!(blocks(&two).unwrap(), read);
        let cut = blocks(&two[..17]).unwrap();
        assert_eq!(cut[1], Block::Broken("the file breaks off".to_owned()));
        let long = [&mark(-1)[..], &mark(i64::MAX), b"ab"].concat();
        assert!(matches!(&blocks(&long).unwrap()[..], [Block::Mark(-1), Block::Broken(_)]));
        assert_eq!(blocks(b"{\"UserId\": \"a\"}"), None);
        assert_eq!(blocks(b""), None);
    }
}
