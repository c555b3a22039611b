//! Events on their way to a file: whoever tells them waits for no disk. What finds no room is counted.

use std::collections::VecDeque;
use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::pcapng::Writer;
use crate::{Event, Listener};

/// Events that wait for the disk, and as many that wait for their order. Each has so many bytes at most, so this bounds
/// the memory too.
const WAITING_MAX: usize = 512;

/// Bytes of the longest event with all its headers.
const EVENT_BYTES_MAX: u64 = 33 * 1024;

/// How long an event waits for one that happened before it and is told later, by a thread that was held up.
const SETTLING: Duration = Duration::from_millis(20);

/// How long the end waits for the disk.
const FINISH_TIMEOUT: Duration = Duration::from_secs(10);

/// Where events wait for the thread that writes them.
#[derive(Debug)]
pub struct Queue {
    /// Gone when the trace is finished.
    sender: Mutex<Option<SyncSender<Event>>>,
    lost: AtomicU64,
}

/// A file that is being written.
#[derive(Debug)]
pub struct Writing {
    queue: Arc<Queue>,
    done: Receiver<io::Result<Written>>,
}

/// What came of a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Written {
    /// Events that are in the file.
    pub events: u64,
    /// Events that are not: the disk was too slow, or the file as long as it may be.
    pub lost: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

impl Queue {
    /// A queue into `file`, which becomes `bytes_max` long at most, and a thread that writes it.
    pub fn into_file(file: impl Write + Send + 'static, bytes_max: u64) -> io::Result<(Arc<Self>, Writing)> {
        let mut writer = Writer::new(BufWriter::new(file))?;
        writer.flush()?;
        let (sender, events) = mpsc::sync_channel(WAITING_MAX);
        let (told, done) = mpsc::sync_channel(1);
        let write = move || {
            // Nobody may be left to hear it.
            let _ = told.send(write_all(writer, &events, bytes_max));
        };
        thread::Builder::new().name("trace".to_owned()).spawn(write)?;
        let queue = Arc::new(Self { sender: Mutex::new(Some(sender)), lost: AtomicU64::new(0) });
        Ok((Arc::clone(&queue), Writing { queue, done }))
    }
}

impl Listener for Queue {
    fn hear(&self, event: Event) {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if sender.as_ref().is_none_or(|sender| sender.try_send(event).is_err()) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Writing {
    /// Writes what waits, and says what came of all. What is told later is in no file.
    pub fn finish(self) -> io::Result<Written> {
        drop(self.queue.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
        let written = match self.done.recv_timeout(FINISH_TIMEOUT) {
            Ok(written) => written?,
            Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::TimedOut.into()),
            Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("its thread has ended")),
        };
        let lost = written.lost.saturating_add(self.queue.lost.load(Ordering::Relaxed));
        Ok(Written { lost, ..written })
    }
}

fn write_all(mut writer: Writer<impl Write>, events: &Receiver<Event>, bytes_max: u64) -> io::Result<Written> {
    let mut written = Written::default();
    let mut settling = VecDeque::new();
    loop {
        let told = events.recv_timeout(SETTLING);
        let (quiet, all) = (told.is_err(), told == Err(RecvTimeoutError::Disconnected));
        if let Ok(event) = told {
            settle(&mut settling, event);
        }
        let newest = settling.back().map(|event: &Event| event.at).unwrap_or_default();
        let is_due = |event: &Event| quiet || event.at.saturating_add(SETTLING) < newest;
        while settling.len() > WAITING_MAX || settling.front().is_some_and(is_due) {
            if let Some(event) = settling.pop_front() {
                write_one(&mut writer, &event, bytes_max, &mut written)?;
            }
        }
        if quiet {
            // While nothing more is told, all is there for whoever looks, and for whoever kills us.
            writer.flush()?;
        }
        if all {
            return Ok(Written { bytes: writer.bytes(), ..written });
        }
    }
}

/// Puts an event behind those that happened before it.
fn settle(settling: &mut VecDeque<Event>, event: Event) {
    let later = settling.iter().rev().take_while(|other| other.at > event.at).count();
    settling.insert(settling.len().saturating_sub(later), event);
}

fn write_one(writer: &mut Writer<impl Write>, event: &Event, bytes_max: u64, written: &mut Written) -> io::Result<()> {
    // The longest event still fits below the bound.
    if writer.bytes().saturating_add(EVENT_BYTES_MAX) > bytes_max {
        written.lost = written.lost.saturating_add(1);
        return Ok(());
    }
    written.events = written.events.saturating_add(1);
    writer.write(event)
}

#[cfg(test)]
mod tests {
    use std::sync::Condvar;

