//! The server is killed at random moments while clients send, remove and ask. After each restart the folder is held
//! against what every client was told, and every session goes on at its exact place.

mod client;
mod ledger;
mod program;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clap::Args;

use crate::Outcome;
use crate::dice::Dice;
use crate::network::Network;
use crate::programs::{Place, Programs, Rung};
use crate::report::Report;
use client::{Client, Counts};
use ledger::{Bytes, Found, Ledger, compare};
use program::User;

/// Kills between two words about how far it is.
const WORD_EVERY: u64 = 100;

/// The size of it.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Kills, at least
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    kills: u64,
    /// Acknowledged files, at least; it goes on until there are so many
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(0..=10_000_000))]
    files: u64,
    /// Clients at the same time, beside one user of the client program
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=256))]
    clients: u64,
    /// The longest life of a server, in milliseconds
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    life_ms: u64,
}

pub(crate) fn run(options: &Options, mut dice: Dice) -> Outcome<Report> {
    let mut report = Report::new("Kills of the server under load");
    let place = Place::new(Rung::Sqlite)?;
    let mut world = World {
        programs: Programs::new()?,
        network: Network::new()?,
        clients: (0..options.clients).map(|_| Client::new(dice.fork(), place.storage.clone())).collect(),
        place,
        user: User::new(dice.fork())?,
    };
    let mut kills = 0;
    let mut unanswered = 0;
    while kills < options.kills || world.acknowledged() < options.files {
        let life = Duration::from_micros(dice.between(0, options.life_ms * 1_000));
        let found = world.live(life).map_err(|fault| format!("after {kills} kills: {fault}"))?;
        unanswered += found.unanswered;
        kills += 1;
        if kills % WORD_EVERY == 0 {
            eprintln!("{kills} kills, {} files acknowledged", world.acknowledged());
        }
    }
    let found = world.settle().map_err(|fault| format!("at the end: {fault}"))?;
    world.say(&mut report, options, kills, unanswered, found);
    Ok(report)
}

/// Everything that outlives a server.
struct World {
    programs: Programs,
    place: Place,
    network: Network,
    clients: Vec<Client>,
    user: User,
}

impl World {
    /// One life of a server: what its predecessor left is compared, then it works until it is killed.
    fn live(&mut self, life: Duration) -> Outcome<Found> {
        let mut server = self.place.start(&self.programs)?;
        let found = self.compare(Bytes::OfNewFiles)?;
        let killed = AtomicBool::new(false);
        self.network.lead_to(server.address);
        let (programs, network, address, killed) = (&self.programs, self.network.address, server.address, &killed);
        let (clients, user) = (&mut self.clients, &mut self.user);
        thread::scope(|scope| {
            let mut working: Vec<_> =
                clients.iter_mut().map(|client| scope.spawn(move || client.work(address, killed))).collect();
            working.push(scope.spawn(move || user.work(programs, network, killed)));
            // Nothing is waited for: that the kill comes at any moment is what is tried.
            thread::sleep(life);
            // Said before it is done, so that nobody takes it for a lost connection of a living server.
            killed.store(true, Ordering::SeqCst);
            server.kill();
            working
                .into_iter()
                .try_for_each(|thread| thread.join().unwrap_or_else(|_| Err("a client ended".to_owned())))
        })?;
        Ok(found)
    }

    /// Once more a server, for what has no answer yet; then everything is compared.
    fn settle(&mut self) -> Outcome<Found> {
        let server = self.place.start(&self.programs)?;
        self.compare(Bytes::OfNewFiles)?;
        self.network.lead_to(server.address);
        self.clients.iter_mut().try_for_each(|client| client.settle(server.address))?;
        self.user.settle(&self.programs, self.network.address)?;
        let found = self.compare(Bytes::OfAllFiles)?;
        if found.unanswered > 0 {
            return Err(format!("{} files are visible that nobody was told of", found.unanswered));
        }
        Ok(found)
    }

    fn compare(&mut self, bytes: Bytes) -> Outcome<Found> {
        let mut ledgers: Vec<&mut Ledger> = self.clients.iter_mut().map(|client| &mut client.ledger).collect();
        ledgers.push(&mut self.user.ledger);
        compare(&self.place.storage, &mut ledgers, bytes)
    }

    /// Files that were acknowledged, those removed since too.
    fn acknowledged(&self) -> u64 {
        let of_clients: u64 = self.clients.iter().map(|client| client.counts.stateful + client.counts.stateless).sum();
        of_clients + self.user.files
    }

    fn say(&self, report: &mut Report, options: &Options, kills: u64, unanswered: u64, found: Found) {
        let sum = |of: fn(&Counts) -> u64| self.clients.iter().map(|client| of(&client.counts)).sum::<u64>();
        report.say(format!(
            "{kills} kills of a server with its sessions in SQLite, each after at most {} ms, under {} clients and one \
             user of the client program.\n",
            options.life_ms, options.clients
        ));
        report.say("| what | how many |\n|---|---|");
        for (what, count) in [
            ("files acknowledged as durable", self.acknowledged()),
            ("of these in a session", sum(|counts| counts.stateful)),
            ("of these by a transfer id", sum(|counts| counts.stateless)),
            ("of these by the client program", self.user.files),
            ("bytes of the clients' files", sum(|counts| counts.bytes)),
            ("commands of the client program carried out", self.user.commands),
            ("runs they took", self.user.runs),
            ("removals acknowledged", sum(|counts| counts.removed)),
            ("sessions continued", sum(|counts| counts.continued)),
            ("sessions ended", sum(|counts| counts.ended)),
            ("unanswered requests that were found done", sum(|counts| counts.found_done)),
            ("kept answers asked for again", sum(|counts| counts.replayed)),
            ("uploads that went on in the middle", sum(|counts| counts.resumed)),
            ("bytes not sent again by that", sum(|counts| counts.spared_bytes)),
            ("files found visible after a kill and not yet acknowledged, all whole", unanswered),
            ("files there at the end", found.files),
            ("of these compared byte by byte at the end", found.compared),
        ] {
            report.say(format!("| {what} | {count} |"));
        }
        report.say(
            "\nAfter every restart: all acknowledged files there, the new ones compared byte by byte; nothing else visible \
             but whole files on their way to be acknowledged; no sequence with two files; every session at its exact \
             next sequence, with the same list; the last answer the same when asked for again.",
        );
    }
}
