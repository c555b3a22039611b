//! This server against others, and against what the machine can do without one.

use benches::report::{Alone, Target};
use shared::digest::DigestKind;
use shared::wire::Ack;

use super::{IN_FLIGHT, ahead_of, at_least, entry, others, this, twice};
use crate::peer::Peer;
use crate::row::{Row, Service, Who, Work};
use crate::stages::Place;

const SYSTEMS_CONGESTION: &str = "iperf3, the system's congestion control";
const NGINX_IN_TURN: &str = "nginx, in turn";
const NGINX_IN_FLIGHT: &str = "nginx, in flight";
const TWO_SYNCS: &str = "copy with two syncs for each file";

pub(super) fn large(work: Work) -> Row {
    let peers = [Peer::Vsftpd, Peer::Rsync, Peer::Sftp, Peer::Dufs, Peer::Miniserve];
    Row {
        name: "large",
        title: format!("{} MiB in one file, written, no digest", work.bytes / 1_024 / 1_024),
        place: Place::Memory,
        work,
        entries: [
            twice("this server", Service::PLAIN, 1),
            others(&[Peer::Nginx], 1),
            others(&peers, 1),
            others(&[Peer::Iperf3], 1),
            vec![entry(SYSTEMS_CONGESTION, Who::Peer(Peer::Iperf3System), 1)],
            others(&[Peer::Copy], 1),
        ]
        .concat(),
        targets: [
            vec![at_least(1.3, "nginx"), Target::CpuPerGb(0.45), at_least(0.85, SYSTEMS_CONGESTION)],
            ahead_of(&peers),
        ]
        .concat(),
    }
}

pub(super) fn large_with_blake3(work: Work) -> Row {
    let size = work.bytes / 1_024 / 1_024;
    let alone = Alone { transfer: "this server, no digest".to_owned(), hash: Peer::Hash.name().to_owned() };
    Row {
        name: "large-blake3",
        title: format!("{size} MiB in one file, written, BLAKE3 made by the sender and checked by the server"),
        place: Place::Memory,
        work,
        entries: [
            twice("this server", Service { digest: Some(DigestKind::Blake3), ..Service::PLAIN }, 1),
            vec![
                this(&alone.transfer, Service::PLAIN, 1),
                entry("nginx, no digest", Who::Peer(Peer::Nginx), 1),
                entry(SYSTEMS_CONGESTION, Who::Peer(Peer::Iperf3System), 1),
            ],
            others(&[Peer::Hash], 1),
        ]
        .concat(),
        targets: vec![
            at_least(1.1, "nginx, no digest"),
            at_least(0.7, SYSTEMS_CONGESTION),
            Target::OfBound(0.9, alone),
        ],
    }
}

pub(super) fn turn(work: Work) -> Row {
    let peers = [Peer::Vsftpd, Peer::Sftp, Peer::Dufs, Peer::Miniserve];
    Row {
        name: "turn",
        title: format!("{} files of 4 KiB in turn on one connection, written", work.files),
        place: Place::Memory,
        work,
        entries: [
            twice("this server", Service::PLAIN, 1),
            others(&[Peer::Nginx], 1),
            others(&peers, 1),
            others(&[Peer::Copy], 1),
        ]
        .concat(),
        targets: [vec![at_least(1.5, "nginx")], ahead_of(&peers)].concat(),
    }
}

pub(super) fn flight(work: Work) -> Row {
    Row {
        name: "flight",
        title: format!("{} files of 4 KiB in one session, {IN_FLIGHT} in flight, written", work.files),
        place: Place::Memory,
        work,
        entries: [
            twice("this server", Service::PLAIN, IN_FLIGHT),
            vec![
                entry(NGINX_IN_TURN, Who::Peer(Peer::Nginx), 1),
                entry(NGINX_IN_FLIGHT, Who::Peer(Peer::Nginx), IN_FLIGHT),
            ],
            others(&[Peer::Rsync, Peer::Copy], 1),
        ]
        .concat(),
        targets: [vec![at_least(4.0, NGINX_IN_TURN), at_least(1.0, NGINX_IN_FLIGHT)], ahead_of(&[Peer::Rsync])]
            .concat(),
    }
}

pub(super) fn hundred(work: Work) -> Row {
    let peers = [Peer::Vsftpd, Peer::Dufs, Peer::Miniserve];
    Row {
        name: "hundred",
        title: format!("{} connections, {} files of 4 KiB in turn on each, written", work.connections, work.files),
        place: Place::Memory,
        work,
        entries: [twice("this server", Service::PLAIN, 1), others(&[Peer::Nginx], 1), others(&peers, 1)].concat(),
        targets: [vec![at_least(1.5, "nginx")], ahead_of(&peers)].concat(),
    }
}

pub(super) fn durable(work: Work) -> Row {
    Row {
        name: "durable",
        title: format!("{} files of 4 KiB in one session, {IN_FLIGHT} in flight, durable", work.files),
        place: Place::Disk,
        work,
        entries: [
            twice("this server", Service { ack: Ack::Durable, ..Service::PLAIN }, IN_FLIGHT),
            vec![
                this("this server, written", Service::PLAIN, IN_FLIGHT),
                entry(NGINX_IN_TURN, Who::Peer(Peer::Nginx), 1),
                entry(NGINX_IN_FLIGHT, Who::Peer(Peer::Nginx), IN_FLIGHT),
                entry(TWO_SYNCS, Who::Peer(Peer::SyncedCopy), 1),
            ],
        ]
        .concat(),
        targets: vec![
            Target::FilesPerSecond(15_000.0),
            at_least(5.0, TWO_SYNCS),
            at_least(1.0, NGINX_IN_TURN),
            at_least(1.0, NGINX_IN_FLIGHT),
        ],
    }
}

/// Week 01's wire, on which a client hears of its files when it has sent them all.
pub(super) fn week01(name: &'static str, work: Work) -> Row {
    let entries = ["this server", "this server, again"].map(|name| entry(name, Who::ThisAsWeek01, 1)).to_vec();
    Row {
        name,
        title: format!("Week 01's wire: {} times {} files of 4 KiB one after the other", work.connections, work.files),
        place: Place::Memory,
        work,
        entries: [entries, others(&[Peer::Python], 1)].concat(),
        targets: vec![at_least(5.0, Peer::Python.name())],
    }
}
