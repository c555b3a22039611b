//! Records what connections carry, and shows it: as pcapng for Wireshark, and as a ladder of frames beside the life
//! of their sessions. Reads no clock, and opens no file and no socket: it is given all three.
//!
//! A [`Tap`] around a stream tells a [`Listener`] what passes. Two listen: a [`Queue`], which has a thread write it into
//! a pcapng file, and a [`Story`] behind a lock. A [`pcapng::Reader`] gives the events of a file back, so a story can be
//! made of it later ([`Story::of_trace`]). A [`ladder::Drawing`] shows it.

mod event;
pub mod ladder;
mod packet;
pub mod pcapng;
mod queue;
mod recorder;
#[cfg(test)]
mod script;
mod story;
mod tap;

pub use event::{Ending, Ends, Event, Side, What};
pub use queue::{Queue, Writing, Written};
pub use recorder::{Lane, Listener, Recorder};
pub use story::{Change, Frame, Happening, ROWS_MAX, Row, Story, Tone};
pub use tap::Tap;
