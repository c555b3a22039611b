//! The client as a program of this package.

fn main() {}
