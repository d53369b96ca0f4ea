//! A shop and the server on it: the real program, as its users have it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// How long anything of the server is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What of its log is kept.
const SAID_BYTES_MAX: usize = 1 << 20;

/// A shop with a write key.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) program: PathBuf,
    pub(crate) path: PathBuf,
    pub(crate) key: String,
}

impl Shop {
    pub(crate) fn make(program: &Path, path: &Path) -> Result<Self> {
        let (program, path) = (program.to_owned(), path.to_owned());
        let mut shop = Self { program, path, key: String::new() };
        let folder = shop.path.display().to_string();
        success(Command::new(&shop.program).args(["init", &folder]).output()?)?;
        shop.key = shop.new_key("write")?;
        Ok(shop)
    }

    /// Returns the same shop in another folder.
    pub(crate) fn at(&self, path: &Path) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }

    /// Runs a command on the shop, which must succeed.
    pub(crate) fn ask(&self, command: &str, arguments: &[&str]) -> Result<String> {
        let output = Command::new(&self.program)
            .args([command, "--shop"])
            .arg(&self.path)
            .args(arguments)
            .output()?;
        success(output).with_context(|| format!("`shopwise {command}`"))
    }

    /// Returns a new key that allows this much.
    pub(crate) fn new_key(&self, scope: &str) -> Result<String> {
        let made = self.ask("keys", &["create", scope, "--scope", scope, "--json"])?;
        let made: Value = serde_json::from_str(&made)?;
        Ok(made["key"].as_str().context("no key was made")?.to_owned())
    }

    pub(crate) fn status(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.ask("status", &["--json"])?)?)
    }

    /// Returns the lines of the exported events, the first of which names the columns.
    pub(crate) fn exported(&self) -> Result<String> {
        let file = self.path.join("export.csv");
        match self.ask("export", &["events", "--output", &file.display().to_string()]) {
            // A shop that was never told of an event.
            Err(error) if format!("{error:#}").contains("`events` is empty") => {
                return Ok("message_id\n".to_owned());
            }
            asked => asked?,
        };
        let text = std::fs::read_to_string(&file)?;
        std::fs::remove_file(&file)?;
        Ok(text)
    }

    /// Starts the server with these variables.
    pub(crate) fn serve(&self, variables: &[(&str, String)]) -> Result<Server> {
        let mut child = Command::new(&self.program)
            .args(["serve", "--no-schedule", "--listen", "127.0.0.1:0", "--shop"])
            .arg(&self.path)
            .envs(variables.iter().map(|(name, value)| (*name, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{}`", self.program.display()))?;
        let errors = BufReader::new(child.stderr.take().context("no standard error")?);
        let (line, said) = (Arc::new(OnceLock::new()), Arc::new(Mutex::new(String::new())));
        let (told, heard) = (Arc::clone(&line), Arc::clone(&said));
        let begun = Instant::now();
        std::thread::spawn(move || {
            for text in errors.lines().map_while(Result::ok) {
                let address = text.trim().strip_prefix("listening on http://");
                if let Some(address) = address.and_then(|address| address.parse().ok()) {
                    told.get_or_init(|| (address, begun.elapsed()));
                }
                if let Ok(mut heard) = heard.lock()
                    && heard.len() < SAID_BYTES_MAX
                {
                    heard.push_str(&text);
                    heard.push('\n');
                }
            }
        });
        Ok(Server { child, line, said, begun })
    }
}

fn success(output: Output) -> Result<String> {
    if !output.status.success() {
        bail!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Where a server listens, once it does, and after how long.
pub(crate) type Line = Arc<OnceLock<(SocketAddr, Duration)>>;

/// A running server; killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) line: Line,
    said: Arc<Mutex<String>>,
    pub(crate) begun: Instant,
}

impl Server {
    /// Waits until the server listens.
    pub(crate) fn address(&mut self) -> Result<SocketAddr> {
        while self.begun.elapsed() < PATIENCE {
            if let Some((address, _)) = self.line.get() {
                return Ok(*address);
            }
            if let Some(status) = self.child.try_wait()? {
                std::thread::sleep(Duration::from_millis(20));
                bail!("the server ended with {status}: {}", self.said());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        bail!("the server does not listen: {}", self.said())
    }

    /// Returns what the server has said so far.
    pub(crate) fn said(&self) -> String {
        self.said.lock().map_or_else(|_| String::new(), |said| said.clone())
    }

    /// Returns the megabytes of memory that are its own: what it maps of files, its program and
    /// models among them, the system takes back when it needs to.
    pub(crate) fn megabytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
        Ok(kilobytes.context("no memory is told of")? / 1000)
    }

    /// Kills the server and waits for its end.
    ///
    /// # Errors
    /// When it has ended by itself.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the server ended with {status}: {}", self.said());
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits until the server ends by itself; returns whether it says that all is well.
    pub(crate) fn ended(&mut self) -> Result<bool> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.success());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("the server did not end: {}", self.said())
    }

    /// Waits until the server listens and lets it stop.
    pub(crate) fn address_then_stop(mut self) -> Result<()> {
        self.address()?;
        self.stop()
    }

    /// Tells the server to stop and waits until it has.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let id = self.child.id().to_string();
        success(Command::new("kill").args(["-TERM", &id]).output()?)?;
        if !self.ended()? {
            bail!("the server stopped with a failure: {}", self.said());
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a server answered: the status, and the head in lower case.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    send(address, &format!("GET {path}"), b"")
}

pub(crate) fn post(address: SocketAddr, path: &str, body: &[u8]) -> Result<Answer> {
    send(address, &format!("POST {path}"), body)
}

/// Sends a request on a connection of its own and reads the answer to its end.
fn send(address: SocketAddr, request: &str, body: &[u8]) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let length = body.len();
    let mut bytes = format!(
        "{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\
         \r\n\r\n"
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    // A server that refuses early closes while the rest is still sent.
    drop(stream.write_all(&bytes));
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        read?;
        bail!("no whole answer");
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    if length.and_then(|text| text.parse().ok()).is_some_and(|all| answer.len() - end - 4 < all) {
        bail!("no whole answer");
    }
    Ok(Answer { status: status.context("no HTTP")?, head })
}
