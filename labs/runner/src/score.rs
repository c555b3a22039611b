//! Points: those of the checks that pass, and those of predictions that were right.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::chosen::Chosen;

/// Points of a lab in all, of which the checks have the most.
const LAB_POINTS: u64 = 100;
/// Points of all predictions of a lab together.
const PREDICTIONS_POINTS: u64 = 10;

/// What a lab came to.
#[derive(Debug)]
pub(crate) struct Score {
    number: String,
    title: String,
    seed: Option<u64>,
    rows: Vec<Row>,
}

/// Points for one thing.
#[derive(Debug)]
struct Row {
    name: String,
    points: u64,
    of: u64,
    output: String,
}

/// Runs the checks of `lab` and counts.
pub(crate) fn score(lab: &Chosen, seed: Option<u64>) -> Result<Score, String> {
    let (number, title) = (lab.number.clone(), lab.title()?);
    let mut arguments = vec!["--json".to_owned()];
    arguments.extend(seed.into_iter().flat_map(|seed| ["--seed".to_owned(), seed.to_string()]));
    let Some(output) = lab.output(&arguments)? else {
        return Ok(nothing(number, title, seed, "compiles", "it does not compile".to_owned()));
    };
    // One lab that ends early takes no points from the others.
    let found = counted(&number, &title, &output);
    Ok(found.unwrap_or_else(|early| nothing(number, title, seed, "comes_to_an_end", early)))
}

/// A lab without points, for one reason.
fn nothing(number: String, title: String, seed: Option<u64>, name: &str, output: String) -> Score {
    Score { number, title, seed, rows: vec![Row { name: name.to_owned(), points: 0, of: LAB_POINTS, output }] }
}

/// Counts what the checks of a lab printed: the last line is theirs, any before it are of the code that was checked.
fn counted(number: &str, title: &str, output: &[u8]) -> Result<Score, String> {
    let line = output.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).unwrap_or_default();
    let found: Value =
        serde_json::from_slice(line).map_err(|error| format!("the checks of lab {number} ended early: {error}"))?;
    let mut rows: Vec<Row> = list(&found, "checks")
        .iter()
        .map(|check| {
            let of = check.get("points").and_then(Value::as_u64).unwrap_or(0);
            let points = if is(check, "passed") { of } else { 0 };
            Row { name: text(check, "name"), points, of, output: text(check, "output") }
        })
        .collect();
    let predictions = list(&found, "predictions");
    let right = predictions.iter().filter(|prediction| is(prediction, "right")).count();
    let points = u64::try_from(right).unwrap_or(0).saturating_mul(PREDICTIONS_POINTS);
    let points = points.checked_div(u64::try_from(predictions.len()).unwrap_or(0)).unwrap_or(0);
    let misfit = found.get("misfit").and_then(Value::as_str).map(|misfit| format!("; {misfit}")).unwrap_or_default();
    let output = format!("{right} of {} right{misfit}", predictions.len());
    rows.push(Row { name: "predictions".to_owned(), points, of: PREDICTIONS_POINTS, output });
    Ok(Score {
        number: number.to_owned(),
        title: title.to_owned(),
        seed: found.get("seed").and_then(Value::as_u64),
        rows,
    })
}

/// For a person.
pub(crate) fn table(scores: &[Score]) -> String {
    let mut table = String::new();
    for score in scores {
        // Writing into a string cannot fail.
        let _ = writeln!(table, "{}", score.title);
        for row in &score.rows {
            let _ = writeln!(table, "  {:>3} of {:>3}  {}", row.points, row.of, row.name);
        }
        let _ = writeln!(table, "  {:>3} of {:>3}  in all\n", score.points(), score.of());
    }
    table
}

/// For programs.
pub(crate) fn json(scores: &[Score]) -> String {
    let labs: Vec<_> = scores
        .iter()
        .map(|score| {
            let rows: Vec<_> =
                score.rows.iter().map(|row| json!({"name": row.name, "points": row.points, "of": row.of})).collect();
            json!({"lab": score.number, "seed": score.seed, "points": score.points(), "of": score.of(), "rows": rows})
        })
        .collect();
    format!("{}\n", json!({"labs": labs}))
}

