//! What stands where in an SQLite file, as far as flipping a byte of each kind needs.
//!
//! Source: <https://www.sqlite.org/fileformat2.html>.

use std::collections::BTreeMap;

/// A page: its offset, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) what: String,
    /// The first byte that is used, and the first behind it.
    pub(super) used: (usize, usize),
}

/// Returns the pages of a database that are in use: the trees by the names of their tables and
/// indexes, what overflowed from them, and free ones.
pub(super) fn pages(file: &[u8]) -> Vec<Page> {
    let size = match number(file, 16, 2) {
        1 => 65_536,
        size => size,
    };
    if size < 512 {
        return Vec::new();
    }
    let mut owners = BTreeMap::new();
    let mut masters = Vec::new();
    walk(file, size, 1, &mut |page, is_leaf| {
        owners.insert(page, ("schema".to_owned(), is_leaf));
        if is_leaf {
            masters.extend(roots(file, size, page));
        }
    });
    for (name, root) in masters {
        walk(file, size, root, &mut |page, is_leaf| {
            owners.insert(page, (name.clone(), is_leaf));
        });
    }
    let named = |page: usize| match owners.get(&page) {
        Some((name, true)) => format!("{name} leaf"),
        Some((name, false)) => format!("{name} inner"),
        None => "overflow or free".to_owned(),
    };
    let page = |page: usize| {
        let (base, end) = ((page - 1) * size, page * size);
        let head = if page == 1 { base + 100 } else { base };
        let content = base + number(file, head + 5, 2).min(size - 1);
        let from = if owners.contains_key(&page) { content } else { base };
        Page { what: named(page), used: (from, end) }
    };
    (1..=file.len() / size).map(page).collect()
}

/// Visits the pages of a tree: (number, whether it is a leaf).
fn walk(file: &[u8], size: usize, page: usize, visit: &mut impl FnMut(usize, bool)) {
    if page == 0 || page * size > file.len() {
        return;
    }
    let base = (page - 1) * size;
    let head = if page == 1 { base + 100 } else { base };
    let is_inner = matches!(file[head], 2 | 5);
    if !is_inner && !matches!(file[head], 10 | 13) {
        return;
    }
    visit(page, !is_inner);
    if is_inner {
        for cell in cells(file, base, head) {
            walk(file, size, number(file, cell, 4), visit);
        }
        walk(file, size, number(file, head + 8, 4), visit);
    }
}

/// Returns where the cells of a page begin.
fn cells(file: &[u8], base: usize, head: usize) -> Vec<usize> {
    let array = head + if matches!(file[head], 2 | 5) { 12 } else { 8 };
    let count = number(file, head + 3, 2);
    (0..count).map(|at| base + number(file, array + 2 * at, 2)).collect()
}

/// Returns the names and root pages of what a leaf of the schema describes.
fn roots(file: &[u8], size: usize, page: usize) -> Vec<(String, usize)> {
    let base = (page - 1) * size;
    let head = if page == 1 { base + 100 } else { base };
    let described = cells(file, base, head).into_iter().filter_map(|cell| {
        let (_, at) = varint(file, cell)?;
        let (_, record) = varint(file, at)?;
        let (length, mut at) = varint(file, record)?;
        let mut value = record + length;
        let mut columns = Vec::new();
        while at < record + length {
            let (kind, next) = varint(file, at)?;
            let bytes = match kind {
                0 | 8 | 9 => 0,
                1..=4 => kind,
                5 => 6,
                6 | 7 => 8,
                kind => (kind - 12) / 2,
            };
            columns.push((value, bytes));
            (value, at) = (value + bytes, next);
        }
        // Type, name, table, root page, SQL.
        let ((name, length), (root, bytes)) = (*columns.get(1)?, *columns.get(3)?);
        let text = String::from_utf8_lossy(file.get(name..name + length)?).into_owned();
        Some((text, number(file, root, bytes)))
    });
    described.collect()
}

fn varint(file: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut value = 0;
    loop {
        let byte = *file.get(at)?;
        at += 1;
        value = value << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
    }
}

/// Reads a number, big endian; 0 beyond the end.
pub(super) fn number(file: &[u8], at: usize, bytes: usize) -> usize {
    let bytes = file.get(at..at + bytes).unwrap_or_default();
    bytes.iter().fold(0, |value, byte| value << 8 | usize::from(*byte))
}
