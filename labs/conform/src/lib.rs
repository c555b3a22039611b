//! Grades anybody's implementation of PROTOCOL.md, in any language, by the bytes it sends. Shares no code with
//! the server and the client of this project, because it must be independent of what it grades.

mod bytes;
mod check;
pub mod client;
mod digest;
mod env;
mod frame;
mod json;
mod judge;
mod link;
pub mod program;
mod record;
pub mod report;
pub mod server;

pub use check::{Level, Outcome, Verdict};
pub use judge::{Choice, Count, Report};
pub use record::{Event, Way};
