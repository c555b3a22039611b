//! The dual-mode file transfer server.

pub mod app;
pub mod cli;
pub mod config;
pub mod descriptors;
pub mod dispatch;
pub mod env;
pub mod files;
pub mod handler;
mod ladder;
mod logging;
pub mod net;
mod private;
pub mod program;
pub mod rate;
mod recording;
pub mod sessions;
pub mod signals;

pub use app::{Server, StartError, move_sessions, run};
