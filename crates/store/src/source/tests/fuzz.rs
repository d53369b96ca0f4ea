//! Files that somebody hostile wrote: separated text, lines, objects, compressed or not, Parquet.

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use shopwise_hostile::{Target, fuzz};

use super::*;
use crate::lake::ParquetRows;

const TEXT: &[&[u8]] = &[
    b"a,b,c\n1,\"x \"\"y\"\" ,\nz\",3\n,,\n",
    b"a;b\r\n1;2\r\n\r\n3;\xe9\r\n",
    b"\xef\xbb\xbfa::b::c\n1::2::3\n",
    b"{\"a\":1,\"b\":[1,\"x\",{}]}\n{\"b\":null}\nno\n",
];

const WORDS: &[&[u8]] = &[
    b"\n",
    b"\r",
    b"\"",
    b"\"\"",
    b",",
    b";",
    b"\t",
    b"|",
    b"::",
    b"\0",
    b"\xff\xfe",
    b"PK\x03\x04",
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"PAR1",
    b"{}",
];

fn target<'a>(name: &'a str, examples: &'a [&'a [u8]]) -> Target<'a> {
    let (bytes_max, time_max) = (32 << 10, Duration::from_secs(5));
    Target { name, examples, words: WORDS, bytes_max, time_max }
}

/// Reads a file in every way, and returns how each went: rows and bad rows, few of them, or none.
fn every_way(path: &Path) -> Vec<Option<(usize, usize)>> {
    let count = |mut next: Box<dyn FnMut() -> Result<Option<RawBatch>>>| {
        let (mut rows, mut bad, mut length) = (0, 0, 0);
        while let Some(batch) = next().ok()? {
            for row in 0..batch.rows() {
                for column in 0..batch.columns() {
                    length += batch.text(row, column).len();
                }
            }
            rows += batch.rows();
            bad += batch.bad.len();
        }
        assert!(length < 100 << 20);
        Some((rows.min(3), bad.min(3)))
    };
    let latin = OpenOptions { encoding: Encoding::Latin1, quotes: false, ..OpenOptions::default() };
    let columns = Some(vec!["a".to_owned(), "b".to_owned()]);
    let named = OpenOptions { columns, ..OpenOptions::default() };
    let mut ways = Vec::new();
    for options in [OpenOptions::default(), latin, named] {
        let source = open(path, &options).ok();
        ways.push(source.and_then(|mut source| count(Box::new(move || source.next_batch()))));
    }
    let lines = open_lines(path).ok();
    ways.push(lines.and_then(|mut lines| count(Box::new(move || lines.next_batch()))));
    let objects = open_objects(path).ok();
    ways.push(objects.and_then(|mut objects| count(Box::new(move || objects.next_batch()))));
    ways
}

#[test]
fn fuzz_text_files() {
    let given = Given::new();
    fuzz(&target("text files", TEXT), |bytes| every_way(&given.file("in", bytes)));
}

#[test]
fn fuzz_what_is_packed_into_text_files() {
    let given = Given::new();
    fuzz(&target("text files, packed whole", TEXT), |bytes| {
        let packed = if bytes.len() % 2 == 0 {
            gzip(bytes)
        } else {
            zstd::bulk::compress(bytes, 1).unwrap()
        };
        every_way(&given.file("in", &packed))
    });
}

#[test]
fn fuzz_compressed_files() {
    let mut packed: Vec<Vec<u8>> = TEXT.iter().map(|text| gzip(text)).collect();
    packed.extend(TEXT.iter().map(|text| zstd::bulk::compress(text, 3).unwrap()));
    packed.push(gzip(&b"a,b\n1,2\n".repeat(10_000)));
    let examples: Vec<&[u8]> = packed.iter().map(Vec::as_slice).collect();
    let given = Given::new();
    fuzz(&target("compressed files", &examples), |bytes| every_way(&given.file("in", bytes)));
}

#[test]
fn fuzz_parquet_files() {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(StringArray::from(vec![Some("a"), None, Some("b")]))),
        ("n", Arc::new(Int64Array::from(vec![1, 2, 3]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let given = Given::new();
    fuzz(&target("Parquet files", &[&bytes]), |bytes| {
        let path = given.file("in.parquet", bytes);
        let whole = crate::lake::read_table_file(&path).is_ok();
        let mut rows = ParquetRows::open(&path).ok()?;
        let mut count = 0;
        while let Some(batch) = rows.next_batch().ok()? {
            count += batch.rows();
        }
        Some((count.min(5), whole))
    });
}
