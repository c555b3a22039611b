//! Clients that put load on a server and do nothing else: frames are made before the clock starts, and each
//! connection has a thread of its own.

use std::net::SocketAddr;
use std::time::Duration;

use harness::{RawClient, Session, frame, noise};
use serde_json::Value;
use shared::wire::{Ack, Mode};

use crate::{Clock, together};

/// Bytes of a small file.
pub const FILE: usize = 4 * 1024;

/// Uploads on one connection, each after the answer to the one before.
#[derive(Debug)]
pub struct Uploads {
    client: RawClient,
    session: Option<Session>,
    ack: Ack,
    payload: Vec<u8>,
    next: u64,
}

impl Uploads {
    /// Connects, and opens a session if the mode has one.
    #[must_use]
    pub fn connect(address: SocketAddr, mode: Mode, ack: Ack) -> Self {
        let mut client = RawClient::connect(address);
        let session = (mode == Mode::Stateful).then(|| Session::open(&mut client));
        Self { client, session, ack, payload: noise(1, FILE), next: 1 }
    }

    /// Uploads so many files, and tells how long each took from its first byte sent to its answer.
    pub fn send(&mut self, files: usize) -> Vec<Duration> {
        let frames: Vec<_> = (0..files).map(|_| self.frame()).collect();
        let timed = frames.iter().map(|frame| {
            let clock = Clock::start();
            self.client.send(frame);
            let reply = self.client.line();
            let latency = clock.elapsed();
            assert!(reply.contains("\"status\":\"stored\""), "{reply}");
            latency
        });
        timed.collect()
    }

    fn frame(&mut self) -> Vec<u8> {
        let header: Value = match &self.session {
            Some(session) => session.upload(self.next, "text/plain", FILE),
            None => frame::upload("text/plain", FILE),
        };
        self.next = self.next.saturating_add(1);
        frame::bytes(&frame::with(header, "ack", self.ack.as_str()), &self.payload)
    }
}

/// The latencies of uploads on many connections at once.
#[must_use]
pub fn latencies(
    address: SocketAddr,
    mode: Mode,
    ack: Ack,
    connections: usize,
    files: usize,
) -> (Vec<Duration>, Duration) {
    let client = |_| {
        let mut uploads = Uploads::connect(address, mode, ack);
        // What is done once for each connection is over before the clock starts.
        uploads.send(1);
        uploads
    };
    let clients = (0..connections).map(client).collect();
    let (samples, took) = together(clients, |mut uploads: Uploads| uploads.send(files));
    (samples.concat(), took)
}

/// How long so many uploads in turn take on a connection that stays open.
#[must_use]
pub fn uploads_in_turn(uploads: &mut Uploads, files: usize) -> Duration {
    let clock = Clock::start();
    uploads.send(files);
    clock.elapsed()
}

/// Files sent as Week 01 clients do.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    /// Connections at once.
    pub connections: usize,
    /// Files on each.
    pub files: usize,
    /// What each holds.
    pub payload: &'a [u8],
}

impl Work<'_> {
    /// Files in all.
    #[must_use]
    pub fn files_in_all(&self) -> usize {
        self.connections.saturating_mul(self.files)
    }
}

/// How long a server takes from the first byte to its last `OK`. Each connection sends all it has and then ends
/// its side; a server may answer before or after that.
#[must_use]
pub fn week01(address: SocketAddr, work: Work<'_>) -> Duration {
    let header = frame::week01("text/plain", work.payload.len());
    let one = [header.as_bytes(), work.payload].concat();
    let clients = (0..work.connections).map(|_| RawClient::connect(address)).collect();
    let (_, took) = together(clients, |mut client: RawClient| {
        for _ in 0..work.files {
            client.send(&one);
        }
        client.half_close();
        assert_eq!(client.to_end(), b"OK\n".repeat(work.files), "every file is acknowledged");
    });
    took
}
