//! A file is imported while it grows: every line once, however often it is moved away or who
//! follows it is killed.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::exported;
use super::{fail, program, shown, succeed};

/// How long a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A shop and the file that grows.
struct Place {
    shop: PathBuf,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (shop, file) = (folder.path().join("shop"), folder.path().join("events.jsonl"));
        succeed(&["init", shown(&shop)]);
        File::create(&file).unwrap();
        Self { shop, file, _folder: folder }
    }

    fn append(&self, text: &str) {
        let mut file = File::options().append(true).create(true).open(&self.file).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn follow(&self) -> Child {
        let arguments = [
            "import",
            "--shop",
            shown(&self.shop),
            "--format",
            "segment",
            "--follow",
            "--json",
            shown(&self.file),
        ];
        let mut child =
            program(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut errors = BufReader::new(child.stderr.as_mut().unwrap());
        errors.read_line(&mut said).unwrap();
        assert!(said.starts_with("following"), "{said}");
        child
    }

    /// Waits until the lake has so many events.
    fn wait_for(&self, count: usize) -> Vec<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            // Before the first commit there is no table to be exported.
            let is_there = self.shop.join("lake/events/_delta_log").is_dir();
            let found = if is_there { exported(&self.shop) } else { Vec::new() };
            if found.len() >= count {
                return found;
            }
            assert!(Instant::now() < until, "{} of {count} events came", found.len());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn line(id: u64) -> String {
    let event = json!({
        "type": "track", "event": "Product Viewed", "messageId": format!("m{id:06}"),
        "userId": "u1", "timestamp": "2026-01-02T03:04:05.678Z",
        "properties": { "product_id": "p1", "price": 9.5 },
    });
    format!("{event}\n")
}

fn ids(count: u64) -> Vec<String> {
    (0..count).map(|id| format!("m{id:06}")).collect()
}

/// Tells a follower to stop and returns its report.
fn stop(child: Child) -> Value {
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(told.unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn lines_become_visible_within_seconds_and_none_is_lost_when_told_to_stop() {
    let place = Place::new();
    place.append(&(0..10).map(line).collect::<String>());
    let follower = place.follow();
    place.wait_for(10);
    place.append(&line(10));
    let begun = Instant::now();
    assert_eq!(place.wait_for(11), ids(11));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    // Half a line is none yet; a bad line is refused and stops nothing.
    let (start, end) = (line(11), line(12));
    let (first, second) = start.split_at(start.len() / 2);
    place.append(first);
    std::thread::sleep(Duration::from_millis(600));
    place.append(&format!("{second}nonsense\n{end}"));
    place.wait_for(13);
    // What has been written when it is told to stop is read.
    place.append(&(13..20).map(line).collect::<String>());
    std::thread::sleep(Duration::from_millis(600));
    let report = stop(follower);
    assert_eq!(report["rows"]["read"], 21, "{report}");
    assert_eq!(report["rows"]["refused"], json!({ "not JSON": 1 }), "{report}");
    assert_eq!(exported(&place.shop), ids(20));
    // Started again it takes nothing twice, the refused line neither.
    let follower = place.follow();
    place.append(&line(20));
    assert_eq!(place.wait_for(21), ids(21));
    let report = stop(follower);
    assert_eq!(report["rows"]["written"], 1, "{report}");
    assert_eq!(report["rows"]["refused"], json!({}), "{report}");
}

#[test]
fn a_file_that_is_moved_away_or_cut_off_loses_no_line() {
    let place = Place::new();
    let moved = place.file.with_extension("jsonl.1");
    place.append(&(0..5).map(line).collect::<String>());
    let follower = place.follow();
    place.wait_for(5);
    std::fs::rename(&place.file, &moved).unwrap();
    place.append(&(7..9).map(line).collect::<String>());
    let mut old = File::options().append(true).open(&moved).unwrap();
    old.write_all((5..7).map(line).collect::<String>().as_bytes()).unwrap();
    assert_eq!(place.wait_for(9), ids(9));
    File::create(&place.file).unwrap();
    std::thread::sleep(Duration::from_millis(600));
    place.append(&line(9));
    assert_eq!(place.wait_for(10), ids(10));
    stop(follower);
    // Moved away while nobody looked.
    place.append(&line(10));
    std::fs::rename(&place.file, place.file.with_file_name("events-2.jsonl")).unwrap();
    place.append(&line(11));
    let follower = place.follow();
    assert_eq!(place.wait_for(12), ids(12));
    stop(follower);
}

#[test]
fn a_follower_that_is_killed_loses_nothing_and_doubles_nothing() {
    let place = Place::new();
    // Lines without an identifier, each of them twice: told apart by their number.
    let nameless = |number: u64| line(number).replace("messageId", "note").repeat(2);
    let mut written = 0;
    for round in 0..8 {
        let mut follower = place.follow();
        let until = Instant::now() + Duration::from_millis(300 + 700 * (round % 5));
        while Instant::now() < until {
            let text: String = (written..written + 50).map(line).collect();
            let nameless: String = (written..written + 5).map(nameless).collect();
            place.append(&text);
            place.append(&nameless);
            written += 50;
            std::thread::sleep(Duration::from_millis(10));
        }
        follower.kill().unwrap();
        follower.wait().unwrap();
    }
    let follower = place.follow();
    let all = written + written / 50 * 10;
    let found = place.wait_for(all as usize);
    stop(follower);
    let named: Vec<String> = found.iter().filter(|id| !id.is_empty()).cloned().collect();
    assert_eq!(named, ids(written));
    assert_eq!(found.len() as u64, all);
    assert_eq!(exported(&place.shop).len() as u64, all);
}

#[test]
fn what_cannot_be_followed_is_refused_with_what_to_do() {
    let place = Place::new();
    let (shop, file) = (shown(&place.shop), shown(&place.file));
    let import = |more: &[&str]| {
        let arguments = [&["import", "--shop", shop, "--follow"], more].concat();
        fail(&arguments, 1)
    };
    assert!(import(&["--format", "csv", file]).contains("--format segment"));
    assert!(import(&["--format", "segment", file, file]).contains("one file"));
    assert!(import(&["--format", "segment", "/nowhere/x.jsonl"]).contains("/nowhere/x.jsonl"));
    let packed: &Path = &place.file.with_extension("gz");
    std::fs::write(packed, [0x1f, 0x8b, 8, 0]).unwrap();
    assert!(import(&["--format", "segment", shown(packed)]).contains("compressed"));
    let follower = place.follow();
    let message = import(&["--format", "segment", file]);
    assert!(message.contains("import --follow"), "{message}");
    stop(follower);
}
