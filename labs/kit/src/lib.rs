//! What the labs share: checks and how their failures are told, seeds, predictions, hints, traces. Knows no lab, and
//! nothing of the server.

mod capture;
mod check;
mod dice;
mod failure;
pub mod folder;
mod golden;
mod panics;
pub mod program;
pub mod proxy;
mod report;
mod ruler;
mod view;

pub use check::{Check, Lab, Question, Verdict};
pub use dice::Dice;
pub use failure::{Failure, Step};
pub use golden::golden;
pub use panics::{Panicked, caught};
pub use report::Report;
pub use ruler::Ruler;
pub use view::shown;
