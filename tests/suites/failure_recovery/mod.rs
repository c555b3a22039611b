//! What is left when clients and servers vanish, and how a conversation goes on afterwards.

mod cut;
mod outage;
mod parts;
mod restart;
mod sequence;
mod stop;
mod takeover;
mod tickets;
