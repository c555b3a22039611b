//! The stream whose fate a learner predicts: three frames and their pieces, of the learner's own seed.

use lab_kit::{Dice, Picture, Question, Ruler, Study};

use crate::Frame;
use crate::stream::Stream;

/// How many reads have come when the learner is asked what is known.
const READS_ASKED: usize = 2;

pub(crate) fn study(dice: &mut Dice) -> Study {
    let ruler = stream(dice);
    let without_frames = Ruler { parts: Vec::new(), ..ruler.clone() };
    let (bytes, reads) = (ruler.bytes.len(), ruler.reads.len());
    let answered = format!("three Week 01 frames, {bytes} bytes, came in {reads} reads\n");
    Study {
        asked: format!("{answered}\n{}", without_frames.whole()),
        answered,
        questions: questions(&ruler),
        picture: Some(Picture::Bytes(ruler)),
    }
}

fn stream(dice: &mut Dice) -> Ruler {
    let text =
        |dice: &mut Dice| "abcdefghij".repeat(2).into_bytes().into_iter().take(4 + dice.below(12)).collect::<Vec<_>>();
    let frames = [
        Frame::week01("text/plain", &text(dice)),
        Frame::week01("text/plain", &text(dice)),
        Frame::week01("image/png", &text(dice)),
    ];
    let stream = Stream::of(&frames);
    // Four cuts, one in each fifth, so that no read is empty.
    let fifth = stream.bytes.len() / 5;
    let cuts = (1..5).map(|part: usize| part.saturating_mul(fifth).saturating_add(dice.below(fifth / 2)));
    let reads = [0].into_iter().chain(cuts).collect();
    Ruler { parts: stream.parts(), bytes: stream.bytes, reads, caret: None }
}

/// The answers, all from the bytes and not from a decoder.
fn questions(ruler: &Ruler) -> Vec<Question> {
    let come = ruler.reads.get(READS_ASKED).copied().unwrap_or(ruler.bytes.len());
    let mut whole = 0_usize;
    let mut payload = 0_usize;
    let mut ends = Vec::new();
    for (number, (start, kind)) in ruler.parts.iter().enumerate() {
        let end = ruler.parts.get(number.saturating_add(1)).map_or(ruler.bytes.len(), |(next, _)| *next);
        if kind == "payload" {
            ends.push(end.to_string());
            payload = payload.saturating_add(end.min(come).saturating_sub(*start));
            whole = whole.saturating_add(usize::from(end <= come));
        }
    }
    vec![
        Question {
            name: "fewest_reads",
            answer: "1".to_owned(),
            because: "all may wait in the receiver's buffer when it reads".to_owned(),
        },
        Question {
            name: "most_reads",
            answer: ruler.bytes.len().to_string(),
            because: "every byte may come alone".to_owned(),
        },
        Question {
            name: "whole_frames",
            answer: whole.to_string(),
            because: format!("{come} bytes have come, and the frames end behind {}", ends.join(", ")),
        },
        Question {
            name: "payload_bytes",
            answer: payload.to_string(),
            because: "payload can be handed on before its frame is whole".to_owned(),
        },
    ]
}
