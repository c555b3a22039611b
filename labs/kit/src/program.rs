//! The program that a lab's `tests/lab.rs` is: runs the checks and tells what came of them, to a person or as JSON.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;

use crate::folder::Predictions;
use crate::report::{Report, predicted};
use crate::{Check, Dice, Lab, Picture, Question, Verdict, bound};

/// Where a lab's files are.
#[derive(Debug)]
pub struct Folders {
    /// The lab's own, with its predictions, hints and explanation.
    pub lab: PathBuf,
    /// Where traces go.
    pub traces: PathBuf,
}

/// The seed where the file with predictions cannot be read.
const SEED: u64 = 1;

/// What the arguments ask for.
#[derive(Debug, Default)]
struct Wish {
    seed: Option<u64>,
    json: bool,
    trace: bool,
    /// Parts of the names of checks; all checks when there are none.
    names: Vec<String>,
}

/// Runs the checks as the arguments of this process ask.
pub fn main<S: ?Sized + Send + Sync + 'static>(lab: &Lab<S>, subject: &Arc<S>, folders: &Folders) -> ExitCode {
    bound::memory();
    let told = wish(std::env::args().skip(1)).and_then(|wish| {
        let predictions = Predictions::read(&folders.lab);
        let written = predictions.as_ref().map_or(SEED, |predictions| predictions.seed);
        let seed = wish.seed.unwrap_or(written);
        if wish.json {
            return document(lab, subject, seed, &wish, &predictions);
        }
        let predictions = predictions?;
        if wish.trace {
            trace(lab, seed, &predictions, folders)
        } else {
            check(lab, subject, seed, &wish, &predictions, folders)
        }
    });
    match told {
        Ok((text, passed)) => {
            print!("{text}");
            if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn wish(mut arguments: impl Iterator<Item = String>) -> Result<Wish, String> {
    let mut wish = Wish::default();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => wish.json = true,
            "--trace" => wish.trace = true,
            "--seed" => {
                let seed = arguments.next().and_then(|seed| seed.parse().ok());
                wish.seed = Some(seed.ok_or("--seed takes a number")?);
            }
            // What cargo hands on to every test program.
            "--quiet" | "--nocapture" => {}
            flag if flag.starts_with('-') => return Err(format!("{flag} is not known; --seed N, --json, --trace are")),
            name => wish.names.push(name.to_owned()),
        }
    }
    Ok(wish)
}

/// Runs the checks; returns what came of each.
fn run<'lab, S: ?Sized + Send + Sync + 'static>(
    lab: &'lab Lab<S>,
    subject: &Arc<S>,
    seed: u64,
    wish: &Wish,
) -> Result<Vec<(&'lab Check<S>, Verdict)>, String> {
    let wanted = |name: &str| wish.names.is_empty() || wish.names.iter().any(|part| name.contains(part));
    let verdicts = lab.run(subject, seed, wanted);
    if verdicts.is_empty() {
        let (number, names) = (lab.number, wish.names.join(" "));
        return Err(format!("no check of lab {number} is named like {names}; cargo lab hint {number} names all"));
    }
    Ok(verdicts)
}

fn all_passed<S: ?Sized>(verdicts: &[(&Check<S>, Verdict)]) -> bool {
    verdicts.iter().all(|(_, verdict)| matches!(verdict, Verdict::Passed))
}

/// Runs the checks; returns what is to be said, and whether all passed.
fn check<S: ?Sized + Send + Sync + 'static>(
    lab: &Lab<S>,
    subject: &Arc<S>,
    seed: u64,
    wish: &Wish,
    predictions: &Predictions,
    folders: &Folders,
) -> Result<(String, bool), String> {
    let verdicts = run(lab, subject, seed, wish)?;
    let passed = all_passed(&verdicts);
    let first = verdicts.iter().find_map(|(check, verdict)| match verdict {
        Verdict::Failed(failure) => Some((check, failure)),
        Verdict::Passed | Verdict::Waits(_) => None,
    });
    let drawn = match first.and_then(|(check, failure)| Some((check, failure, failure.picture.as_ref()?))) {
        Some((check, failure, picture)) => {
            let words = format!("{}\n\n{}", check.promise, failure.words());
            Some(drawn(lab, picture, check.name, &words, folders)?)
        }
        None => None,
    };
    let mut text = Report { lab, seed, verdicts: &verdicts, drawn: drawn.as_deref() }.to_string();
    if predictions.open() > 0 {
        let (open, all) = (predictions.open(), predictions.question.len());
        let lab_folder = from_root(&folders.lab)?;
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "\nREADME.md in {lab_folder} says what is asked; {open} of {all} predictions are open: cargo lab trace {}",
            lab.number
        );
    } else if passed && wish.names.is_empty() {
        let questions = (lab.study)(&mut Dice::new(seed)).questions;
        text.push('\n');
        text.push_str(&predicted(predictions, &questions));
        if let Err(misfit) = predictions.fit(&questions) {
            let _ = writeln!(text, "{misfit}");
        }
    }
    if passed && wish.names.is_empty() {
        let explanation = std::fs::read_to_string(folders.lab.join("explain.md")).map_err(|error| error.to_string())?;
        text.push('\n');
        text.push_str(&explanation);
    }
    Ok((text, passed))
}

