mod fuzz;

use std::io::Write as _;
use std::path::PathBuf;

use super::*;
use crate::Error;

struct Given {
    folder: tempfile::TempDir,
}

impl Given {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

type Rows = Vec<(u64, Vec<String>)>;

fn drain(mut next: impl FnMut() -> Result<Option<RawBatch>>) -> (Rows, Vec<BadRow>) {
    let (mut rows, mut bad) = (Vec::new(), Vec::new());
    while let Some(batch) = next().unwrap() {
        for row in 0..batch.rows() {
            let fields = (0..batch.columns()).map(|column| batch.text(row, column).to_owned());
            rows.push((batch.line(row), fields.collect()));
        }
        bad.extend(batch.bad);
    }
    (rows, bad)
}

fn read(path: &Path, options: &OpenOptions) -> (Vec<String>, Rows, Vec<BadRow>) {
    let mut source = open(path, options).unwrap();
    let header = source.header().to_vec();
    let (rows, bad) = drain(|| source.next_batch());
    (header, rows, bad)
}

fn read_bytes(bytes: &[u8]) -> (Vec<String>, Rows, Vec<BadRow>) {
    let given = Given::new();
    read(&given.file("in.csv", bytes), &OpenOptions::default())
}

fn row(line: u64, fields: &[&str]) -> (u64, Vec<String>) {
    (line, fields.iter().map(|field| (*field).to_owned()).collect())
}

fn refusal(bytes: &[u8]) -> String {
    let given = Given::new();
    let error = open(&given.file("in.csv", bytes), &OpenOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Input { .. }), "{error:?}");
    error.to_string()
}

#[test]
fn fields_lines_and_header_of_a_small_file() {
    let text = "\u{feff}id,标题\r\n1,\"a, \"\"b\"\"\"\r\n\r\n2,\"two\r\nlines\"\r\n3,\r\n4,last";
    let (header, rows, bad) = read_bytes(text.as_bytes());
    assert_eq!(header, ["id", "标题"]);
    let expected = [
        row(2, &["1", "a, \"b\""]),
        row(4, &["2", "two\r\nlines"]),
        row(6, &["3", ""]),
        row(7, &["4", "last"]),
    ];
    assert_eq!(rows, expected);
    assert_eq!(bad, []);
}

#[test]
fn lines_with_and_without_quotes_are_cut_alike() {
    // The same records, plain and with every field quoted, in lines of all lengths and both ends.
    let fields = ["", "a", " b ", "价", "x\ty", "longer text with spaces"];
    for end in ["\n", "\r\n"] {
        let (mut plain, mut quoted) = ("a,b,c".to_owned() + end, "a,b,c".to_owned() + end);
        for number in 0..30_000 {
            let field = |at: usize| fields[(number * 7 + number / 11 + at) % fields.len()];
            plain += &format!("{},x{number},{}{end}", field(0), field(3));
            quoted += &format!("\"{}\",\"x{number}\",\"{}\"{end}", field(0), field(3));
        }
        plain += "last,one,";
        quoted += "last,one,\"\"";
        let (_, plain, bad) = read_bytes(plain.as_bytes());
        assert_eq!((plain.len(), bad.len()), (30_001, 0));
        assert!(plain == read_bytes(quoted.as_bytes()).1, "{end:?}");
    }
    // Carriage returns alone end lines too, and quotes that are text stay text.
    let (_, rows, _) = read_bytes(b"a,b\r1,2\r3,4\r\n\n5,6");
    assert_eq!(rows.len(), 3);
    let (_, rows, _) = read_bytes(b"a,b\n1,x \"y\" z\n2,w\n");
    assert_eq!(rows, [row(2, &["1", "x \"y\" z"]), row(3, &["2", "w"])]);
}

#[test]
fn the_separator_is_found_in_the_first_line() {
    for (text, separator) in [
        ("a,b;c,d", Separator::Byte(b',')),
        ("a;b,c;d", Separator::Byte(b';')),
        ("user_id:token\titem_id:token", Separator::Byte(b'\t')),
        ("1|Toy Story (1995)|01-Jan-1995", Separator::Byte(b'|')),
        ("1::1193::5::978300760", Separator::DoubleColon),
        ("\"a;b;c;d\",e", Separator::Byte(b',')),
        ("alone", Separator::Byte(b',')),
    ] {
        assert_eq!(detect(text.as_bytes()), separator, "{text}");
    }
}

#[test]
fn double_colons_without_a_header() {
    let given = Given::new();
    let path = given.file("ratings.dat", b"1::1193::5\r\n1::a:b::\n2::3\n");
    let columns = ["user", "item", "rating"].map(str::to_owned).to_vec();
    let options = OpenOptions { columns: Some(columns), ..OpenOptions::default() };
    let (_, rows, bad) = read(&path, &options);
    assert_eq!(rows, [row(1, &["1", "1193", "5"]), row(2, &["1", "a:b", ""])]);
    assert_eq!((bad[0].line, bad[0].value.as_str()), (3, "2,3"));
    assert_eq!(bad[0].reason, "3 fields expected, 2 found");
}

