//! The sums of a file, beside it: a CRC-32 of each 64 KiB, looked at whenever a part is read.
//!
//! Parquet's writer sums no page, a Delta log's entry has none, and a flipped bit in either may
//! read as another value. `.NAME.crc` is written as Hadoop's local file system has it (`crc\0`,
//! the bytes of a block, the sums; numbers big endian), which readers of Delta tables know to pass
//! over. A file without one is read as it is: earlier versions wrote none.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::staged::{How, Staged};

/// Bytes of a block: reading a page costs at most two of them more.
const BLOCK: usize = 64 << 10;

const MAGIC: &[u8; 4] = b"crc\0";

/// Returns where the sums of a file are.
pub(super) fn path(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!(".{name}.crc"))
}

/// Tells whether a file of this name holds sums.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".crc")
}

/// Tells whether a file gets sums. The hint at the last checkpoint is written over in place, so
/// that a crash could part it from its sums; who cannot read it lists the log.
pub(super) fn are_kept(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name != "_last_checkpoint")
}

/// Writes the sums of a file.
pub(super) fn write(file: &Path) -> Result<()> {
    let mut sums = MAGIC.to_vec();
    sums.extend((BLOCK as u32).to_be_bytes());
    let opened = File::open(file)?;
    let size = opened.metadata()?.len();
    let mut block = vec![0; BLOCK];
    let mut at = 0;
    while at < size {
        let length = BLOCK.min(usize::try_from(size - at).unwrap_or(BLOCK));
        opened.read_exact_at(&mut block[..length], at)?;
        sums.extend(crc32fast::hash(&block[..length]).to_be_bytes());
        at += length as u64;
    }
    let mut staged = Staged::begin(&path(file))?;
    staged.write(&sums)?;
    staged.publish(How::InPlace)?;
    Ok(())
}

/// Reads a part of a file of this size.
///
/// # Errors
/// When it cannot be read, or is not what was written.
pub(super) fn read(file: &File, name: &Path, range: Range<u64>, size: u64) -> Result<Vec<u8>> {
    let wanted = |range: Range<u64>| -> Result<Vec<u8>> {
        let length = usize::try_from(range.end - range.start).map_err(Error::other)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes)
    };
    let sums = match std::fs::read(path(name)) {
        Ok(sums) => sums,
        Err(error) if error.kind() == ErrorKind::NotFound => return wanted(range),
        Err(error) => return Err(error),
    };
    let block = BLOCK as u64;
    let head = sums
        .split_at_checked(8)
        .filter(|(head, _)| head[..4] == *MAGIC && head[4..] == (BLOCK as u32).to_be_bytes());
    let Some((_, sums)) = head else { return Err(damaged("its sums are none")) };
    if sums.len() as u64 != size.div_ceil(block) * 4 {
        return Err(damaged("it has another length than when it was written"));
    }
    let from = range.start / block * block;
    let to = (range.end.div_ceil(block) * block).min(size);
    let mut bytes = wanted(from..to)?;
    let first = usize::try_from(from / block).map_err(Error::other)?;
    let (sums, _) = sums.as_chunks::<4>();
    for (at, part) in bytes.chunks(BLOCK).enumerate() {
        let sum = sums.get(first + at).map(|sum| u32::from_be_bytes(*sum));
        if sum != Some(crc32fast::hash(part)) {
            let start = from + at as u64 * block;
            let end = start + part.len() as u64;
            return Err(damaged(&format!("the checksum of bytes {start} to {end} is wrong")));
        }
    }
    let skipped = usize::try_from(range.start - from).map_err(Error::other)?;
    bytes.drain(..skipped);
    bytes.truncate(usize::try_from(range.end - range.start).map_err(Error::other)?);
    Ok(bytes)
}

fn damaged(problem: &str) -> Error {
    Error::new(
        ErrorKind::InvalidData,
        format!(
            "the file is damaged: {problem}\nhint: put it back from a backup; if only the `.crc` \
             file beside it is damaged, delete that one"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("part.parquet");
        std::fs::write(&file, bytes).unwrap();
        write(&file).unwrap();
        (folder, file)
    }

    fn part(path: &Path, range: Range<u64>) -> Result<Vec<u8>> {
        let file = File::open(path).unwrap();
        let size = file.metadata().unwrap().len();
        read(&file, path, range, size)
    }

    #[test]
    fn a_part_is_read_as_it_was_written() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
        let (_folder, file) = written(&bytes);
        for range in [0..200_000, 0..1, 65_535..65_537, 131_072..131_072, 199_999..200_000] {
            let (from, to) = (range.start as usize, range.end as usize);
            assert_eq!(part(&file, range).unwrap(), bytes[from..to]);
        }
    }

    #[test]
    fn a_flipped_bit_is_found_where_it_is_and_nowhere_else() {
        let (_folder, file) = written(&vec![7; 200_000]);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[70_000] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        assert!(part(&file, 0..65_536).is_ok());
        assert!(part(&file, 131_072..200_000).is_ok());
        let problem = part(&file, 100_000..100_001).unwrap_err().to_string();
        assert!(problem.contains("bytes 65536 to 131072"), "{problem}");
        std::fs::write(&file, &bytes[..199_999]).unwrap();
        assert!(part(&file, 0..1).is_ok(), "the block before the end is whole");
        assert!(part(&file, 199_000..199_001).is_err());
        std::fs::write(&file, &bytes[..60_000]).unwrap();
        assert!(part(&file, 0..1).unwrap_err().to_string().contains("another length"));
    }

    #[test]
    fn the_sums_are_those_of_hadoop() {
        // CRC-32 of "123456789", the check value of every catalogue of such sums.
        let (_folder, file) = written(b"123456789");
        let sums = std::fs::read(path(&file)).unwrap();
        assert_eq!(sums, b"crc\0\x00\x01\x00\x00\xcb\xf4\x39\x26");
    }
}
