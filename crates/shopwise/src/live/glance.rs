//! One customer as he is known this moment, for who has no live state: by his own events, those in
//! the lake and those that are on their way into it.

use anyhow::{Result, bail};
use shopwise_stages::Shop;
use shopwise_stages::prepare::fold::Replay;
use shopwise_stages::prepare::follow;
use shopwise_store::Inbox;

use super::follower::{self, Next};
use super::known::Base;

/// How often it is tried to read events that move on meanwhile.
const TRIES_MAX: usize = 10;

/// Replays the events of some customers, named by their pseudonyms.
pub(crate) fn customers(shop: &Shop, inbox: &Inbox, names: &[String]) -> Result<Replay> {
    'anew: for _ in 0..TRIES_MAX {
        let base = Base::now(shop)?;
        let version = base.standing.map(|standing| standing.version);
        let (mut state, mut only) = follow::only(shop, names, version)?;
        let mut after = base.held;
        loop {
            match follower::next(shop, inbox, after, i64::MAX)? {
                Next::Nothing => return Ok(state),
                Next::Unseen => continue 'anew,
                Next::Step(step, last) => {
                    state.extend_again(&mut only, &step.rows)?;
                    after = last;
                }
            }
        }
    }
    bail!("events move into the lake faster than they are read")
}