#[test]
fn latin1_is_read_when_told() {
    let given = Given::new();
    let path = given.file("u.item", b"1|Caf\xe9|\xc9t\xe9\n");
    let columns = Some(["id", "title", "more"].map(str::to_owned).to_vec());
    let options = OpenOptions { columns, encoding: Encoding::Latin1, ..OpenOptions::default() };
    let (_, rows, bad) = read(&path, &options);
    assert_eq!((rows, bad), (vec![row(1, &["1", "Café", "Été"])], vec![]));
}

#[test]
fn quotes_are_text_when_told() {
    let given = Given::new();
    let path = given.file("in.tsv", b"id\ttitle\n1\t\"12 inch\n2\tx\n");
    let options = OpenOptions { quotes: false, ..OpenOptions::default() };
    let (_, rows, _) = read(&path, &options);
    assert_eq!(rows, [row(2, &["1", "\"12 inch"]), row(3, &["2", "x"])]);
}

#[test]
fn bad_rows_are_told_and_the_rest_is_read() {
    let mut text = vec![b'x'; 9000];
    text.splice(0..0, *b"a,b\n1,2\nbad\n3,\xff\xfe\n4,5\n");
    text.extend(b",\0\n6,7,8\n9,10\n");
    let (_, rows, bad) = read_bytes(&text);
    assert_eq!(rows, [row(2, &["1", "2"]), row(5, &["4", "5"]), row(8, &["9", "10"])]);
    let told: Vec<_> =
        bad.iter().map(|bad| (bad.line, bad.field.as_str(), bad.reason.as_str())).collect();
    let expected = [
        (3, "", "2 fields expected, 1 found"),
        (4, "b", "not valid UTF-8"),
        (6, "b", "a NUL byte in text"),
        (7, "", "2 fields expected, 3 found"),
    ];
    assert_eq!(told, expected);
    assert_eq!((bad[0].value.as_str(), bad[1].value.as_str()), ("bad", "\u{fffd}\u{fffd}"));
}

#[test]
fn a_value_that_is_too_long_is_cut_by_characters() {
    let bad = BadRow::new(1, "", "价".repeat(1000).as_bytes(), "x");
    assert_eq!(bad.value, "价".repeat(200));
}

#[test]
fn an_endless_line_neither_fills_memory_nor_stops_the_rest() {
    let mut text = b"a,b\n1,2\n".to_vec();
    text.extend(std::iter::repeat_n(b'x', 40 << 20));
    text.extend(b"\n3,4\n");
    let given = Given::new();
    let path = given.file("in.csv.gz", &gzip(&text));
    let mut source = open(&path, &OpenOptions::default()).unwrap();
    let (rows, bad) = drain(|| source.next_batch());
    assert_eq!(rows, [row(2, &["1", "2"]), row(4, &["3", "4"])]);
    assert_eq!((bad.len(), bad[0].line, bad[0].value.len()), (1, 3, 200));
    assert!(source.record.bytes().len() <= 2 * LINE_BYTES_MAX);
    let (rows, bad) = read_lines(&path);
    assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [1, 2, 4]);
    assert_eq!((bad.len(), bad[0].line), (1, 3));
}

#[test]
fn a_quote_that_is_never_closed_costs_one_mebibyte() {
    let mut text = b"a,b\n1,\"2\n".to_vec();
    while text.len() < 3 << 20 {
        text.extend(b"3,4\n");
    }
    let (_, rows, bad) = read_bytes(&text);
    assert_eq!((bad.len(), bad[0].line), (1, 2));
    let lost = (text.len() - b"a,b\n1,\"2\n".len()) - 4 * rows.len();
    assert!(lost.abs_diff(LINE_BYTES_MAX) <= 16, "{lost} bytes");
    // Every row that is read stands where it says.
    let lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
    assert!(rows.iter().all(|(line, _)| lines[*line as usize - 1] == b"3,4"));
    assert_eq!(rows.last().unwrap().0 as usize, lines.len() - 1);
}

#[test]
fn too_many_fields_make_one_bad_row() {
    let text = format!("a,b\n{}\n1,2\n", ",".repeat(10_000));
    let (_, rows, bad) = read_bytes(text.as_bytes());
    assert_eq!(rows, [row(3, &["1", "2"])]);
    assert_eq!((bad.len(), bad[0].line), (1, 2));
}

