//! One question of the page with its answer, picture, table and advice.

use super::chart::Figure;
use super::table::Table;
use super::words::Words;

/// One question of the page.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub(super) id: &'static str,
    pub(super) question: Words,
    /// A short name for the list of contents.
    pub(super) name: Words,
    /// The answer as a sentence with numbers.
    pub(super) answer: Words,
    pub(super) blocks: Vec<Block>,
    /// What to do about it.
    pub(super) advice: Option<Words>,
}

/// What stands below an answer.
#[derive(Debug, Clone)]
pub(super) enum Block {
    /// Pictures, beside each other where there is room.
    Figures(Vec<Figure>),
    Table(Table),
    /// Large figures: what it is, how much, what changed.
    Tiles(Vec<[Words; 3]>),
    Note(Words),
    /// Something missing: what it is, and how to bring it.
    Missing(Words, Words),
    /// Lists with headings, beside each other where there is room.
    Lists(Vec<(Words, Vec<Words>)>),
}

impl Section {
    /// Returns a section that has an answer and nothing else yet.
    pub(super) fn new(id: &'static str, name: Words, question: Words, answer: Words) -> Self {
        Self { id, question, name, answer, blocks: Vec::new(), advice: None }
    }

    /// Returns the section with one more block.
    pub(super) fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// Returns the section with what to do.
    pub(super) fn advice(mut self, advice: Words) -> Self {
        self.advice = Some(advice);
        self
    }

    /// Returns the section of a question that cannot be answered yet: what is missing, and the
    /// commands that bring it.
    pub(super) fn missing(self, how: Words) -> Self {
        let answer = self.answer.clone();
        let mut section = self.with(Block::Missing(answer, how));
        section.answer = Words::default();
        section
    }
}
