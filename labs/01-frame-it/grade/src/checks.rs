//! What is checked, in the order of the work. Each check but the last ones is about one thing only, so that its failure
//! names the mistake.

use std::ops::Range;

use lab_kit::{Check, Dice, Failure};

use crate::drive::{When, drive};
use crate::memory::held_by;
use crate::stream::Stream;
use crate::{Fault, Frame, HEADER_BYTES_MAX, SIZE_MAX, Subject, Version};

type Outcome = Result<(), Box<Failure>>;

/// What a decoder may hold beside what it was just given: a header, some of its words, and room to grow.
const HELD_BYTES_MAX: usize = 64 * 1024;

/// A name with letters that take more than one byte each.
const NAME: &str = "\"name\":\"caf\u{e9} \u{2615}.txt\",";

/// Lines that are no headers.
const NO_OBJECTS: [&str; 5] = ["hello\n", "[1,2]\n", "null\n", "{\"mime_type\":\n", "\n"];

const BASE: &[&str] = &["a_frame_in_one_piece"];
const PIECES: &[&str] = &[
    "frames_behind_each_other_in_one_piece",
    "a_header_in_two_pieces",
    "a_payload_in_two_pieces",
    "a_letter_in_two_pieces",
];
const ALL: &[&str] = &[
    "a_frame_of_size_zero",
    "a_payload_that_looks_like_frames",
    "both_versions",
    "sizes_that_are_none",
    "a_header_has_a_bound",
    "nothing_comes_behind_a_fault",
    "what_has_come_is_handed_on",
    "what_was_handed_on_is_let_go",
    "a_stream_cut_anywhere",
];

pub(crate) fn all() -> Vec<Check<Subject>> {
    let check = |name, points, promise, builds_on, run| Check { name, promise, points, builds_on, run };
    vec![
        check("a_frame_in_one_piece", 5, "A frame that comes whole is its header, its payload, its end.", &[], whole),
        check("a_frame_of_size_zero", 5, "A frame without payload ends with its header.", BASE, size_zero),
        check(
            "frames_behind_each_other_in_one_piece",
            5,
            "One read may bring several frames, and the beginning of another.",
            BASE,
            coalesced,
        ),
        check("a_header_in_two_pieces", 10, "A header may come in two reads, cut anywhere.", BASE, header_cut),
        check("a_payload_in_two_pieces", 10, "A payload may come in two reads, cut anywhere.", BASE, payload_cut),
        check(
            "a_letter_in_two_pieces",
            5,
            "A read may end inside a letter; only a whole line is text.",
            &["a_header_in_two_pieces"],
            letter_cut,
        ),
        check(
            "a_payload_that_looks_like_frames",
            5,
            "A payload is any bytes: line ends and headers in it mean nothing.",
            BASE,
            looks_like_frames,
        ),
        check(
            "both_versions",
            5,
            "Week 01 headers and 2.0 headers are told apart by their version.",
            &["a_frame_of_size_zero"],
            versions,
        ),
        check("sizes_that_are_none", 5, "A size is an integer from 0 to 2^53 - 1, or a fault.", BASE, sizes),
        check(
            "a_header_has_a_bound",
            5,
            "A line of 8192 bytes is a header; one byte more is a fault, even before the line ends.",
            &["a_header_in_two_pieces"],
            bound,
        ),
        check("a_line_that_is_no_object", 5, "A header is a JSON object, or a fault.", BASE, no_object),
        check(
            "nothing_comes_behind_a_fault",
            5,
            "Behind a fault nobody knows where a frame begins, so nothing is looked for.",
            &["a_line_that_is_no_object"],
            behind_fault,
        ),
        check(
            "what_has_come_is_handed_on",
            5,
            "Payload is handed on with the read that brings it, before its frame is whole.",
            &["a_payload_in_two_pieces"],
            handed_on,
        ),
        check(
            "what_was_handed_on_is_let_go",
            5,
            "A payload of any length takes less than 64 KiB of memory.",
            &["what_has_come_is_handed_on"],
            let_go,
        ),
        check(
            "a_stream_cut_anywhere",
            5,
            "Two cuts at any two places, or a cut behind every byte, change nothing.",
            PIECES,
            cut_anywhere,
        ),
        check("any_frames_in_any_pieces", 5, "Any frames, cut in any way, are the same frames.", ALL, any_frames),
    ]
}

fn whole(fresh: &Subject, _: &mut Dice) -> Outcome {
    drive(fresh, &Stream::of(&[Frame::week01("text/plain", b"hello")]), &[], When::InTheEnd)
}

