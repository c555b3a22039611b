//! The suites, one module each. Their names are the categories of the course's plan, so that
//! `cargo test concurrency::` runs one.
#![cfg(test)]

mod codec;
mod corpus;
mod protocol;
