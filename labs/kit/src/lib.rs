//! What the labs share: checks and how their failures are told, seeds, predictions, hints, traces. Knows no lab, and
//! nothing of the server.

mod bound;
mod check;
mod dice;
mod failure;
mod flaws;
pub mod folder;
mod golden;
mod panics;
mod picture;
pub mod program;
pub mod proxy;
mod recording;
mod report;
mod ruler;
mod trial;
mod view;

pub use check::{Check, Lab, Question, Study, Verdict};
pub use dice::Dice;
pub use failure::{Failure, Step};
pub use golden::golden;
pub use panics::{Panicked, caught};
pub use picture::Picture;
pub use recording::Recording;
pub use report::Report;
pub use ruler::Ruler;
pub use trace::{Ending, Side};
pub use trial::{Trial, Wrong};
pub use view::shown;