fn size_zero(fresh: &Subject, _: &mut Dice) -> Outcome {
    drive(fresh, &Stream::of(&[Frame::week01("text/plain", b"")]), &[], When::InTheEnd)
}

fn coalesced(fresh: &Subject, _: &mut Dice) -> Outcome {
    let frames = [
        Frame::week01("text/plain", b"one"),
        Frame::week01("text/plain", b"two"),
        Frame::week01("image/png", b"\x89PNG"),
    ];
    let stream = Stream::of(&frames);
    drive(fresh, &stream, &[], When::InTheEnd)?;
    drive(fresh, &stream, &[Stream::of(frames.get(..2).unwrap_or_default()).bytes.len()], When::InTheEnd)
}

/// Cuts one frame once, at each place in `places`.
fn cut_once(fresh: &Subject, frame: &Frame, places: impl Iterator<Item = usize>) -> Outcome {
    let stream = Stream::of(std::slice::from_ref(frame));
    for place in places {
        drive(fresh, &stream, &[place], When::InTheEnd)?;
    }
    Ok(())
}

fn header_cut(fresh: &Subject, _: &mut Dice) -> Outcome {
    let frame = Frame::week01("text/plain", b"hello");
    cut_once(fresh, &frame, 1..frame.line.len())
}

fn payload_cut(fresh: &Subject, _: &mut Dice) -> Outcome {
    let frame = Frame::week01("text/plain", b"hello");
    cut_once(fresh, &frame, frame.line.len()..frame.line.len().saturating_add(frame.payload.len()))
}

fn letter_cut(fresh: &Subject, _: &mut Dice) -> Outcome {
    let frame = Frame::v2(NAME, "text/plain", b"hello");
    cut_once(fresh, &frame, 1..frame.line.len())
}

fn looks_like_frames(fresh: &Subject, _: &mut Dice) -> Outcome {
    let bait = b"line\n{\"mime_type\":\"text/plain\",\"size\":3}\nabc\n\n";
    drive(fresh, &Stream::of(&[Frame::week01("text/plain", bait)]), &[], When::InTheEnd)
}

fn versions(fresh: &Subject, _: &mut Dice) -> Outcome {
    let week01 = |version: &str| {
        let line = format!("{{\"version\":\"{version}\",\"mime_type\":\"text/plain\",\"size\":2}}\n");
        Frame::of(line, Version::Week01, Some("text/plain"), b"hi")
    };
    let hello = ",\"session\":{\"id\":null,\"mode\":\"stateless\",\"action\":\"hello\"}";
    for frame in [
        week01("1"),
        week01("1.0"),
        Frame::v2("", "text/plain", b"hi"),
        Frame::bare(hello),
        Frame::wrong("{\"version\":\"3.0\",\"size\":0}\n", Fault::UnsupportedVersion),
        Frame::wrong("{\"version\":\"\",\"size\":0}\n", Fault::UnsupportedVersion),
    ] {
        drive(fresh, &Stream::of(&[frame]), &[], When::InTheEnd)?;
    }
    Ok(())
}

fn sizes(fresh: &Subject, _: &mut Dice) -> Outcome {
    let line = |size: &str| format!("{{\"mime_type\":\"text/plain\",\"size\":{size}}}\n");
    for size in ["-1", "-4294967296", "1.5", "5.0", "1e2", "\"5\"", "true", "9007199254740992", "18446744073709551616"]
    {
        drive(fresh, &Stream::of(&[Frame::wrong(line(size), Fault::BadField)]), &[], When::InTheEnd)?;
    }
    let none = Frame::wrong("{\"mime_type\":\"text/plain\"}\n", Fault::BadField);
    drive(fresh, &Stream::of(&[none]), &[], When::InTheEnd)?;
    // Nobody sends so much; that it is announced is no fault.
    let mut largest = Frame::of(line(&SIZE_MAX.to_string()), Version::Week01, Some("text/plain"), b"");
    if let crate::Event::Header { size, .. } = &mut largest.found {
        *size = SIZE_MAX;
    }
    drive(fresh, &Stream::of(&[largest]), &[], When::InTheEnd)
}

