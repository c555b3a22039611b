//! The drawings of one eventful story, as files to look at, in `golden/`.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::script::{Script, eventful, refusal};
use crate::{Ending, Event, Side};

fn told(events: &[Event]) -> Story {
    let mut story = Story::default();
    for event in events {
        story.take(event);
    }
    story
}

#[test]
fn every_form_is_drawn_as_its_example() {
    for (name, golden) in [
        ("eventful.txt", include_str!("../../golden/eventful.txt")),
        ("eventful.mmd", include_str!("../../golden/eventful.mmd")),
        ("eventful.svg", include_str!("../../golden/eventful.svg")),
        ("eventful.html", include_str!("../../golden/eventful.html")),
    ] {
        let drawing = Drawing::new(name.into()).unwrap();
        let drawn = drawing.of(&told(&eventful()));
        if drawn != golden {
            let now = std::env::temp_dir().join(name);
            std::fs::write(&now, drawn).unwrap();
            panic!("golden/{name} differs from what is drawn now, which is in {}", now.display());
        }
    }
}

#[test]
fn the_readme_shows_a_ladder_as_it_is_drawn() {
    let (readme, golden) = (include_str!("../../../../README.md"), include_str!("../../golden/eventful.txt"));
    let rung = |line: &&str| line.starts_with("  ") && line.trim_start().starts_with(|c: char| c.is_ascii_digit());
    let shown: Vec<_> = readme.lines().filter(rung).collect();
    assert_eq!(shown.len(), 8, "{shown:#?}");
    assert!(golden.contains(&shown.join("\n")), "{shown:#?}");
}

/// What a peer wrote can neither become a part of the drawing nor load anything.
#[test]
fn a_name_from_the_wire_is_never_more_than_text() {
    for form in [Form::Svg, Form::Html] {
        let drawn = form.draw(&told(&eventful()));
        assert!(drawn.contains("&lt;b&gt;&amp;&quot;it&#39;s&quot;#;") && !drawn.contains("<b>"), "{form:?}");
        assert!(!drawn.contains("<script") && !drawn.contains("href") && !drawn.contains("src="), "{form:?}");
    }
    let mermaid = Form::Mermaid.draw(&told(&eventful()));
    assert!(mermaid.contains("transfer #35;1 #60;b#62;#38;#34;it#39;s#34;#35;#59;"), "{mermaid}");
    let said = Script::default().opens().server(1, "\u{1b}[2J\u{9b}31m\u{202e}\n");
    let text = Form::Text.draw(&told(&said.events()));
    assert!(
        text.contains("\u{fffd}[2J\u{fffd}31m\u{fffd}") && !text.contains(['\u{1b}', '\u{9b}', '\u{202e}']),
        "{text}"
    );
}

#[test]
fn connections_beyond_the_lanes_are_told_all_the_same() {
    let mut script = Script::default();
    for _ in 0..20 {
        script = script.opens();
    }
    let text = Form::Text.draw(&told(&script.client(20, "x").server(20, refusal("busy", "")).events()));
    assert!(text.contains("connection 20 opens") && text.contains("20: busy"), "{text}");
}

#[test]
fn a_lane_is_free_again_when_its_connection_has_ended() {
    let script = Script::default().opens().ends(1, Side::Server, Ending::Reset).opens();
    let script = script.ends(2, Side::Client, Ending::Finished).opens();
    let text = Form::Text.draw(&told(&script.events()));
    let lanes: Vec<_> = text.lines().skip(5).map(|line| line.chars().skip(14).take(3).collect::<String>()).collect();
    assert_eq!(lanes, ["┬  ", "×  ", "┬  ", "●  ", "│ ┬"]);
}

#[test]
fn what_no_connection_shows_is_told_where_it_happened() {
    let mut story = told(&Script::default().opens().client(1, "x").events());
    let killed = story.rows()[1].at + Duration::from_millis(2);
    story.note(killed, "server killed");
    let text = Form::Text.draw(&story);
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("       3.000  │ ") && last.ends_with("  server killed"), "{text}");
}

/// Mermaid draws a bar where it ends.
#[test]
fn a_session_that_has_not_ended_has_its_bar_in_mermaid_all_the_same() {
    let lives = |events: &[Event]| {
        let mermaid = Form::Mermaid.draw(&told(events));
        ["    activate A0\n", "    deactivate A0\n"].map(|line| mermaid.matches(line).count())
    };
    let (all, opened) = (eventful(), 6);
    assert_eq!(lives(&all), [1, 1]);
    assert_eq!(lives(all.get(..opened).unwrap()), [1, 1]);
}

#[test]
fn a_page_shows_texts_before_its_ladder_and_they_are_never_more_than_text() {
    let page = page(&told(&eventful()), "lab <1>", &[("what happened", "<b>\n  ^ here")]);
    let texts = page.find("<h2>what happened</h2>\n<pre>&lt;b&gt;\n  ^ here</pre>\n").unwrap();
    assert!(texts < page.find("<svg").unwrap(), "{page}");
    assert!(page.contains("<title>lab &lt;1&gt;</title>"), "{page}");
}

#[test]
fn a_file_s_name_says_what_is_drawn() {
    for (name, drawable) in [
        ("a.svg", true),
        ("a.b/c.html", true),
        ("a.mmd", true),
        ("a.txt", true),
        ("svg", false),
        (".svg", false),
        ("a.SVG", false),
        ("a.png", false),
        ("", false),
    ] {
        assert_eq!(Drawing::new(PathBuf::from(name)).is_ok(), drawable, "{name:?}");
    }
}
