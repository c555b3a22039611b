//! Measures what two servers cost for more and more uploads: bytes on the wire, and memory. Judges nothing.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use lab_kit::{Dice, caught};

use crate::curves;
use crate::frame::Frame;
use crate::memory::held_by;
use crate::scene::{Handler, Kind};
use crate::{Carried, Key, Mode, Request, Subject, World};

/// Numbers of uploads that are measured.
const UPLOADS: [usize; 5] = [1, 10, 100, 1_000, 10_000];

/// Files of each upload, and bytes of each file.
pub(crate) const FILES_EACH: usize = 3;
const FILE_BYTES: u64 = 100;

/// Uploads under which the server is restarted.
pub(crate) const RESTARTED: usize = 100;

/// What was measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// For each number of uploads.
    pub rows: Vec<Row>,
    /// How many of a hundred uploads went on after a restart, with the goldfish and with the elephant.
    pub went_on: [usize; 2],
}

/// What so many uploads cost, with the goldfish and with the elephant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// How many.
    pub uploads: usize,
    /// Bytes on the wire in both directions, without those of the files.
    pub wire: [usize; 2],
    /// Bytes of memory that the server holds when all files are there.
    pub memory: [usize; 2],
}

/// Measures both servers.
#[must_use]
pub fn measure(subject: &Subject) -> Measured {
    let row = |uploads| {
        let cost = |kind| {
            let (handler, wire) = after_uploads(subject, &mut Dice::new(1), kind, uploads);
            (wire, held_by(handler))
        };
        let (goldfish, elephant) = (cost(Kind::Goldfish), cost(Kind::Elephant { sessions_max: uploads }));
        Row { uploads, wire: [goldfish.0, elephant.0], memory: [goldfish.1, elephant.1] }
    };
    let went_on = [Kind::Goldfish, Kind::ROOMY].map(|kind| after_restart(subject, kind, RESTARTED));
    Measured { rows: UPLOADS.into_iter().map(row).collect(), went_on }
}

/// Measures, prints what was found, and writes it as a page into `folder`.
pub fn program(subject: &Subject, folder: &Path) -> ExitCode {
    let measured = match caught(|| measure(subject)) {
        Ok(measured) => measured,
        Err(panicked) => {
            eprintln!("nothing to measure yet: a panic at {}: {}", panicked.place, panicked.message);
            return ExitCode::FAILURE;
        }
    };
    print!("{}", curves::text(&measured));
    let page = folder.join("03-curves.html");
    match fs::create_dir_all(folder).and_then(|()| fs::write(&page, curves::html(&measured))) {
        Ok(()) => {
            println!("\n  as a page   {}", page.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}: {error}", page.display());
            ExitCode::FAILURE
        }
    }
}

/// A server on which so many uploads have stored their files, and the bytes on the wire beside those of the files.
pub(crate) fn after_uploads(subject: &Subject, dice: &mut Dice, kind: Kind, uploads: usize) -> (Handler, usize) {
    let mut handler = kind.start(subject, &Key::new([7; 32]));
    let mut world = World::new(dice.clone());
    let mut wire = 0_usize;
    for _ in 0..uploads {
        let mut carried = asked(&mut handler, &mut world, kind.mode(), &Request::Connect, &mut wire);
        for _ in 0..FILES_EACH {
            let Some(brought) = carried else { break };
            let request = Request::Transfer { carried: brought, size: FILE_BYTES };
            carried = asked(&mut handler, &mut world, kind.mode(), &request, &mut wire);
        }
    }
    (handler, wire)
}

/// What the client carries next; nothing when it was refused.
fn asked(handler: &mut Handler, world: &mut World, mode: Mode, request: &Request, wire: &mut usize) -> Option<Carried> {
    let reply = handler.answer(request, world);
    let sequence = reply.as_ref().map_or(1, |progress| progress.files);
    for frame in [Frame::request(request, mode, sequence), Frame::reply(&reply, world.named())] {
        *wire = wire.saturating_add(frame.head.len());
    }
    reply.ok().map(|progress| progress.carried)
}

/// How many of so many uploads go on when the server is restarted behind their first request.
fn after_restart(subject: &Subject, kind: Kind, uploads: usize) -> usize {
    let key = Key::new([7; 32]);
    let (mut before, mut world) = (kind.start(subject, &key), World::new(Dice::new(1)));
    let begun: Vec<_> =
        (0..uploads).filter_map(|_| asked(&mut before, &mut world, kind.mode(), &Request::Connect, &mut 0)).collect();
    let mut after = kind.start(subject, &key);
    let next = |carried| Request::Transfer { carried, size: FILE_BYTES };
    begun.into_iter().filter(|carried| after.answer(&next(carried.clone()), &mut world).is_ok()).count()
}

/// Bytes as a person reads them.
pub(crate) fn told(bytes: usize) -> String {
    match bytes {
        0..10_240 => format!("{bytes} bytes"),
        10_240..10_485_760 => format!("{} KiB", bytes / 1_024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}
