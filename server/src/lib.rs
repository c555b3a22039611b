//! The dual-mode file transfer server.

pub mod cli;
pub mod config;
