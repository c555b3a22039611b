//! Carries the bytes of one direction, and does at each place what is planned there.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::{Fault, Link, Placed, Shared, Way};

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 16 * 1024;

/// Bytes that are held back at most, to arrive at once.
const HELD_BYTES_MAX: usize = 1024 * 1024;

/// Long enough that the receiver reads what came before.
const SPLIT_PAUSE: Duration = Duration::from_millis(5);

/// When a sender pauses so long, nothing more is waited for.
const QUIET: Duration = Duration::from_millis(50);

/// How long a write waits before it looks whether the connection is over.
const WRITE_PAUSE: Duration = Duration::from_millis(100);

/// How a direction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Its sender will send no more.
    Finished,
    /// It was planned that the connection is closed.
    Closed,
    /// It was planned that the connection is reset.
    Reset,
    /// The other direction has ended the whole connection.
    Over,
}

/// What is done to the next bytes.
enum Doing {
    Repeat(Vec<u8>, usize),
    Lose(usize),
    Hold(Vec<u8>, usize),
}

/// One direction of a connection.
struct Direction<'link> {
    link: &'link Link,
    way: Way,
    shared: &'link Shared,
    faults: std::slice::Iter<'link, Placed>,
    next: Option<&'link Placed>,
    /// Bytes that were taken from the sender.
    offset: u64,
    /// What is being done, in the order in which it began.
    doing: Vec<Doing>,
    swallows: bool,
}

/// Closing `socket` will tell its peer of a reset.
pub(crate) fn reset_on_close(socket: &TcpStream) {
    // Where that is not to be had, the peer sees an end.
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}

/// Carries bytes until there are no more.
pub(crate) fn pump(link: &Link, way: Way, faults: &[Placed], shared: &Shared) -> io::Result<Ended> {
    link.sink(way).set_nodelay(true)?;
    link.sink(way).set_write_timeout(Some(WRITE_PAUSE))?;
    let mut faults = faults.iter();
    let next = faults.next();
    let mut direction = Direction { link, way, shared, faults, next, offset: 0, doing: Vec::new(), swallows: false };
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut source = link.source(way);
    loop {
        // A fault at this place happens before the next byte is there.
        if let Some(ended) = direction.faults() {
            return Ok(ended);
        }
        let holding = direction.doing.iter().any(|doing| matches!(doing, Doing::Hold(..)));
        source.set_read_timeout(holding.then_some(QUIET))?;
        let length = match source.read(&mut buffer) {
            // Reading was stopped, and an orderly end of this direction would hide the reset.
            Ok(0) if link.is_over() => return Ok(Ended::Over),
            Ok(0) => {
                direction.release()?;
                // A black hole keeps the end to itself, until the other side gives up.
                return Ok(if direction.swallows { direction.wait() } else { Ended::Finished });
            }
            Ok(length) => length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                direction.release()?;
                continue;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if let Some(ended) = direction.take(buffer.get(..length).unwrap_or_default())? {
            return Ok(ended);
        }
    }
}

impl Direction<'_> {
    /// Carries these bytes, with the faults between them.
    fn take(&mut self, mut bytes: &[u8]) -> io::Result<Option<Ended>> {
        while !bytes.is_empty() {
            let until = self.next.map_or(u64::MAX, |placed| placed.offset.saturating_sub(self.offset));
            let length = usize::try_from(until).unwrap_or(usize::MAX).min(bytes.len());
            let (before, behind) = bytes.split_at(length);
            self.pass(before)?;
            bytes = behind;
            if bytes.is_empty() {
                break;
            }
            if let Some(placed @ &Placed { fault: Fault::Tamper(bits), offset, .. }) = self.next
                && offset == self.offset
            {
                let (first, behind) = bytes.split_at(1);
                self.begin(placed);
                self.pass(&first.iter().map(|byte| byte ^ bits).collect::<Vec<_>>())?;
                bytes = behind;
            }
            if let Some(ended) = self.faults() {
                return Ok(Some(ended));
            }
        }
        Ok(None)
    }

    /// Begins the faults that are placed here.
    fn faults(&mut self) -> Option<Ended> {
        while let Some(placed) = self.next.filter(|placed| placed.offset <= self.offset) {
            match placed.fault {
                // Needs its byte.
                Fault::Tamper(_) if placed.offset == self.offset => return None,
                Fault::Tamper(_) => {}
                Fault::Split => thread::sleep(SPLIT_PAUSE),
                Fault::Delay(time) => thread::sleep(time),
                Fault::Coalesce(bytes) => self.doing.push(Doing::Hold(Vec::new(), bytes.min(HELD_BYTES_MAX))),
                Fault::Duplicate(bytes) => self.doing.push(Doing::Repeat(Vec::new(), bytes.min(HELD_BYTES_MAX))),
                Fault::Lose(bytes) => self.doing.push(Doing::Lose(bytes)),
                Fault::BlackHole => self.swallows = true,
                Fault::Close => {
                    self.begin(placed);
                    return Some(Ended::Closed);
                }
                Fault::Reset => {
                    self.begin(placed);
                    return Some(Ended::Reset);
                }
            }
            self.begin(placed);
        }
        None
    }

    fn begin(&mut self, placed: &Placed) {
        self.shared.happened(placed);
        self.next = self.faults.next();
    }

    /// Carries bytes between which nothing is planned.
    fn pass(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.offset = self.offset.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        while !bytes.is_empty() && !self.swallows {
            let Some(doing) = self.doing.first_mut() else { return self.write(bytes) };
            let (Doing::Repeat(_, left) | Doing::Lose(left) | Doing::Hold(_, left)) = doing;
            let (now, behind) = bytes.split_at(bytes.len().min(*left));
            *left = left.saturating_sub(now.len());
            let done = *left == 0;
            bytes = behind;
            match doing {
                Doing::Repeat(kept, _) => {
                    kept.extend_from_slice(now);
                    self.write(now)?;
                }
                Doing::Hold(kept, _) => kept.extend_from_slice(now),
                Doing::Lose(_) => {}
            }
            if done {
                self.finish()?;
            }
        }
        Ok(())
    }

    /// Ends the first of what is being done.
    fn finish(&mut self) -> io::Result<()> {
        if self.doing.is_empty() {
            return Ok(());
        }
        match self.doing.remove(0) {
            Doing::Repeat(kept, _) | Doing::Hold(kept, _) => self.write(&kept),
            Doing::Lose(_) => Ok(()),
        }
    }

    /// Nothing more comes: what is held goes on its way.
    fn release(&mut self) -> io::Result<()> {
        while matches!(self.doing.first(), Some(Doing::Repeat(..) | Doing::Hold(..))) {
            self.finish()?;
        }
        Ok(())
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let mut sink = self.link.sink(self.way);
        while !bytes.is_empty() {
            match sink.write(bytes) {
                Ok(length) => {
                    let (written, behind) = bytes.split_at(length);
                    self.shared.carried(self.link.number, self.way, written);
                    bytes = behind;
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    // The receiver does not read; that is its right, as long as the connection lasts.
                    if self.link.is_over() {
                        return Err(error);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits until the other direction is over.
    fn wait(&self) -> Ended {
        while !self.link.is_half_over() {
            thread::sleep(WRITE_PAUSE);
        }
        Ended::Closed
    }
}
