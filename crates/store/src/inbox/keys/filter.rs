//! A split block Bloom filter: says of most that are not there that they are not.
//!
//! One block of 32 bytes holds all bits of a message, one in each of its eight words, so that a
//! look costs one miss of the cache (Putze, Sanders and Singler 2007, "Cache-, Hash- and
//! Space-Efficient Bloom Filters"; the layout is the one of Parquet's specification,
//! `BloomFilter.md`).

/// Bits for each message: some two of a thousand that are not there are asked further.
const BITS: usize = 16;

/// Words of a block.
const WORDS: usize = 8;

/// Odd numbers, one for each word of a block (Parquet's specification).
const SALT: [u32; WORDS] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
    0x5c6b_fb31,
];

/// A filter of messages, which are hashes already.
#[derive(Debug)]
pub(super) struct Filter {
    blocks: Vec<[u32; WORDS]>,
}

impl Filter {
    /// Makes a filter for that many messages.
    pub(super) fn new(messages: usize) -> Self {
        let blocks = (messages * BITS).div_ceil(WORDS * u32::BITS as usize).max(1);
        Self { blocks: vec![[0; WORDS]; blocks] }
    }

    /// Adds a message.
    pub(super) fn insert(&mut self, message: u64) {
        let block = self.block(message);
        for (word, bit) in self.blocks[block].iter_mut().zip(bits(message)) {
            *word |= bit;
        }
    }

    /// Returns false only when the message was not added.
    pub(super) fn may_hold(&self, message: u64) -> bool {
        let block = &self.blocks[self.block(message)];
        block.iter().zip(bits(message)).all(|(word, bit)| word & bit != 0)
    }

    /// Returns the bytes of memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.blocks.len() * size_of::<[u32; WORDS]>()
    }

    /// Returns the block of a message: its leading half as a fraction of the blocks.
    fn block(&self, message: u64) -> usize {
        (((message >> 32) * self.blocks.len() as u64) >> 32) as usize
    }
}

/// Returns the bit of each word, from the half of the message that does not choose the block.
fn bits(message: u64) -> [u32; WORDS] {
    SALT.map(|salt| 1 << ((message as u32).wrapping_mul(salt) >> 27))
}
