//! The only place that prints.
#![expect(clippy::print_stderr, reason = "the program's one printer")]
#![expect(clippy::exit, reason = "a closed pipe ends the program quietly")]

use std::io::{IsTerminal as _, Write as _};

/// Prints a result. A reader that has gone (a closed pipe) is no failure.
pub(crate) fn output(text: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{}", text.trim_end()).is_err() {
        std::process::exit(0);
    }
}

/// Prints why the program failed.
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

/// Prints one line of progress.
pub(crate) fn progress(line: &str) {
    eprintln!("{line}");
}

/// Returns a bar that counts rows: drawn on a terminal, silent elsewhere.
pub(crate) fn bar(what: &str) -> indicatif::ProgressBar {
    if !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let style =
        indicatif::ProgressStyle::with_template("{spinner} {msg} {human_pos} rows {per_sec}");
    let bar = indicatif::ProgressBar::new_spinner().with_message(what.to_owned());
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
