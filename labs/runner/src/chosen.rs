//! A lab on the disk, and its program of checks. Knows nothing of what the checks say.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use serde_json::Value;

/// The top of the workspace.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The largest code with which checks end: all passed, one failed, the question was wrong.
const ANSWER_MAX: u8 = 2;

/// Whose work is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Learner,
    Solution,
}

impl Whose {
    pub(crate) fn of(solution: bool) -> Self {
        if solution { Self::Solution } else { Self::Learner }
    }
}

/// A lab.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    /// Two digits.
    pub(crate) number: String,
    /// Where its files are.
    pub(crate) folder: PathBuf,
    pub(crate) whose: Whose,
}

/// All labs there are, in order.
pub(crate) fn all() -> Result<Vec<Chosen>, String> {
    let labs = Path::new(ROOT).join("labs");
    let entries = std::fs::read_dir(&labs).map_err(|error| format!("{}: {error}", labs.display()))?;
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let number = name.split('-').next().unwrap_or_default();
        if number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit()) {
            found.push(Chosen { number: number.to_owned(), folder: entry.path(), whose: Whose::Learner });
        }
    }
    found.sort_by(|one, other| one.number.cmp(&other.number));
    Ok(found)
}

impl Chosen {
    /// The lab of this number, with or without its zero.
    pub(crate) fn find(number: &str, whose: Whose) -> Result<Self, String> {
        let two_digits = format!("{number:0>2}");
        let found = all()?.into_iter().find(|lab| lab.number == two_digits);
        let lab = found.ok_or_else(|| format!("there is no lab {number}; cargo lab list shows what there is"))?;
        Ok(Self { whose, ..lab })
    }

    /// The title in its README.
    pub(crate) fn title(&self) -> Result<String, String> {
        let path = self.folder.join("README.md");
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(text.lines().next().unwrap_or_default().trim_start_matches("# ").to_owned())
    }

    /// Builds the checks and runs them for the person at the terminal.
    pub(crate) fn run<'words>(&self, arguments: impl IntoIterator<Item = &'words str>) -> Result<ExitCode, String> {
        let Some(program) = self.build()? else { return Ok(ExitCode::FAILURE) };
        let status = Command::new(&program).args(arguments).current_dir(ROOT).status();
        let status = status.map_err(|error| format!("{}: {error}", program.display()))?;
        let answer = status.code().and_then(|code| u8::try_from(code).ok()).filter(|code| *code <= ANSWER_MAX);
        Ok(answer.map_or_else(
            || {
                eprintln!("the checks of lab {} ended early ({status}); what they said last stands above", self.number);
                ExitCode::FAILURE
            },
            ExitCode::from,
        ))
    }

    /// Builds the checks and runs them; returns what they print.
    pub(crate) fn output(&self, arguments: &[String]) -> Result<Option<Vec<u8>>, String> {
        let Some(program) = self.build()? else { return Ok(None) };
        let output = Command::new(&program).args(arguments).current_dir(ROOT).stderr(Stdio::inherit()).output();
        output.map(|output| Some(output.stdout)).map_err(|error| format!("{}: {error}", program.display()))
    }

    /// The program of checks; none if it does not compile, which the compiler has told then.
    fn build(&self) -> Result<Option<PathBuf>, String> {
        let package = match self.whose {
            Whose::Learner => format!("lab-{}", self.number),
            Whose::Solution => format!("solution-{}", self.number),
        };
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["test", "--quiet", "--no-run", "--package", &package, "--test", "lab"])
            .arg("--message-format=json-render-diagnostics")
            .current_dir(ROOT)
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("cargo cannot be started: {error}"))?;
        if !output.status.success() {
            return Ok(None);
        }
        let built = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from));
        built.map(Some).ok_or_else(|| format!("cargo built no program of checks for {package}"))
    }
}
