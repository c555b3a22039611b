//! A server as the kit grades it: what it offers, and the checks of each level. Everything here is bytes that
//! are sent and bytes that come.

mod faults;
mod fields;
mod framing;
mod grammar;
mod lifetime;
mod offer;
mod payloads;
mod reply;
mod requests;
mod resuming;
mod sequence;
mod session;
mod sessions;
mod stateless;
mod transfers;
mod week01;

use std::net::SocketAddr;
use std::time::Duration;

use crate::check::{Checked, Group, Level, Need, Outcome};
use crate::judge::{self, Choice, Report};
use crate::link::Link;
use crate::record::Record;
use offer::Offer;

/// The checks of all levels.
const GROUPS: &[Group<Ground>] = &[
    Group { level: Level::Framing, needs: &[], checks: framing::CHECKS },
    Group { level: Level::Framing, needs: &[], checks: grammar::CHECKS },
    Group { level: Level::Framing, needs: &[Need::Stateless], checks: payloads::CHECKS },
    Group { level: Level::Week01, needs: &[Need::Stateless], checks: week01::CHECKS },
    Group { level: Level::Stateless, needs: &[], checks: fields::CHECKS },
    Group { level: Level::Stateless, needs: &[Need::Stateless], checks: stateless::CHECKS },
    Group { level: Level::Stateless, needs: &[Need::Stateless], checks: transfers::CHECKS },
    Group { level: Level::Sessions, needs: &[Need::Stateful], checks: sessions::CHECKS },
    Group { level: Level::Sessions, needs: &[Need::Stateful], checks: sequence::CHECKS },
    Group { level: Level::Sessions, needs: &[Need::Stateful], checks: lifetime::CHECKS },
    Group { level: Level::Resuming, needs: &[], checks: resuming::CHECKS },
    Group { level: Level::Faults, needs: &[], checks: faults::CHECKS },
];

/// What a check of a server stands on.
#[derive(Debug)]
pub(crate) struct Ground {
    address: SocketAddr,
    patience: Duration,
    slow_patience: Duration,
    pub(crate) offer: Offer,
    pub(crate) record: Record,
}

impl Ground {
    /// A connection of its own.
    pub(crate) fn connect(&self) -> Checked<Link<'_>> {
        Link::connect(self.address, self.patience, &self.record)
    }
}

/// Grades the server at an address. Says why nothing could be graded.
pub fn judge(address: SocketAddr, choice: &Choice, told: &mut dyn FnMut(&Outcome)) -> Result<Report, String> {
    let record = Record::default();
    if let Err(stop) = Link::connect(address, choice.patience, &record) {
        return Err(format!("no connection to {address}: {}", judge::reason(&stop)));
    }
    let (offer, notes) = Offer::ask(address, choice.patience);
    let ground = || Ground {
        address,
        patience: choice.patience,
        slow_patience: choice.slow_patience,
        offer: offer.clone(),
        record: Record::default(),
    };
    let lacks = |need| offer.lacks(need);
    let outcomes = judge::all(GROUPS, choice, &lacks, ground, |ground| &ground.record, told);
    Ok(Report { subject: format!("server {address}"), notes, outcomes })
}
