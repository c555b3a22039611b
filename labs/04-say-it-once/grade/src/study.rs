//! The session whose fate a learner predicts: uploads, a lost reply, repeats, a number too far ahead and a latecomer, all
//! of the learner's own seed.

use std::rc::Rc;

use lab_kit::{Dice, Picture, Question, Study};

use crate::model::Model;
use crate::painting::painted;
use crate::world::{Answer, Moment, Outcome, What, World};
use crate::{Admission, Refusal, Sequence, Upload};

pub(crate) fn study(dice: &mut Dice) -> Study {
    let mut moments = Vec::new();
    if let Ok(world) = scenario(dice) {
        moments = world.moments().to_vec();
    }
    let lines = |answered: bool| moments.iter().filter_map(|moment| line(moment, answered)).collect();
    let picture = Some(Picture::Wire(painted(&moments)));
    Study { asked: lines(false), answered: lines(true), picture, questions: questions(&moments) }
}

/// A model compared with itself: nothing in it can fail.
fn scenario(dice: &mut Dice) -> Outcome<World> {
    let mut world = World::new(&|| Box::new(Model::default()))?;
    let file = |number: u64| Rc::new(Upload::new(&format!("{number}.txt"), &format!("file {number}")));
    let answered = 2 + u64::try_from(dice.below(3)).unwrap_or(0);
    let lost = answered.saturating_add(1);
    let (first, _) = world.connect("client")?;
    for number in 1..=lost {
        world.send(first, Sequence(number), &file(number))?;
    }
    world.lose(first);
    let (second, _) = world.connect("client")?;
    world.send(second, Sequence(lost), &file(lost))?;
    for _ in 0..=dice.below(3) {
        let number = 1 + u64::try_from(dice.below(usize::try_from(answered).unwrap_or(1))).unwrap_or(0);
        world.send(second, Sequence(number), &file(number))?;
    }
    let ahead = lost.saturating_add(2).saturating_add(u64::try_from(dice.below(3)).unwrap_or(0));
    world.send(second, Sequence(ahead), &file(ahead))?;
    world.send(second, Sequence(2), &Rc::new(Upload::new("other.txt", "other")))?;
    let late = lost.saturating_add(1);
    world.send(first, Sequence(late), &file(late))?;
    // At least two more, so that the number of files is not the one that was expected.
    let last = late.saturating_add(1).saturating_add(u64::try_from(dice.below(2)).unwrap_or(0));
    for number in late..=last {
        world.send(second, Sequence(number), &file(number))?;
    }
    Ok(world)
}

/// A line of the story, with what came of it or without.
fn line(moment: &Moment, answered: bool) -> Option<String> {
    let number = moment.line.number;
    let did = match &moment.what {
        What::Connects if number == 1 => "connect, a new session".to_owned(),
        What::Connects => "connect, the same session".to_owned(),
        What::Begins(sequence, upload) => format!("transfer {sequence} {}", upload.request),
        What::Breaks => {
            return Some(format!("  connection {number} is lost, and the last reply; the server does not know\n"));
        }
        What::Ends(..) | What::Fails(..) => return None,
    };
    let answer = if answered { format!("\n      -> {}", moment.answer) } else { String::new() };
    Some(format!("  connection {number}: {did}{answer}\n"))
}

/// The answers, all from what happened.
fn questions(moments: &[Moment]) -> Vec<Question> {
    let admissions = || moments.iter().filter_map(admission);
    let stored = moments.iter().filter(|moment| moment.stored().is_some()).count();
    let replayed = admissions().filter(|answer| matches!(answer, Ok(Admission::Replay(_)))).count();
    let expected = admissions().find_map(|answer| match answer {
        Err(Refusal::SequenceGap { expected }) => Some(expected.0),
        Ok(_) | Err(Refusal::SequenceReused | Refusal::SequenceTooOld | Refusal::SessionMoved) => None,
    });
    let question = |name, answer, because: &str| Question { name, answer, because: because.to_owned() };
    vec![
        question("files", stored.to_string(), "each number that was taken for new stored one file"),
        question("replayed", replayed.to_string(), "the same request under a used number gets its kept reply"),
        question(
            "expected",
            expected.unwrap_or(0).to_string(),
            "a refusal uses up no number, and a number is never skipped",
        ),
        question("other", "sequence_reused".to_owned(), "number 2 was used by another request"),
        question("late", "session_moved".to_owned(), "the second connection holds the session"),
    ]
}

fn admission(moment: &Moment) -> Option<&Result<Admission, Refusal>> {
    match &moment.answer {
        Answer::Admission(admission) => Some(admission),
        Answer::Welcome(_) | Answer::Commit(_) | Answer::Panic(_) | Answer::Nothing => None,
    }
}
