//! The wire, as a client meets it (PROTOCOL.md sections 1 to 5).

mod actions;
mod closing;
mod codec;
mod codes;
mod corpus;
mod drops;
mod expect;
mod headers;
mod payloads;
mod tables;