/// `results.json` as Gradescope's autograder reads it.
pub(crate) fn gradescope(scores: &[Score]) -> String {
    let tests: Vec<_> = scores
        .iter()
        .flat_map(|score| score.rows.iter().map(move |row| (score, row)))
        .map(|(score, row)| {
            json!({
                "name": format!("{} {}", score.number, row.name),
                "score": row.points,
                "max_score": row.of,
                "status": if row.points == row.of { "passed" } else { "failed" },
                "output": row.output,
            })
        })
        .collect();
    let seeds: Vec<_> = scores.iter().filter_map(|score| Some(format!("{}: {}", score.number, score.seed?))).collect();
    format!("{:#}\n", json!({"tests": tests, "output": format!("seeds: {}", seeds.join(", "))}))
}

impl Score {
    fn points(&self) -> u64 {
        self.rows.iter().map(|row| row.points).sum()
    }

    fn of(&self) -> u64 {
        self.rows.iter().map(|row| row.of).sum()
    }
}

fn list<'value>(value: &'value Value, name: &str) -> &'value [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn is(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lab of which two checks pass, one fails, and one of three predictions was right.
    fn score() -> Score {
        let check = |name, points, passed| json!({"name": name, "points": points, "passed": passed, "output": "words"});
        let found = json!({
            "seed": 7,
            "checks": [check("first", 40, true), check("second", 30, false), check("third", 20, true)],
            "predictions": [{"right": true}, {"right": false}, {"right": false}],
        });
        counted("01", "Lab 01: Frame It", found.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn points_are_those_of_checks_that_pass_and_a_share_for_predictions() {
        let table = table(&[score()]);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(
            lines,
            [
                "Lab 01: Frame It",
                "   40 of  40  first",
                "    0 of  30  second",
                "   20 of  20  third",
                "    3 of  10  predictions",
                "   63 of 100  in all",
                "",
            ]
        );
    }

    #[test]
    fn programs_read_points_of_each_lab_and_row() {
        let read: Value = serde_json::from_str(&json(&[score(), score()])).unwrap();
        assert_eq!(read.pointer("/labs/1/points"), Some(&json!(63)));
        assert_eq!(read.pointer("/labs/0/seed"), Some(&json!(7)));
        assert_eq!(read.pointer("/labs/0/rows/1"), Some(&json!({"name": "second", "points": 0, "of": 30})));
    }

    #[test]
    fn gradescope_reads_a_test_for_each_row() {
        let read: Value = serde_json::from_str(&gradescope(&[score()])).unwrap();
        assert_eq!(read.pointer("/output"), Some(&json!("seeds: 01: 7")));
        assert_eq!(list(&read, "tests").len(), 4);
        assert_eq!(
            read.pointer("/tests/1"),
            Some(&json!({"name": "01 second", "score": 0, "max_score": 30, "status": "failed", "output": "words"}))
        );
        assert_eq!(read.pointer("/tests/2/status"), Some(&json!("passed")));
    }

    #[test]
    fn what_the_checked_code_prints_costs_nothing() {
        let found = json!({"seed": 7, "checks": [], "predictions": [{"right": true}], "misfit": "line 3"});
        let score = counted("01", "", format!("debug\n\n{found}\n").as_bytes()).unwrap();
        assert_eq!((score.seed, score.rows[0].output.as_str()), (Some(7), "1 of 1 right; line 3"));
    }

    #[test]
    fn checks_that_end_early_are_told_so() {
        let told = counted("01", "", b"{\"checks\":").unwrap_err();
        assert!(told.starts_with("the checks of lab 01 ended early: "), "{told}");
        let score = nothing("01".to_owned(), "Lab 01: Frame It".to_owned(), Some(7), "comes_to_an_end", told);
        assert_eq!(table(&[score]).lines().nth(1), Some("    0 of 100  comes_to_an_end"));
    }
}
