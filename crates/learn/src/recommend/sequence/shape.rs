//! The size of the network, and where each part of its weights stands.

use std::ops::Range;

/// The size of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Numbers that describe an item: a multiple of 16 for each head.
    pub(super) width: usize,
    pub(super) heads: usize,
    pub(super) blocks: usize,
    /// The most items that are looked at.
    pub(super) length: usize,
}

/// A part of the weights of a block, in the order in which they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Gain,
    Shift,
    Queries,
    QueriesBias,
    Mix,
    MixBias,
    SecondGain,
    SecondShift,
    Up,
    UpBias,
    Down,
    DownBias,
}

impl Part {
    pub(super) const ALL: [Self; 12] = [
        Self::Gain,
        Self::Shift,
        Self::Queries,
        Self::QueriesBias,
        Self::Mix,
        Self::MixBias,
        Self::SecondGain,
        Self::SecondShift,
        Self::Up,
        Self::UpBias,
        Self::Down,
        Self::DownBias,
    ];

    /// The matrices: what they take in, what they give out, in widths.
    pub(super) const MATRICES: [(Self, [usize; 2]); 4] =
        [(Self::Queries, [1, 3]), (Self::Mix, [1, 1]), (Self::Up, [1, 1]), (Self::Down, [1, 1])];

    fn length(self, width: usize) -> usize {
        match self {
            Self::Queries => 3 * width * width,
            Self::QueriesBias => 3 * width,
            Self::Mix | Self::Up | Self::Down => width * width,
            _ => width,
        }
    }
}

impl Shape {
    fn block_length(self) -> usize {
        Part::ALL.iter().map(|part| part.length(self.width)).sum()
    }

    /// Returns where a part of a block's weights stands.
    pub(super) fn part(self, block: usize, part: Part) -> Range<usize> {
        let before = Part::ALL.iter().take_while(|other| **other != part);
        let start: usize = before.map(|other| other.length(self.width)).sum();
        let start = block * self.block_length() + start;
        start..start + part.length(self.width)
    }

    /// Returns where gain and shift of the last norm stand.
    pub(super) fn last(self) -> [Range<usize>; 2] {
        let start = self.blocks * self.block_length();
        [start..start + self.width, start + self.width..start + 2 * self.width]
    }

    /// Returns where the vectors of the places stand.
    pub(super) fn places(self) -> Range<usize> {
        let start = self.last()[1].end;
        start..start + self.length * self.width
    }

    /// Returns how many weights there are besides the items.
    pub(super) fn weights(self) -> usize {
        self.places().end
    }

    pub(super) fn root(self) -> f32 {
        (self.width as f32).sqrt()
    }
}
