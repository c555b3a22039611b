//! The rules of the dual-mode file transfer, told once for server and client: the wire, the sequence, the
//! session, the limits. No I/O, no clock, no dice, no async; `clippy.toml` beside this crate keeps it so.

pub mod buffers;
pub mod codec;
pub mod congestion;
pub mod digest;
pub mod error;
pub mod exit;
pub mod id;
pub mod limits;
pub mod session;
pub mod wire;
