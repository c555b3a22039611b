//! What the suites, the engines, the benches and the labs share: servers to talk to, a client that says exactly
//! what it is told, and a look into a storage folder. Everything that waits has a bound.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a harness that fails says where, and ends its test"
)]
#![expect(clippy::missing_panics_doc, reason = "everything here panics when it does not get what it asks for")]

mod client;
mod content;
pub mod corpus;
mod folder;
pub mod frame;
pub mod orders;
pub mod outage;
mod process;
mod relay;
mod reply;
mod server;
mod session;
pub mod stores;
mod wait;
pub mod world;

pub use client::RawClient;
pub use content::{digest, noise, picture, uuid};
pub use folder::{hidden, names, staged, visible};
pub use process::{Ended, ServerProcess};
pub use relay::{Edit, relay};
pub use reply::Reply;
pub use server::{Options, Server};
pub use session::{Carried, Session};
pub use wait::{PATIENCE, Patience};
