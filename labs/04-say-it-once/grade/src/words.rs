//! How transcripts write what happened.

use std::fmt::{self, Display};

use crate::world::{Answer, Moment, What};
use crate::{Admission, Epoch, Receipt, Refusal, Request, Sequence, Welcome};

/// Characters of a digest that tell two apart.
const DIGEST_SHOWN: usize = "blake3:".len() + 4;

fn short(digest: &str) -> &str {
    digest.get(..DIGEST_SHOWN).unwrap_or(digest)
}

impl Display for Epoch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "epoch {}", self.0)
    }
}

impl Display for Sequence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "#{}", self.0)
    }
}

impl Display for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}, {} bytes", self.name, self.size)?;
        if self.offset > 0 {
            write!(out, " from {} on", self.offset)?;
        }
        write!(out, ", {}", self.digest.as_deref().map_or("no digest", short))
    }
}

impl Display for Receipt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}, {} bytes, {}", self.stored_as, self.size, short(&self.digest))
    }
}

impl Display for Welcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}, {} is next", self.epoch, self.next_sequence)
    }
}

impl Display for Admission {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proceed => out.write_str("Proceed"),
            Self::Replay(receipt) => write!(out, "Replay({receipt})"),
        }
    }
}

impl Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SequenceGap { expected } => write!(out, "SequenceGap {{ expected: {expected} }}"),
            Self::SequenceReused => out.write_str("SequenceReused"),
            Self::SequenceTooOld => out.write_str("SequenceTooOld"),
            Self::SessionMoved => out.write_str("SessionMoved"),
        }
    }
}

impl Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Welcome(welcome) => write!(out, "{welcome}"),
            Self::Admission(Ok(admission)) => write!(out, "{admission}"),
            Self::Commit(Ok(())) => out.write_str("Ok: the file is visible"),
            Self::Admission(Err(refusal)) | Self::Commit(Err(refusal)) => write!(out, "{refusal}"),
            Self::Panic(panicked) => write!(out, "a panic at {}: {}", panicked.place, panicked.message),
            Self::Nothing => out.write_str("the gate hears nothing of it"),
        }
    }
}

impl Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (who, epoch) = (self.line.who, self.line.epoch);
        match &self.what {
            What::Connects => write!(out, "{who}: connect"),
            What::Begins(sequence, upload) => write!(out, "{who}: admit {epoch}, {sequence} {}", upload.request),
            What::Ends(sequence, upload, receipt) => {
                write!(out, "{who}: commit {epoch}, {sequence} {}, as {}", upload.request, receipt.stored_as)
            }
            What::Fails(sequence, upload) => {
                write!(out, "{who}: {sequence} {} comes damaged and is thrown away", upload.request.name)
            }
            What::Breaks => write!(out, "{who}: loses connection {}, with what was on its way", self.line.number),
        }
    }
}
