//! What the benches share: a clock and figures with their spread, clients that put load on a server, and the
//! memory of a process.
#![expect(clippy::expect_used, reason = "a bench that fails says where, and ends")]
#![expect(clippy::missing_panics_doc, reason = "everything here panics when a server does not do its work")]

mod family;
mod figures;
pub mod growth;
mod load;
mod memory;
pub mod page;
pub mod report;
mod rounds;
pub mod script;
mod together;

pub use family::Family;
pub use figures::{Clock, Sample, Spread};
pub use load::{FILE, Uploads, Work, latencies, uploads_in_turn, week01};
pub use memory::Memory;
pub use rounds::rounds;
pub use together::together;
