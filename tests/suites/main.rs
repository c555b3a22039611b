//! The suites, one module each. Their names are the categories of the course's plan, so that
//! `cargo test concurrency::` runs one.
#![cfg(test)]

mod architecture;
mod concurrency;
mod conformance;
mod end_to_end;
mod failure_recovery;
mod handler;
mod mode_switching;
mod protocol;
mod session;
mod storage;
mod timing;
mod week01;

/// The server as a program of its own.
const SERVER: &str = env!("CARGO_BIN_EXE_test-server");
