//! server

pub mod files;