/// What is predicted: only what was done, until all predictions are made.
fn trace<S: ?Sized>(
    lab: &Lab<S>,
    seed: u64,
    predictions: &Predictions,
    folders: &Folders,
) -> Result<(String, bool), String> {
    let study = (lab.study)(&mut Dice::new(seed));
    predictions.fit(&study.questions)?;
    let mut text = format!("lab {}, {}, seed {seed}\n\n", lab.number, lab.title);
    if predictions.open() > 0 {
        text.push_str(&study.asked);
        text.push_str("\npredict.toml asks; what happened is shown when all is answered:\n");
        for name in study.questions.iter().map(|question| question.name) {
            let ask = predictions.question.get(name).map_or("", |question| question.ask.as_str());
            // Writing into a string cannot fail.
            let _ = writeln!(text, "  {name}: {ask}");
        }
        return Ok((text, true));
    }
    text.push_str(&study.answered);
    text.push('\n');
    if let Some(picture) = &study.picture {
        text.push_str(&picture.beside_words());
        let drawn = drawn(lab, picture, "study", &study.answered, folders)?;
        let _ = writeln!(text, "  drawn   {drawn}\n");
    }
    text.push_str(&predicted(predictions, &study.questions));
    Ok((text, true))
}

/// Draws a picture; returns the names of its files, from the top of the workspace if they are below.
fn drawn<S: ?Sized>(
    lab: &Lab<S>,
    picture: &Picture,
    of: &str,
    words: &str,
    folders: &Folders,
) -> Result<String, String> {
    let name = format!("{}-{of}", lab.number);
    picture.draw(&folders.traces, &name, &format!("Lab {}, {}: {of}", lab.number, lab.title), words)?;
    Ok(format!("{}/{name}{}", from_root(&folders.traces)?, picture.endings()))
}

/// The path from the top of the workspace, if it is below.
fn from_root(path: &Path) -> Result<String, String> {
    let whole = |path: &Path| path.canonicalize().map_err(|error| format!("{}: {error}", path.display()));
    let root = whole(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")))?;
    let path = whole(path)?;
    Ok(path.strip_prefix(&root).unwrap_or(&path).display().to_string())
}

/// Runs the checks; returns what came of everything, for programs. A file with predictions that cannot be read costs the
/// predictions, and no check.
fn document<S: ?Sized + Send + Sync + 'static>(
    lab: &Lab<S>,
    subject: &Arc<S>,
    seed: u64,
    wish: &Wish,
    predictions: &Result<Predictions, String>,
) -> Result<(String, bool), String> {
    let verdicts = run(lab, subject, seed, wish)?;
    let passed = all_passed(&verdicts);
    let questions = (lab.study)(&mut Dice::new(seed)).questions;
    let misfit = match predictions {
        Ok(predictions) => predictions.fit(&questions).err(),
        Err(misfit) => Some(misfit.clone()),
    };
    let right = |question: &Question| predictions.as_ref().is_ok_and(|predictions| predictions.right(question));
    let checks: Vec<_> = verdicts
        .iter()
        .map(|(check, verdict)| {
            let (passed, output) = match verdict {
                Verdict::Passed => (true, String::new()),
                Verdict::Failed(failure) => (false, failure.to_string()),
                Verdict::Waits(base) => (false, format!("waits for {base}")),
            };
            json!({"name": check.name, "promise": check.promise, "points": check.points, "passed": passed, "output": output})
        })
        .collect();
    let predicted: Vec<_> =
        questions.iter().map(|question| json!({"name": question.name, "right": right(question)})).collect();
    let found = json!({
        "lab": lab.number, "title": lab.title, "seed": seed, "checks": checks, "predictions": predicted, "misfit": misfit,
    });
    // On a line of its own, whatever the checked code has printed.
    Ok((format!("\n{found}\n"), passed))
}