    use bytes::Bytes;

    use super::*;
    use crate::{Ends, Side, What};

    fn event(length: usize) -> Event {
        event_at(0, length)
    }

    fn event_at(ms: u64, length: usize) -> Event {
        let ends = Ends::new(([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into());
        let bytes = Bytes::from(vec![7; length]);
        Event {
            at: Duration::from_millis(ms),
            ends,
            what: What::Bytes { from: Side::Client, offset: 0, heard: 0, bytes },
        }
    }

    /// A disk that takes nothing until it is told to, and says how much it took.
    #[derive(Clone, Default)]
    struct Disk(Arc<(Mutex<(bool, u64)>, Condvar)>);

    impl Disk {
        fn go_on(&self) {
            self.0.0.lock().unwrap().0 = true;
            self.0.1.notify_all();
        }

        fn bytes(&self) -> u64 {
            self.0.0.lock().unwrap().1
        }
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (state, changed) = &*self.0;
            let mut state = state.lock().unwrap();
            // The head of the file comes before there is a thread that could be held up.
            while !state.0 && state.1 > 0 {
                state = changed.wait(state).unwrap();
            }
            state.1 += u64::try_from(bytes.len()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_disk_that_stands_still_holds_nobody_up_and_what_finds_no_room_is_counted() {
        let disk = Disk::default();
        let (queue, writing) = Queue::into_file(disk.clone(), u64::MAX).unwrap();
        let told = u64::try_from(WAITING_MAX).unwrap() * 3;
        for _ in 0..told {
            queue.hear(event(Event::BYTES_MAX));
        }
        disk.go_on();
        let written = writing.finish().unwrap();
        assert_eq!(written.events + written.lost, told);
        // Those in the queue, and some of those that the thread had taken already.
        let waited = u64::try_from(WAITING_MAX).unwrap();
        assert!((waited..2 * waited + 3).contains(&written.events) && written.lost > 0, "{written:?}");
        assert_eq!(disk.bytes(), written.bytes);
        queue.hear(event(1));
        assert_eq!(disk.bytes(), written.bytes, "a finished trace stays as it is");
    }

    #[test]
    fn what_is_told_late_stands_where_it_happened() {
        let mut settling = VecDeque::new();
        let lengths_at = [(5, 1), (7, 2), (6, 3), (7, 4), (1, 5)];
        for (ms, length) in lengths_at {
            settle(&mut settling, event_at(ms, length));
        }
        let order: Vec<_> = settling.iter().map(|event| event.at.as_millis()).collect();
        assert_eq!(order, [1, 5, 6, 7, 7]);
        assert_eq!(settling[3], event_at(7, 2), "what was told first of the same moment stays first");
    }

    #[test]
    fn a_trace_ends_below_its_bound() {
        let disk = Disk::default();
        disk.go_on();
        let bytes_max = 10 * EVENT_BYTES_MAX;
        let (queue, writing) = Queue::into_file(disk.clone(), bytes_max).unwrap();
        for _ in 0..20 {
            queue.hear(event(Event::BYTES_MAX));
        }
        let written = writing.finish().unwrap();
        assert!(written.bytes <= bytes_max && written.events >= 9, "{written:?}");
        assert_eq!((written.events + written.lost, disk.bytes()), (20, written.bytes));
    }
}
