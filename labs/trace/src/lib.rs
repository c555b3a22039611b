//! Records what connections carry. Reads no clock, and opens no file and no socket: it is given all three.
//!
//! A [`Tap`] around a stream tells a [`Listener`] what passes. A [`Queue`] listens and has a thread write it into a
//! pcapng file, for Wireshark; a [`pcapng::Reader`] gives the same events back.

mod event;
mod packet;
pub mod pcapng;
mod queue;
mod recorder;
mod tap;

pub use event::{Ending, Ends, Event, Side, What};
pub use queue::{Queue, Writing, Written};
pub use recorder::{Lane, Listener, Recorder};
pub use tap::Tap;
