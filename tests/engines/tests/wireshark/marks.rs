//! What is found out about frames: which belong together, and what is remarkable.

use engines::tshark::{fields, folder, tshark};

use crate::{Tested, every_action, harm, marked, recorded, week01};

#[test]
fn each_reply_is_tied_to_its_request() -> Tested {
    let (_folder, capture) = recorded(|_| {}, every_action)?;
    let request_of: Vec<_> = fields(&capture, &["frame.number", "dft.request_in"], &["-Y", "dft.status"])?;
    for packet in &request_of {
        let [[reply], [request]] = [&packet[0][..], &packet[1][..]]
            .map(<[String]>::to_vec)
            .map(|field| <[String; 1]>::try_from(field).unwrap_or_else(|field| panic!("one value: {field:?}")));
        assert!(request.parse::<u64>()? < reply.parse::<u64>()?);
    }
    // Asked again, as whoever clicks on a packet does, a request knows its reply too.
    let replies = fields(&capture, &["dft.reply_in"], &["-2", "-Y", "dft.reply_in"])?;
    assert_eq!(replies.len(), 14, "{replies:?}");
    Ok(())
}

#[test]
fn a_second_look_shows_what_the_first_did() -> Tested {
    let (_folder, capture) = recorded(
        |_| {},
        |server| {
            every_action(server);
            week01(server);
            harm(server);
        },
    )?;
    let names = [
        "frame.number",
        "dft.part",
        "dft.session.number",
        "dft.request_in",
        "dft.payload.left",
        "dft.gap",
        "dft.replay",
    ];
    assert_eq!(fields(&capture, &names, &[])?, fields(&capture, &names, &["-2"])?);
    Ok(())
}

#[test]
fn gaps_replays_and_takeovers_are_marked_and_nothing_else_is() -> Tested {
    let (_folder, capture) = recorded(|_| {}, harm)?;
    assert_eq!(
        marked(&capture, "dft.gap")?,
        ["sequence 3, but 2 is next", "the sequence is ahead of 2; refused: sequence_gap"]
    );
    assert_eq!(marked(&capture, "dft.repeat")?, ["sequence 1 again; 2 is next"]);
    assert_eq!(marked(&capture, "dft.replay")?, ["the kept reply: nothing was done"]);
    assert_eq!(marked(&capture, "dft.resumed")?, ["the session goes on, epoch 2"]);
    let moved = marked(&capture, "dft.takeover")?;
    assert!(moved.len() == 1 && moved[0].starts_with("the session was taken over"), "{moved:?}");
    let sessions = fields(&capture, &["dft.session.number"], &["-Y", "dft.session.number"])?.concat().concat();
    assert!(sessions.len() >= 12 && sessions.iter().all(|number| number == "1"), "{sessions:?}");

    let (_folder, quiet) = recorded(|_| {}, every_action)?;
    assert_eq!(
        marked(&quiet, "dft.gap || dft.repeat || dft.replay || dft.resumed || dft.takeover")?,
        Vec::<String>::new()
    );
    Ok(())
}

#[test]
fn the_colouring_rules_are_filters_that_fit() -> Tested {
    let (_folder, capture) = recorded(
        |_| {},
        |server| {
            every_action(server);
            week01(server);
            harm(server);
        },
    )?;
    let rules = std::fs::read_to_string(folder().join("colorfilters"))?;
    let filters: Vec<_> =
        rules.lines().filter(|line| line.starts_with('@')).filter_map(|line| line.split('@').nth(2)).collect();
    assert!(filters.len() > 10);
    let fitting = filters.iter().map(|filter| tshark(&capture, &["-Y", filter]).map(|found| found.lines().count() > 0));
    let fitting: Vec<bool> = fitting.collect::<Result<_, _>>()?;
    // A capture of two sessions has no third colour, and here nothing is no frame.
    let idle: Vec<_> = filters.iter().zip(&fitting).filter(|(_, fits)| !**fits).map(|(filter, _)| *filter).collect();
    assert_eq!(
        idle,
        [
            "dft.no_frame",
            "dft.session.colour == 3",
            "dft.session.colour == 4",
            "dft.session.colour == 5",
            "dft.session.colour == 0"
        ]
    );
    Ok(())
}
