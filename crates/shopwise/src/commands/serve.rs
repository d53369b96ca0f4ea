//! `shopwise serve`: the server, and the loop on its schedule.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::fmt::writer::MakeWriterExt as _;

use super::{init, open};
use crate::http::{self, App};
use crate::live::{Desk, Live, Schedule};
use crate::{ShopFolder, printer};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: ShopFolder,
    /// The address and port to listen on; the setting `listen` when left out
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Never run the loop by itself
    #[arg(long)]
    no_schedule: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let folder = &arguments.folder.shop;
    let settings = open::settings(folder)?;
    let door = Door::open(arguments.listen.as_ref().unwrap_or(&settings.listen))?;
    serve(folder, door, !arguments.no_schedule)
}

/// Where the server listens.
pub(crate) struct Door {
    runtime: Runtime,
    listener: TcpListener,
}

impl Door {
    pub(crate) fn open(address: &str) -> Result<Self> {
        let parsed: SocketAddr = address.parse().with_context(|| {
            format!("`{address}` is no address and port, such as 127.0.0.1:8484")
        })?;
        let runtime = Runtime::new()?;
        let listener = runtime
            .block_on(TcpListener::bind(parsed))
            .with_context(|| format!("cannot listen on `{parsed}`"))?;
        Ok(Self { runtime, listener })
    }

    pub(crate) fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }
}

/// Serves the shop in `folder` until the program is told to end.
pub(crate) fn serve(
    folder: &Path,
    Door { runtime, listener }: Door,
    is_scheduled: bool,
) -> Result<String> {
    let shop = Arc::new(open::open_to_collect(folder)?);
    log_to_standard_error();
    let schedule = match (&*shop.settings.run_at, is_scheduled) {
        ("", _) | (_, false) => None,
        (time, true) => Some(Schedule::new(time, &shop.settings.time_zone)?),
    };
    let inbox = open::inbox(folder, &shop.settings)?;
    let token = init::admin_token(folder)?;
    let (live, desk) = std::thread::scope(|scope| {
        // Models take as long to read as what is known of the customers.
        let desk = scope.spawn(|| Desk::open(&shop));
        (Live::open(folder, &shop, inbox), desk.join())
    });
    let (live, threads) = live?;
    let live = Arc::new(live);
    let desk = Arc::new(desk.map_err(|_| anyhow::anyhow!("reading the models has failed"))?);
    let app = App::new(Arc::clone(&shop), Arc::clone(&live), Arc::clone(&desk), token)?;
    let app = Arc::new(app);
    let (stop, stopped) = watch::channel(false);
    let watched = desk.watch(stopped.clone())?;
    let scheduled = schedule.map(|schedule| schedule.start(&shop, stopped.clone())).transpose()?;
    printer::progress(&format!("listening on http://{}", listener.local_addr()?));
    let served = runtime.block_on(async {
        let ended = watch_for_the_end(Arc::clone(&live));
        let serving = tokio::spawn(http::serve(listener, app, stopped));
        ended.await?;
        stop.send(true)?;
        serving.await?
    });
    drop(stop);
    // Nothing comes in any more. The door ends when the last who could knock is gone.
    drop(runtime);
    let hindrance = live.hindrance();
    drop(live);
    threads.end();
    if let Some(scheduled) = scheduled {
        scheduled.join().map_err(|_| anyhow::anyhow!("the schedule has failed"))?;
    }
    watched.join().map_err(|_| anyhow::anyhow!("the watch of the models has failed"))?;
    served?;
    match hindrance {
        None => Ok("stopped; everything acknowledged is on disk".to_owned()),
        Some(why) => anyhow::bail!("stopped: {why}"),
    }
}

/// Returns when the server is told to stop, or when nothing can be stored any more.
async fn watch_for_the_end(live: Arc<Live>) -> Result<()> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut look = tokio::time::interval(std::time::Duration::from_millis(200));
    loop {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = look.tick() => if live.hindrance().is_some() { return Ok(()) },
        }
    }
}

/// Returns whether the program itself says something: libraries tell what they do, and to what.
fn is_ours(said: &tracing::Metadata<'_>) -> bool {
    said.target().starts_with(env!("CARGO_CRATE_NAME"))
}

/// Writes logs as JSON lines to standard error: what happened, never to whom.
fn log_to_standard_error() {
    let logs = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::INFO)
        .with_writer(std::io::stderr.with_filter(is_ours))
        .flatten_event(true)
        .finish();
    // A second server of one process, in a test, goes on with the first one's.
    drop(tracing::subscriber::set_global_default(logs));
}
