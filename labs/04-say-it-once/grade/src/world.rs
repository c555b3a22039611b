//! A session's server around a gate: connections, uploads that are under way, and files. Each answer of the gate is
//! compared with the model's, and the first that differs is told with all that led there.

use std::rc::Rc;

use lab_kit::{Failure, Panicked, Picture, Step, caught};

use crate::model::Model;
use crate::painting::painted;
use crate::{Admission, Epoch, Fresh, Gate, Receipt, Refusal, Sequence, Upload, Welcome};

/// A server with one session.
pub(crate) struct World {
    gate: Box<dyn Gate>,
    model: Model,
    moments: Vec<Moment>,
    connections: u16,
}

/// A connection that holds the session, or held it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// Its number, from 1 on.
    pub(crate) number: u16,
    /// Who is at its other end.
    pub(crate) who: &'static str,
    pub(crate) epoch: Epoch,
}

/// Something that happened, and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) line: Line,
    pub(crate) what: What,
    pub(crate) answer: Answer,
}

/// What can happen.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Connects,
    /// A request's header arrives.
    Begins(Sequence, Rc<Upload>),
    /// An upload is whole.
    Ends(Sequence, Rc<Upload>, Receipt),
    /// An upload's bytes are not what its digest says.
    Fails(Sequence, Rc<Upload>),
    /// The client gives the connection up. What it sent before may still arrive, and the server does not know.
    Breaks,
}

/// What a gate answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Welcome(Welcome),
    Admission(Result<Admission, Refusal>),
    Commit(Result<(), Refusal>),
    Panic(Panicked),
    /// The gate was not asked.
    Nothing,
}

pub(crate) type Outcome<T = ()> = Result<T, Box<Failure>>;

impl World {
    /// A server whose gate nobody has asked yet.
    pub(crate) fn new(fresh: &Fresh) -> Outcome<Self> {
        let gate = caught(fresh).map_err(|panicked| Failure::panic(&panicked))?;
        Ok(Self { gate, model: Model::default(), moments: Vec::new(), connections: 0 })
    }

    /// Somebody opens the session, or continues it on a new connection; also told is the number that is next.
    pub(crate) fn connect(&mut self, who: &'static str) -> Outcome<(Line, Sequence)> {
        self.connections = self.connections.saturating_add(1);
        let due = self.model.connect();
        let got = caught(|| self.gate.connect()).map(Answer::Welcome);
        let line = Line { number: self.connections, who, epoch: due.epoch };
        self.happened(line, What::Connects, &Answer::Welcome(due), got)?;
        Ok((line, due.next_sequence))
    }

    /// The header of a request arrives.
    pub(crate) fn begin(
        &mut self,
        line: Line,
        sequence: Sequence,
        upload: &Rc<Upload>,
    ) -> Outcome<Result<Admission, Refusal>> {
        let due = self.model.admit(line.epoch, sequence, &upload.request);
        let got = caught(|| self.gate.admit(line.epoch, sequence, &upload.request)).map(Answer::Admission);
        self.happened(line, What::Begins(sequence, Rc::clone(upload)), &Answer::Admission(due.clone()), got)?;
        Ok(due)
    }

    /// An upload that was admitted is whole.
    pub(crate) fn end(&mut self, line: Line, sequence: Sequence, upload: &Rc<Upload>) -> Outcome<Result<(), Refusal>> {
        let receipt = self.receipt(sequence, upload);
        let due = self.model.commit(line.epoch, sequence, &upload.request, receipt.clone());
        let got = self.commit(line, sequence, upload, &receipt);
        self.happened(line, What::Ends(sequence, Rc::clone(upload), receipt), &Answer::Commit(due), got)?;
        Ok(due)
    }

    /// A request comes whole.
    pub(crate) fn send(&mut self, line: Line, sequence: Sequence, upload: &Rc<Upload>) -> Outcome {
        if self.begin(line, sequence, upload)? == Ok(Admission::Proceed) {
            self.end(line, sequence, upload)?.ok();
        }
        Ok(())
    }

