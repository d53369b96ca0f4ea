//! Films as products: `item title genres`, with or without a header; and how the files of ratings
//! and films without one are told apart, which is by their names.

use std::path::Path;

use shopwise_model::Product;
use shopwise_store::source::{OpenOptions, RawBatch, Separator};

use super::catalogue::Has;
use super::input::{encoding, file_name};
use super::sink::Sink;
use super::values::field;
use super::{Importer, Opening};
use crate::error::Result;

pub(super) const ITEM: &[&str] = &["item", "item_id", "movie_id", "movieId"];
pub(super) const TITLE: &[&str] = &["title", "movie_title", "name"];
const GENRES: &[&str] = &["genres", "genre", "class", "categories"];

/// The columns of `u.item` after the address of the film: 1 where the film is of that genre.
const FLAGS: [&str; 19] = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
];

/// Returns how a file of this name is to be opened.
pub(super) fn options(path: &Path) -> Result<OpenOptions> {
    let name = file_name(path);
    let named = |columns: &[&str]| Some(columns.iter().map(|name| (*name).to_owned()).collect());
    let mut open = OpenOptions::default();
    if name.contains("u.item") {
        let first = ["item", "title", "release_date", "video_release_date", "address"];
        open.columns = named(&[&first[..], &FLAGS[..]].concat());
        open.separator = Some(Separator::Byte(b'|'));
        open.quotes = false;
    } else if name.contains("movies.dat") {
        open.columns = named(&["item", "title", "genres"]);
        open.separator = Some(Separator::DoubleColon);
    } else if name.contains("u.data") {
        open.columns = named(&["user", "item", "rating", "timestamp"]);
    } else if name.contains(".dat") {
        open.columns = named(&["user", "item", "rating", "timestamp"]);
        open.separator = Some(Separator::DoubleColon);
    }
    // The first editions write titles in ISO 8859-1, the later ones in UTF-8.
    if name.contains("u.item") || name.contains("movies.dat") {
        open.encoding = encoding(path, &open)?;
    }
    Ok(open)
}

pub(super) fn open(opening: &Opening<'_>) -> Result<Box<dyn Importer>> {
    let header = &opening.header;
    let flags: Vec<(usize, &str)> =
        FLAGS.iter().filter_map(|name| Some((header.find(&[name])?, *name))).collect();
    let genres = match header.find(GENRES) {
        Some(column) => Genres::Text(column),
        None if flags.len() == FLAGS.len() => Genres::Flags(flags),
        None => Genres::Missing,
    };
    Ok(Box::new(Films { item: header.need(ITEM)?, title: header.need(TITLE)?, genres }))
}

enum Genres {
    Text(usize),
    Flags(Vec<(usize, &'static str)>),
    Missing,
}

struct Films {
    item: usize,
    title: usize,
    genres: Genres,
}

impl Importer for Films {
    fn rows(&mut self, batch: &RawBatch, sink: &mut Sink<'_>) -> Result<()> {
        let has_genres = !matches!(self.genres, Genres::Missing);
        for row in 0..batch.rows() {
            sink.read_row();
            let Some(item) = field(batch, row, Some(self.item)) else {
                sink.refuse(batch.line(row), "item", b"", "must not be empty");
                continue;
            };
            let title = field(batch, row, Some(self.title)).unwrap_or_default().to_owned();
            let category = self.genres(batch, row).filter(|genres| !genres.is_empty());
            let product = Product { id: item.to_owned(), title, category, ..Product::default() };
            let mut has = Has::default();
            (has[0], has[1]) = (true, has_genres);
            sink.catalogue.product(product, has);
        }
        Ok(())
    }
}

impl Films {
    /// Returns all genres of a film joined by `|`: together they are its category.
    fn genres(&self, batch: &RawBatch, row: usize) -> Option<String> {
        match &self.genres {
            Genres::Text(column) => field(batch, row, Some(*column)).map(str::to_owned),
            Genres::Flags(flags) => {
                let is_set = |column: &usize| batch.field(row, *column) == b"1";
                let set = flags.iter().filter(|(column, _)| is_set(column));
                Some(set.map(|(_, name)| *name).collect::<Vec<_>>().join("|"))
            }
            Genres::Missing => None,
        }
    }
}
