//! A server of its own for a test, and a client that sends it plain HTTP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{program, shown, succeed};

/// How long a test waits for anything of the server.
const PATIENCE: Duration = Duration::from_secs(30);

/// A shop with a write key.
pub(crate) struct ShopFolder {
    pub(crate) path: PathBuf,
    pub(crate) key: String,
    _folder: tempfile::TempDir,
}

impl ShopFolder {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    /// Makes a shop of which the folder was changed before its databases were made.
    pub(crate) fn with(change: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop");
        succeed(&["init", shown(&path)]);
        change(&path);
        let made = succeed(&["keys", "--shop", shown(&path), "create", "web", "--json"]);
        let made: Value = serde_json::from_str(&made).unwrap();
        let key = made["key"].as_str().unwrap().to_owned();
        Self { path, key, _folder: folder }
    }

    pub(crate) fn status(&self) -> Value {
        status(&self.path)
    }

    pub(crate) fn token(&self) -> String {
        std::fs::read_to_string(self.path.join("vault/admin.token")).unwrap()
    }

    /// Makes a write key that only pages of this origin may use.
    pub(crate) fn key_for(&self, origin: &str) -> String {
        let shop = shown(&self.path);
        let made = succeed(&["keys", "--shop", shop, "create", "page", "--origin", origin]);
        made.trim().to_owned()
    }

    /// Returns the message identifiers of all event lines in the lake, sorted.
    pub(crate) fn exported(&self) -> Vec<String> {
        self.column("message_id")
    }

    /// As the function of the same name.
    pub(crate) fn column(&self, name: &str) -> Vec<String> {
        column(&self.path, name)
    }
}

/// Returns what `status` says of the shop in a folder.
pub(crate) fn status(shop: &Path) -> Value {
    serde_json::from_str(&succeed(&["status", "--shop", shown(shop), "--json"])).unwrap()
}

/// Returns the message identifiers of all event lines in the lake of a shop, sorted.
pub(crate) fn exported(shop: &Path) -> Vec<String> {
    column(shop, "message_id")
}

/// Returns one of the first columns of all event lines in the lake of a shop, sorted: values of
/// these have no commas.
fn column(shop: &Path, name: &str) -> Vec<String> {
    let file = shop.join("export.csv");
    succeed(&["export", "--shop", shown(shop), "events", "--output", shown(&file)]);
    let text = std::fs::read_to_string(&file).unwrap();
    let mut lines = text.lines();
    let place = lines.next().unwrap().split(',').position(|own| own == name).unwrap();
    let mut values: Vec<String> =
        lines.map(|line| line.split(',').nth(place).unwrap().to_owned()).collect();
    values.sort_unstable();
    values
}

/// A running server; killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    said: Arc<Mutex<Vec<u8>>>,
}

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl Server {
    pub(crate) fn start(shop: &Path) -> Self {
        Self::start_as(program(&[]), shop)
    }

    /// Starts the server by a command of which the arguments are missing.
    pub(crate) fn start_as(mut command: Command, shop: &Path) -> Self {
        let arguments =
            ["serve", "--shop", shown(shop), "--listen", "127.0.0.1:0", "--no-schedule"];
        command.args(arguments);
        Self::of(command)
    }

    /// Starts a command that ends in serving.
    pub(crate) fn of(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(errors.read_line(&mut line).unwrap() > 0, "the server ended: {said}");
            if let Some(address) = line.trim().strip_prefix("listening on http://") {
                break address.parse().unwrap();
            }
            said.push_str(&line);
        };
        let said = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&said);
        std::thread::spawn(move || {
            let mut line = Vec::new();
            while errors.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                taken.lock().unwrap().append(&mut line);
            }
        });
        Self { child, address, said }
    }

    /// Returns the number of the process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Returns what the server has written to its log so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8(self.said.lock().unwrap().clone()).unwrap()
    }

    /// Returns the memory that the server has in use, in bytes, where the system tells it.
    pub(crate) fn memory(&self) -> Option<u64> {
        let file = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(file).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    }

    pub(crate) fn post(&self, path: &str, key: &str, body: &[u8]) -> std::io::Result<Answer> {
        let headers = format!("Authorization: Basic {}\r\n", base64(&format!("{key}:")));
        self.send("POST", path, &headers, body)
    }

    pub(crate) fn get(&self, path: &str, headers: &str) -> Answer {
        self.send("GET", path, headers, b"").unwrap()
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> std::io::Result<Answer> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\
             Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        self.raw(&bytes)
    }

    /// Sends these bytes and reads the answer to its end.
    pub(crate) fn raw(&self, bytes: &[u8]) -> std::io::Result<Answer> {
        exchange(TcpStream::connect_timeout(&self.address, PATIENCE)?, bytes)
    }

    /// Kills the server while others still talk to it.
    pub(crate) fn signal_kill(&self) {
        let told = Command::new("kill").args(["-KILL", &self.child.id().to_string()]).status();
        assert!(told.unwrap().success());
    }

    /// Waits for the end of a server, killing it if it still runs.
    pub(crate) fn kill(mut self) {
        drop(self.child.kill());
        self.child.wait().unwrap();
    }

    /// Tells the server to stop, and waits until it has.
    pub(crate) fn stop(mut self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(told.unwrap().success());
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the server did not stop");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// Sends these bytes on a connection and reads the answer to its end.
pub(crate) fn exchange(mut stream: TcpStream, bytes: &[u8]) -> std::io::Result<Answer> {
    stream.set_read_timeout(Some(PATIENCE))?;
    // A server that refuses early closes while the rest is still sent.
    drop(stream.write_all(bytes));
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let broke = || std::io::Error::other("no whole answer");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = end else {
        read?;
        return Err(broke());
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(broke)?;
    let body = answer[end + 4..].to_vec();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    if length.is_some_and(|length| body.len() < length) {
        return Err(broke());
    }
    Ok(Answer { status, head, body })
}

/// Returns a text in base 64.
pub(crate) fn base64(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut coded = String::new();
    for three in text.as_bytes().chunks(3) {
        let value = three.iter().fold(0_u32, |value, byte| value << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for at in 0..4 {
            let digit = DIGITS[(value >> (18 - 6 * at)) as usize & 63];
            coded.push(if at <= three.len() { char::from(digit) } else { '=' });
        }
    }
    coded
}
