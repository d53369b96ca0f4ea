//! Who holds a lease, and whether he is still there.

use shopwise_stages::Shop;
use shopwise_store::ledger::Lease;
use shopwise_store::{Error, Ledger, Result};

use crate::commands::now;

/// Takes a lease of the shop for `time` microseconds, also from a process of this machine that has
/// died with it.
///
/// # Errors
/// [`Error::Busy`] when somebody holds it who may be alive, and when the ledger refuses.
pub(crate) fn take(shop: &Shop, lease: &str, command: &str, time: i64) -> Result<Lease> {
    match shop.ledger.take_lease(lease, &name(command), now(), time) {
        Err(Error::Busy { holder, .. }) if is_gone(&holder) => {
            shop.ledger.end_lease(lease, &holder)?;
            shop.ledger.take_lease(lease, &name(command), now(), time)
        }
        taken => taken,
    }
}

/// Refuses a shop on which somebody works who may be alive.
pub(crate) fn refuse_in_use(ledger: &Ledger) -> anyhow::Result<()> {
    match ledger.leases(now())?.into_iter().find(|lease| !is_gone(&lease.holder)) {
        None => Ok(()),
        Some(Lease { holder, taken_at, .. }) => anyhow::bail!(
            "the shop is in use: {holder} has worked on it since {}\nhint: stop it first",
            shopwise_model::time::format(taken_at)
        ),
    }
}

/// Returns how this process calls itself in a lease.
fn name(command: &str) -> String {
    format!("`shopwise {command}` (process {} on {})", std::process::id(), host())
}

/// Returns whether a holder was a process of this machine that has ended. Of other machines nothing
/// is known: their leases run out.
fn is_gone(holder: &str) -> bool {
    let inner = holder.rsplit_once("(process ").and_then(|(_, rest)| rest.strip_suffix(')'));
    let Some((process, machine)) = inner.and_then(|inner| inner.split_once(" on ")) else {
        return false;
    };
    let is_number = !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit());
    let processes = std::path::Path::new("/proc");
    is_number && machine == host() && processes.join("self").exists() && {
        // A number that was given again to somebody else only makes the caller wait.
        !processes.join(process).exists()
    }
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_living_and_strangers_are_not_gone() {
        assert!(!is_gone(&name("run")));
        let dead = format!("`shopwise run` (process 4194305 on {})", host());
        assert!(is_gone(&dead));
        for other in ["`shopwise run` (process 4194305 on elsewhere)", "somebody", "(process x)"] {
            assert!(!is_gone(other), "{other}");
        }
    }
}
