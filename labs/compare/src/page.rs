//! The page for a lecture: a chart for each question, and the table. One file, without scripts.

use std::fmt::Write as _;

use crate::found::{Found, Row};
use crate::question::{QUESTIONS, Question};
use crate::table::{caption, cells};

/// Letters grow with the screen, for the last row of a lecture hall. Blue and orange are told apart by everybody, and each
/// bar says its weather besides.
const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #d0d7de; --calm: #3a97d4; --storm: #b84500; --either: #6e7781; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --line: #30363d; --calm: #56b4e9; --storm: #e8702a; --either: #8b949e; } }
html { font: clamp(17px, 1.4vw, 30px)/1.5 system-ui, sans-serif; }
body { color: var(--ink); background: var(--paper); max-width: 58rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.9rem; } h2 { font-size: 1.4rem; margin: 2.4rem 0 .2rem; } h2::first-letter { text-transform: uppercase; } p { margin: .2rem 0 .8rem; }
.chart { width: 100%; height: auto; display: block; } .chart text { font-size: 19px; fill: var(--ink); } .axis { stroke: var(--ink); }
@media (max-width: 700px) { .chart text { font-size: 25px; } }
.calm { fill: var(--calm); } .storm { fill: var(--storm); } .either { fill: var(--either); } .key { width: .8em; height: .8em; margin: 0 .4em 0 0; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .8rem; } th, td { border: 1px solid var(--line); padding: .3rem .5rem; text-align: left; white-space: nowrap; }
";

/// Of a chart, in its own units.
const WIDTH: f64 = 960.0;
const LABELS: f64 = 290.0;
const VALUES: f64 = 130.0;
const BAR: f64 = 26.0;
const GAP: f64 = 12.0;

/// The page.
pub(crate) fn html(found: &Found) -> String {
    let faults: String = found.faults.iter().flat_map(|fault| ["<li>", fault, "</li>\n"]).collect();
    let missing = found
        .missing
        .iter()
        .map(|missing| format!("<p><b>Not compared: {}</b>, {}</p>\n", missing.rung.name(), escaped(&missing.why)));
    let missing: String = missing.collect();
    let charts: String = QUESTIONS.iter().map(|question| chart(question, &found.rungs)).collect();
    let key = |class| {
        format!(
            "<svg class=\"key\" viewBox=\"0 0 9 9\"><rect class=\"{class}\" width=\"9\" height=\"9\"/></svg><b>{class}</b>"
        )
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>What state costs and buys</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>What state costs and buys</h1>\n\
         <p>{} Every bar begins at zero.</p>\n<p>{}: nothing goes wrong.</p>\n\
         <p>{}: the same faults for each, made from the seed:</p>\n<ul>\n{faults}</ul>\n{missing}{charts}\
         <h2>All of it</h2>\n<div class=\"scroll\"><table>\n{}</table></div>\n</body>\n</html>\n",
        caption(found),
        key("calm"),
        key("storm"),
        table(found)
    )
}

fn table(found: &Found) -> String {
    let mut table = String::new();
    for (number, line) in cells(found).iter().enumerate() {
        let cell = if number == 0 { "th" } else { "td" };
        let cells: Vec<_> = line.iter().map(|text| format!("<{cell}>{text}</{cell}>")).collect();
        let _ = writeln!(table, "<tr>{}</tr>", cells.concat());
    }
    table
}

