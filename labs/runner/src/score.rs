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
        let output = "it does not compile".to_owned();
        let rows = vec![Row { name: "compiles".to_owned(), points: 0, of: LAB_POINTS, output }];
        return Ok(Score { number, title, seed, rows });
    };
    let found: Value =
        serde_json::from_slice(&output).map_err(|error| format!("the checks of lab {number} ended early: {error}"))?;
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
    let output = format!("{right} of {} right", predictions.len());
    rows.push(Row { name: "predictions".to_owned(), points, of: PREDICTIONS_POINTS, output });
    Ok(Score { number, title, seed: found.get("seed").and_then(Value::as_u64), rows })
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
