//! What the suites stand on, a library so that engines, benches and labs can stand on it too.

pub mod orders;
pub mod world;
