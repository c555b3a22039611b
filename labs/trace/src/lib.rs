//! Records what connections carry, and shows it: as pcapng for Wireshark, and as a ladder of frames beside the life
//! of their sessions. Reads no clock, and opens no file and no socket: it is given all three.
//!
//! A [`Tap`] around a stream tells a [`Listener`] what passes. Two listen: a [`Queue`], which has a thread write it into
//! a pcapng file, and a [`Story`] behind a lock. A [`pcapng::Reader`] gives the events of a file back, so a story can be
//! made of it later ([`Story::of_trace`]). A [`ladder::Drawing`] shows it.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # use std::sync::{Arc, Mutex};
//! # use std::time::Duration;
//! # use tokio::io::AsyncWriteExt as _;
//! # use trace::{Ends, Recorder, Side, Story, Tap, ladder::Form};
//! let story = Arc::new(Mutex::new(Story::default()));
//! let recorder = Recorder::new(|| Duration::ZERO, story.clone());
//!
//! let (client, _server) = tokio::io::duplex(64);
//! let ends = Ends::new("127.0.0.1:40000".parse().unwrap(), "127.0.0.1:65432".parse().unwrap());
//! let mut client = Tap::new(client, Some(recorder.connection(ends, Side::Client)));
//! client.write_all(b"{\"mime_type\":\"text/plain\",\"size\":2}\nhi").await.unwrap();
//! drop(client);
//!
//! let drawn = Form::Text.draw(&story.lock().unwrap());
//! assert!(drawn.contains("Week 01 upload") && drawn.contains("client ends"));
//! # });
//! ```

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