fn bound(fresh: &Subject, _: &mut Dice) -> Outcome {
    let mut line = b"{\"mime_type\":\"text/plain\",\"size\":2".to_vec();
    line.resize(HEADER_BYTES_MAX - 1, b' ');
    line.extend_from_slice(b"}\n");
    let longest = Frame::of(line.clone(), Version::Week01, Some("text/plain"), b"hi");
    drive(fresh, &Stream::of(&[longest]), &[], When::InTheEnd)?;
    line.insert(1, b' ');
    let longer = Frame::wrong(line, Fault::HeaderTooLarge);
    drive(fresh, &Stream::of(&[longer]), &[], When::InTheEnd)?;
    let endless =
        Frame::wrong([b"{\"mime_type\":\"".as_slice(), &vec![b'X'; 500 * 1024]].concat(), Fault::HeaderTooLarge);
    drive(fresh, &Stream::of(&[endless]), &[HEADER_BYTES_MAX, HEADER_BYTES_MAX + 1], When::AtOnce)
}

fn no_object(fresh: &Subject, _: &mut Dice) -> Outcome {
    for line in NO_OBJECTS {
        drive(fresh, &Stream::of(&[Frame::wrong(line, Fault::BadHeader)]), &[], When::InTheEnd)?;
    }
    Ok(())
}

fn behind_fault(fresh: &Subject, _: &mut Dice) -> Outcome {
    let good = Frame::week01("text/plain", b"hello");
    for line in NO_OBJECTS {
        let wrong = Frame::wrong(line, Fault::BadHeader);
        let stream = Stream::of(&[wrong, good.clone()]);
        drive(fresh, &stream, &[], When::InTheEnd)?;
        drive(fresh, &stream, &[line.len()], When::InTheEnd)?;
    }
    Ok(())
}

fn handed_on(fresh: &Subject, _: &mut Dice) -> Outcome {
    let frame = Frame::week01("text/plain", b"hello world");
    let cuts: Vec<_> = (frame.line.len()..).step_by(3).take(4).collect();
    drive(fresh, &Stream::of(&[frame]), &cuts, When::AtOnce)
}

fn let_go(fresh: &Subject, _: &mut Dice) -> Outcome {
    let piece = [b'x'; 4096];
    let pieces = 1024;
    let mut decoder = fresh();
    let line = format!("{{\"mime_type\":\"text/plain\",\"size\":{}}}\n", piece.len() * pieces);
    let held = held_by(|| {
        decoder.push(line.as_bytes());
        for _ in 0..pieces {
            decoder.push(&piece);
        }
    });
    if held < HELD_BYTES_MAX {
        return Ok(());
    }
    let expected = format!("less than {HELD_BYTES_MAX} bytes of memory for a payload of {}", piece.len() * pieces);
    // Rounded down to a power of two, because allocators differ.
    Err(Failure::plain(expected, format!("more than {} KiB", (1 << held.ilog2()) / 1024)))
}

fn cut_anywhere(fresh: &Subject, _: &mut Dice) -> Outcome {
    let stream = Stream::of(&[Frame::week01("text/plain", b"hello"), Frame::v2(NAME, "image/png", b"\x89PN")]);
    let length = stream.bytes.len();
    for first in 1..length {
        for second in first + 1..length {
            drive(fresh, &stream, &[first, second], When::InTheEnd)?;
        }
    }
    drive(fresh, &stream, &(1..length).collect::<Vec<_>>(), When::InTheEnd)
}

fn any_frames(fresh: &Subject, dice: &mut Dice) -> Outcome {
    for round in 0..24 {
        let mut frames = Vec::new();
        for _ in 0..=dice.below(5) {
            frames.push(any_frame(dice, 0..300));
        }
        if round == 0 {
            // Longer than two bytes can count.
            frames.push(any_frame(dice, 70_000..90_000));
        }
        let stream = Stream::of(&frames);
        let mut cuts: Vec<_> = (0..dice.below(20)).map(|_| 1 + dice.below(stream.bytes.len() - 1)).collect();
        cuts.sort_unstable();
        cuts.dedup();
        drive(fresh, &stream, &cuts, When::AtOnce)?;
    }
    Ok(())
}

fn any_frame(dice: &mut Dice, lengths: Range<usize>) -> Frame {
    let length = lengths.start + dice.below(lengths.len());
    let payload = dice.bytes(length);
    let mime_type =
        ["text/plain", "image/png", "application/pdf"].into_iter().nth(dice.below(3)).unwrap_or("text/plain");
    match dice.below(3) {
        0 => Frame::week01(mime_type, &payload),
        1 => Frame::v2(NAME, mime_type, &payload),
        _ => Frame::v2("\"ext\":{\"note\":\"}\\n{\"},", mime_type, &payload),
    }
}