#[test]
fn compression_is_told_by_the_bytes_and_may_have_several_members() {
    let (first, second) = (b"a,b\n1,2\n3,", b"4\n");
    let mut zipped = gzip(first);
    zipped.extend(gzip(second));
    let mut packed = zstd::encode_all(&first[..], 1).unwrap();
    packed.extend(zstd::encode_all(&second[..], 1).unwrap());
    for bytes in [zipped, packed] {
        let (_, rows, bad) = read_bytes(&bytes);
        assert_eq!(rows, [row(2, &["1", "2"]), row(3, &["3", "4"])]);
        assert_eq!(bad, []);
    }
}

#[test]
fn a_compressed_file_that_breaks_off_gives_what_came_before() {
    let mut text = b"a,b\n".to_vec();
    let mut state = 1_u64;
    for _ in 0..50_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        writeln!(text, "{},{}", state >> 33, state >> 40).unwrap();
    }
    let given = Given::new();
    for whole in [gzip(&text), zstd::encode_all(&text[..], 1).unwrap()] {
        let path = given.file("cut", &whole[..whole.len() / 2]);
        let (_, rows, bad) = read(&path, &OpenOptions::default());
        assert!(rows.len() > 10_000, "{}", rows.len());
        let lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
        for (line, fields) in &rows {
            assert_eq!(fields.join(",").as_bytes(), lines[*line as usize - 1]);
        }
        assert_eq!((bad.len(), bad[0].line), (1, rows.len() as u64 + 2));
        assert!(bad[0].reason.contains("ends in the middle"), "{}", bad[0].reason);
        let (told, bad) = read_lines(&path);
        assert_eq!((told.len(), bad.len()), (rows.len() + 1, 1));
    }
}

#[test]
fn what_is_no_text_is_refused_with_a_hint() {
    for (bytes, words) in [
        (&b""[..], "the file is empty"),
        (b"\n\n\r\n", "only empty lines"),
        (b"\x7fELF\0\0\0\0", "binary"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"PK\x03\x04xl/", "Excel"),
        (b"\xff\xfea\0,\0", "UTF-16"),
    ] {
        let message = refusal(bytes);
        assert!(message.contains(words), "{message}");
    }
    assert!(refusal(&gzip(b"")).contains("the file is empty"));
    let missing = open(Path::new("/nowhere/in.csv"), &OpenOptions::default()).unwrap_err();
    assert!(matches!(missing, Error::Io { .. }), "{missing:?}");
}

fn read_lines(path: &Path) -> (Rows, Vec<BadRow>) {
    let mut lines = open_lines(path).unwrap();
    drain(|| lines.next_batch())
}

#[test]
fn lines_come_with_their_numbers() {
    let given = Given::new();
    let path = given.file("in.jsonl", b"{\"a\":1}\r\n\n{\"b\":\"\xff\"}\n{\"c\":\n3}");
    let (rows, bad) = read_lines(&path);
    let expected = [row(1, &["{\"a\":1}"]), row(4, &["{\"c\":"]), row(5, &["3}"])];
    assert_eq!(rows, expected);
    assert_eq!((bad[0].line, bad[0].reason.as_str()), (3, "not valid UTF-8"));
}

#[test]
fn batches_are_cut_without_losing_a_row() {
    let mut text = b"a,b\n".to_vec();
    for number in 0..200_000 {
        writeln!(text, "{number},{}", number % 7).unwrap();
    }
    let given = Given::new();
    let path = given.file("in.csv", &text);
    let mut source = open(&path, &OpenOptions::default()).unwrap();
    let mut sizes = Vec::new();
    let mut next = 0_u64;
    while let Some(batch) = source.next_batch().unwrap() {
        sizes.push(batch.rows());
        for row in 0..batch.rows() {
            assert_eq!(batch.text(row, 0), next.to_string());
            assert_eq!(batch.row_bytes(row), format!("{next}{}", next % 7).as_bytes());
            assert_eq!(batch.line(row), next + 2);
            next += 1;
        }
    }
    assert_eq!((sizes, next), (vec![BATCH_ROWS, BATCH_ROWS, BATCH_ROWS, 3392], 200_000));
}

#[test]
fn the_digest_is_of_the_stored_bytes() {
    let given = Given::new();
    let digest = digest(&given.file("in", b"abc")).unwrap();
    assert_eq!(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn online_retail_has_541909_rows() {
    #[expect(clippy::disallowed_methods, reason = "only the environment knows where data is")]
    let Ok(data) = std::env::var("SHOPWISE_DATA") else {
        println!("skipped: SHOPWISE_DATA is not set");
        return;
    };
    let path = Path::new(&data).join("online-retail/online_retail.csv.gz");
    let mut source = open(&path, &OpenOptions::default()).unwrap();
    assert_eq!(source.header().len(), 8);
    let (mut rows, mut bad) = (0, 0);
    while let Some(batch) = source.next_batch().unwrap() {
        rows += batch.rows();
        bad += batch.bad.len();
    }
    assert_eq!((rows, bad), (541_909, 0));
}
