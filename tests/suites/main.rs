//! The suites, by the categories of the course: `cargo test -p tests --test suites handler::` runs one.

#[cfg(test)]
mod handler;
#[cfg(test)]
mod session;
#[cfg(test)]
mod storage;
#[cfg(test)]
mod timing;
