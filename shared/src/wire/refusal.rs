//! Why a header is refused, and whether the connection can go on after it.

use crate::codec::Framing;
use crate::error::ErrorCode;

/// A refusal, before it becomes a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The row of the error table.
    pub code: ErrorCode,
    /// The field that is wrong, as the wire spells it.
    pub field: Option<String>,
    /// What is wrong with it, for a person. Holds nothing of the server.
    pub message: String,
    /// What follows the refused header. `None`: nobody can tell, so the connection must close.
    pub framing: Option<Framing>,
}

impl Refusal {
    /// A refusal after which nothing can be understood any more.
    #[must_use]
    pub fn fatal(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, field: None, message: message.into(), framing: None }
    }

    /// The same refusal, naming a field.
    #[must_use]
    pub fn of_field(self, field: &str) -> Self {
        Self { field: Some(field.chars().take(64).collect()), ..self }
    }
}