    /// An upload that was admitted turns out to be damaged.
    pub(crate) fn fail(&mut self, line: Line, sequence: Sequence, upload: &Rc<Upload>) {
        self.moments.push(Moment { line, what: What::Fails(sequence, Rc::clone(upload)), answer: Answer::Nothing });
    }

    /// The client gives a connection up.
    pub(crate) fn lose(&mut self, line: Line) {
        self.moments.push(Moment { line, what: What::Breaks, answer: Answer::Nothing });
    }

    /// All that happened.
    pub(crate) fn moments(&self) -> &[Moment] {
        &self.moments
    }

    fn receipt(&self, sequence: Sequence, upload: &Upload) -> Receipt {
        // As on the server, but for the time: there it is that of the session, so that a repeat makes the same name.
        upload.receipt(&format!("file_{}_{}.txt", sequence.0, self.moments.len()))
    }

    fn commit(
        &mut self,
        line: Line,
        sequence: Sequence,
        upload: &Upload,
        receipt: &Receipt,
    ) -> Result<Answer, Panicked> {
        caught(|| self.gate.commit(line.epoch, sequence, &upload.request, receipt.clone())).map(Answer::Commit)
    }

    fn happened(&mut self, line: Line, what: What, due: &Answer, got: Result<Answer, Panicked>) -> Outcome {
        let answer = got.unwrap_or_else(Answer::Panic);
        let right = answer == *due;
        self.moments.push(Moment { line, what, answer });
        if right { Ok(()) } else { Err(self.differs(due)) }
    }

    /// The last answer is not what was due.
    fn differs(&mut self, due: &Answer) -> Box<Failure> {
        let steps: Vec<_> = self.moments.iter().map(step).collect();
        let mut got = self.moments.last().map_or_else(String::new, |last| last.answer.to_string());
        if let Some(harm) = self.stored_in_spite() {
            got = format!("{got}, and {harm}");
        }
        Box::new(Failure {
            steps,
            expected: due.to_string(),
            got,
            picture: Some(Picture::Wire(painted(&self.moments))),
        })
    }

    /// What becomes of an upload that should not have been admitted: the ledger shows the harm.
    fn stored_in_spite(&mut self) -> Option<String> {
        let Moment { line, what, answer: Answer::Admission(Ok(Admission::Proceed)) } = self.moments.last()? else {
            return None;
        };
        let What::Begins(sequence, upload) = what else { return None };
        let (line, sequence, upload) = (*line, *sequence, Rc::clone(upload));
        let again = self.moments.iter().any(|moment| moment.stored().is_some_and(|(_, stored)| *stored == upload));
        let receipt = self.receipt(sequence, &upload);
        let answer = self.commit(line, sequence, &upload, &receipt).unwrap_or_else(Answer::Panic);
        let stored = answer == Answer::Commit(Ok(()));
        let name = upload.request.name.clone();
        self.moments.push(Moment { line, what: What::Ends(sequence, upload, receipt), answer });
        stored.then(|| format!("{name} is stored{}", if again { " a second time" } else { "" }))
    }
}

impl Moment {
    /// What became visible.
    pub(crate) fn stored(&self) -> Option<(&Receipt, &Rc<Upload>)> {
        match (&self.what, &self.answer) {
            (What::Ends(_, upload, receipt), Answer::Commit(Ok(()))) => Some((receipt, upload)),
            (What::Connects | What::Begins(..) | What::Ends(..) | What::Fails(..) | What::Breaks, _) => None,
        }
    }
}

/// A moment as a transcript tells it.
fn step(moment: &Moment) -> Step {
    let got = if let Answer::Panic(_) = moment.answer { "a panic".to_owned() } else { moment.answer.to_string() };
    Step { did: moment.to_string(), got }
}
