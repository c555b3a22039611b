//! The table: a line for each question and weather, a column for each rung; for a terminal, and for a document.

use std::fs;
use std::iter;
use std::path::Path;

use crate::Outcome;
use crate::found::Found;
use crate::question::{QUESTIONS, Question, Unit, count};

/// Between these two lines a document has the table.
const BEGIN: &str = "<!-- compare: begin -->";
const END: &str = "<!-- compare: end -->";

/// What stands above the columns, and in them.
pub(crate) fn cells(found: &Found) -> Vec<Vec<String>> {
    let names = found.rungs.iter().map(|row| row.rung.name().to_owned());
    let mut lines = vec![iter::once(String::new()).chain(names).collect()];
    lines.extend(QUESTIONS.iter().flat_map(|question| of_question(question, found)));
    lines
}

fn of_question(question: &Question, found: &Found) -> Vec<Vec<String>> {
    let answers: Vec<_> = found.rungs.iter().map(|row| question.answers(row)).collect();
    let Some(first) = answers.first() else { return Vec::new() };
    let line = |(number, weather): (usize, Option<&str>)| {
        let weather = weather.filter(|_| first.len() > 1);
        let label = question.title.to_owned() + &weather.map_or_else(String::new, |weather| format!(", {weather}"));
        let values = answers.iter().map(|answers| answers.get(number).and_then(|answer| answer.value));
        let told = values.map(|value| value.map_or_else(|| "-".to_owned(), |value| question.unit.shown(value)));
        iter::once(label).chain(told).collect()
    };
    first.iter().map(|answer| answer.weather).enumerate().map(line).collect()
}

/// What was done, in a sentence.
pub(crate) fn caption(found: &Found) -> String {
    let workload = &found.workload;
    let size = |bytes: usize| Unit::Bytes.shown(u64::try_from(bytes).map_or(f64::INFINITY, count));
    format!(
        "{} files of {} and {} of {}, seed {}.",
        workload.small,
        size(workload.small_bytes),
        workload.large,
        size(workload.large_bytes),
        found.seed,
    )
}

/// For a terminal.
pub(crate) fn text(found: &Found) -> String {
    let lines = cells(found);
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in &lines {
        let padded = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    format!("{text}\n{}\n", caption(found))
}

/// For a document.
pub(crate) fn markdown(found: &Found) -> String {
    let mut lines = cells(found).into_iter().map(|line| format!("| {} |", line.join(" | ")));
    let head = lines.next().unwrap_or_default();
    let rule = format!("|{}", "---|".repeat(found.rungs.len() + 1));
    let lines: Vec<_> = [head, rule].into_iter().chain(lines).collect();
    format!("{}\n\n{}\n", lines.join("\n"), caption(found))
}

/// Puts the table between the two marks of a document.
pub(crate) fn put(file: &Path, table: &str) -> Outcome<()> {
    let document = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let marks = document.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = marks.ok_or_else(|| format!("{} has no lines {BEGIN} and {END}", file.display()))?;
    Ok(fs::write(file, format!("{before}{BEGIN}\n{table}{END}{after}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_one_question_in_one_weather_for_all_rungs() {
        let markdown = markdown(&Found::example());
        for line in [
            "|  | stateless, no id | memory | SQLite |",
            "|---|---|---|---|",
            "| round trips, calm | 17 | 17 | 17 |",
            "| round trips, storm | 34 | 51 | 68 |",
            "| kept for each session | 3 B | 1.5 kB | - |",
            "8 files of 4.1 kB and 4 of 1.0 MB, seed 7.",
        ] {
            assert!(markdown.lines().any(|told| told == line), "no line {line} in\n{markdown}");
        }
        assert!(text(&Found::example()).contains("round trips, storm      34                51      68\n"));
    }

    #[test]
    fn a_table_takes_the_place_of_the_one_before() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), format!("a\n{BEGIN}\nold\n{END}\nb\n")).unwrap();
        put(file.path(), "new\n").unwrap();
        assert_eq!(fs::read_to_string(file.path()).unwrap(), format!("a\n{BEGIN}\nnew\n{END}\nb\n"));
        fs::write(file.path(), "a\n").unwrap();
        assert!(put(file.path(), "new\n").unwrap_err().to_string().contains("has no lines"));
    }
}
