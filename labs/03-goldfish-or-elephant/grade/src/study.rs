//! What a learner predicts: what many uploads of the learner's own seed cost, and what a restart leaves of them.

use std::time::Duration;

use lab_kit::{Dice, Ending, Picture, Question, Recording, Side, Study};

use crate::frame::Frame;
use crate::{Carried, ErrorCode, Mode, Progress, Request, SessionId};

/// What is given: bytes of a context, and of a session in memory.
const CONTEXT_BYTES: usize = 68;
const SESSION_BYTES: usize = 80;

/// The numbers of a seed.
#[derive(Clone, Copy)]
struct Day {
    uploads: usize,
    files: usize,
    /// Files of each upload that are stored when the server is restarted.
    before: usize,
    /// How often somebody brings the first context again.
    again: usize,
}

pub(crate) fn study(dice: &mut Dice) -> Study {
    let files = 4 + dice.below(5);
    let uploads = 1_000 + 10 * dice.below(800);
    let day = Day { uploads, files, before: 1 + dice.below(files - 1), again: 2 + dice.below(7) };
    let Day { before, again, .. } = day;
    let asked = format!(
        "{uploads} clients connect, and each uploads {files} files. When each has stored {before}, the server is\n\
         restarted; whoever hears session_unknown gives up. A context has {CONTEXT_BYTES} bytes, a session takes\n\
         {SESSION_BYTES} bytes of memory. One day all this is served by a goldfish, one day by an elephant.\n\n\
         On the day of the goldfish one client, when all its files are stored, brings its very first context {again}\n\
         more times, each time with a file of a size that none of its files has.\n"
    );
    let picture = Some(Picture::Wire(wire(day)));
    let answered = format!("{asked}\nOne upload of each day is drawn: the goldfish's first, then the elephant's.\n");
    Study { asked, answered, picture, questions: questions(day) }
}

fn questions(day: Day) -> Vec<Question> {
    let Day { uploads, files, before, again } = day;
    // A context comes with the reply to connect, and with each file goes there and comes back.
    let contexts = uploads.saturating_mul(files.saturating_mul(2).saturating_add(1));
    let question = |name, answer: usize, because: String| Question { name, answer: answer.to_string(), because };
    vec![
        question(
            "context_bytes",
            contexts.saturating_mul(CONTEXT_BYTES),
            format!(
                "each upload carries a context {} times: from connect, and to and fro with each file",
                contexts / uploads.max(1)
            ),
        ),
        question(
            "elephant_memory",
            uploads.saturating_mul(SESSION_BYTES),
            "an elephant remembers each upload, however many files it has".to_owned(),
        ),
        question(
            "goldfish_files",
            uploads.saturating_mul(files),
            "a goldfish has nothing to lose in a restart".to_owned(),
        ),
        question(
            "elephant_files",
            uploads.saturating_mul(before),
            format!("what was stored stays, and nobody knows whose file {} would be", before.saturating_add(1)),
        ),
        question(
            "files_of_old_contexts",
            0,
            format!("all {again} would be file 1 of that upload, and that name is taken"),
        ),
    ]
}

/// One upload of each day.
fn wire(day: Day) -> Recording {
    let mut recording = Recording::default();
    let mut at = Duration::ZERO;
    let mut connection = 0;
    for (mode, id) in [(Mode::Stateless, 0x60), (Mode::Stateful, 0xe1)] {
        let id = SessionId::from_bytes([id; SessionId::BYTES]);
        let carried = || match mode {
            Mode::Stateless => Carried::Context(vec![b'.'; CONTEXT_BYTES]),
            Mode::Stateful => Carried::Session(id),
        };
        for number in 0..=u32::try_from(day.files).unwrap_or_default() {
            let restarted = number == u32::try_from(day.before).unwrap_or_default().saturating_add(1);
            if restarted {
                recording.end(at, connection, Side::Server, Ending::Reset);
                recording.note(at, "the server is restarted");
            }
            if number == 0 || restarted {
                connection += 1;
                recording.open(at, connection);
            }
            let bytes = u64::from(number).saturating_mul(5);
            let request =
                if number == 0 { Request::Connect } else { Request::Transfer { carried: carried(), size: 5 } };
            let reply = if restarted && mode == Mode::Stateful {
                Err(ErrorCode::SessionUnknown)
            } else {
                Ok(Progress { files: number, bytes, carried: carried(), degraded_from: None })
            };
            let frames =
                [(Side::Client, Frame::request(&request, mode, number)), (Side::Server, Frame::reply(&reply, id))];
            for (from, frame) in frames {
                at = at.saturating_add(Duration::from_millis(1));
                recording.bytes(at, connection, from, &frame.bytes());
            }
            if reply.is_err() {
                break;
            }
        }
        for side in [Side::Client, Side::Server] {
            recording.end(at, connection, side, Ending::Finished);
        }
    }
    recording
}