fn chart(question: &Question, rows: &[Row]) -> String {
    let answers: Vec<_> = rows.iter().map(|row| (row.rung.name(), question.answers(row))).collect();
    let values = answers.iter().flat_map(|(_, answers)| answers).filter_map(|answer| answer.value);
    let most = values.fold(0.0, f64::max);
    let mut bars = String::new();
    let mut y = 0.0;
    for (name, answers) in answers {
        let _ = writeln!(bars, "<text x=\"0\" y=\"{:.1}\">{name}</text>", y + BAR * 0.75);
        for answer in answers {
            let (weather, class) = (answer.weather.unwrap_or_default(), answer.weather.unwrap_or("either"));
            let value = answer.value.unwrap_or(0.0);
            let length = if most > 0.0 { (WIDTH - LABELS - VALUES) * value / most } else { 0.0 };
            let told = answer.value.map_or_else(|| "-".to_owned(), |value| question.unit.shown(value));
            let _ = writeln!(
                bars,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{weather}</text>\
                 <rect class=\"{class}\" x=\"{LABELS}\" y=\"{:.1}\" width=\"{length:.1}\" height=\"{}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\">{told}</text>",
                LABELS - 10.0,
                y + BAR * 0.75,
                y + 1.0,
                BAR - 2.0,
                LABELS + length + 8.0,
                y + BAR * 0.75,
            );
            y += BAR;
        }
        y += GAP;
    }
    let Question { title, about, .. } = question;
    format!(
        "<h2>{title}</h2>\n<p>{about}</p>\n\
         <svg class=\"chart\" viewBox=\"0 0 {WIDTH} {y}\" role=\"img\" aria-label=\"{title}\">\n{bars}\
         <line class=\"axis\" x1=\"{LABELS}\" x2=\"{LABELS}\" y1=\"0\" y2=\"{y}\"/></svg>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::question::Unit;

    /// What stands between the tags.
    fn words(page: &str) -> String {
        let body = page.split_once("<body>").unwrap().1;
        body.split('<')
            .map(|piece| piece.split_once('>').map_or(piece, |(_, words)| words))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Everything in a JSON value with a digit, as the page may tell it.
    fn told(value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                let number = number.as_f64().unwrap();
                into.extend(
                    [Unit::Count, Unit::Bytes, Unit::Milliseconds, Unit::Seconds].map(|unit| unit.shown(number)),
                );
            }
            Value::String(text) => into.extend(text.split([' ', ',']).map(str::to_owned)),
            Value::Array(values) => values.iter().for_each(|value| told(value, into)),
            Value::Object(members) => members.values().for_each(|value| told(value, into)),
        }
    }

    #[test]
    fn every_number_on_the_page_is_in_the_json() {
        let found = Found::example();
        let mut known = BTreeSet::new();
        told(&serde_json::to_value(&found).unwrap(), &mut known);
        let known: BTreeSet<_> = known.iter().map(|told| told.split(' ').next().unwrap()).collect();
        let page = html(&found);
        let numbers = |text: &str| -> Vec<String> {
            let words = text.split_whitespace().map(|word| word.trim_end_matches(['.', ',']));
            words.filter(|word| word.starts_with(|c: char| c.is_ascii_digit())).map(str::to_owned).collect()
        };
        let shown = numbers(&words(&page));
        assert!(shown.len() > 100, "{shown:?}");
        for number in shown {
            assert!(known.contains(number.as_str()), "{number} is not in the JSON");
        }
    }

    #[test]
    fn a_page_loads_nothing_and_says_what_is_missing() {
        let page = html(&Found::example());
        assert!(!page.contains("http") && !page.contains("<script"));
        assert!(page.contains("<b>Not compared: Redis</b>, redis-server: &lt;not found&gt;"));
    }

    #[test]
    fn the_longest_bar_is_the_largest_value_and_the_others_are_in_proportion() {
        let page = html(&Found::example());
        let chart = page.split_once("aria-label=\"round trips\"").unwrap().1.split_once("</svg>").unwrap().0;
        let widths: Vec<f64> =
            chart.split("width=\"").skip(1).map(|rest| rest.split('"').next().unwrap().parse().unwrap()).collect();
        assert_eq!(widths, [135.0, 270.0, 135.0, 405.0, 135.0, 540.0]);
    }

    #[test]
    fn a_bar_says_its_weather_where_that_makes_a_difference() {
        let page = html(&Found::example());
        let said = |title: &str, weather: &str| {
            let chart = page.split_once(&format!("aria-label=\"{title}\"")).unwrap().1.split_once("</svg>").unwrap().0;
            chart.matches(&format!(">{weather}</text>")).count()
        };
        for (title, calm, storm) in [("round trips", 3, 3), ("recovery", 0, 3), ("kept for each session", 0, 0)] {
            assert_eq!([said(title, "calm"), said(title, "storm")], [calm, storm], "{title}");
        }
    }
}
