//! The program as its users run it, with the small workload, and what of a usual run is kept.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that fails says where")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn compare(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_compare"));
    command.current_dir(folder).args(arguments).output().expect("the program")
}

fn json(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
}

#[test]
fn one_run_gives_numbers_page_and_table_and_what_state_buys_can_be_read_off_them() {
    let folder = tempfile::tempdir().unwrap();
    let run = ["--quick", "--rungs", "stateless", "--rungs", "sqlite", "--json", "found.json", "--html", "found.html"];
    let ran = compare(folder.path(), &run);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let found = json(folder.path(), "found.json");
    let rungs = found["rungs"].as_array().unwrap();
    assert_eq!(rungs.len(), 2);
    for row in rungs {
        for weather in ["calm", "storm"] {
            let lane = &row[weather];
            assert_eq!(lane["succeeded"], true, "{row:#}");
            assert_eq!(
                lane["arrived"],
                serde_json::json!({
                    "lost_unanswered": 0, "lost_though_answered": 0, "unanswered": 0, "duplicates": 0,
                })
            );
            assert!(lane["tally"]["latencies"]["p50_ms"].as_f64().unwrap() > 0.0, "{lane:#}");
        }
        assert_eq!(row["calm"]["tally"]["sent_again_bytes"], 0);
        assert!(row["storm"]["connections"].as_u64().unwrap() > 1, "{row:#}");
        assert!(row["storm"]["tally"]["recovery_ms"].as_f64().unwrap() > 0.0, "{row:#}");
    }

    // From the numbers alone the same page, and the table in a document.
    fs::write(folder.path().join("README.md"), "# A\n<!-- compare: begin -->\n<!-- compare: end -->\n").unwrap();
    let again = ["--from", "found.json", "--html", "again.html", "--table", "README.md"];
    let drawn = compare(folder.path(), &again);
    assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&drawn.stderr));
    assert_eq!(drawn.stdout, ran.stdout);
    let page = |name| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(page("again.html"), page("found.html"));
    assert!(page("README.md").contains("|  | stateless, id | SQLite |\n"));
}

#[test]
fn the_table_in_the_readme_is_of_the_numbers_that_are_kept() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("README.md");
    fs::copy(root.join("README.md"), &copy).unwrap();
    let kept = root.join("docs/compare/compare.json");
    let drawn = compare(folder.path(), &["--from", kept.to_str().unwrap(), "--table", "README.md"]);
    assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&drawn.stderr));
    let [readme, again] = [root.join("README.md"), copy].map(|path| fs::read_to_string(path).unwrap());
    assert!(readme == again, "cargo compare --from docs/compare/compare.json --table README.md makes it so");
}

#[test]
fn the_same_seed_makes_the_same_faults_and_a_calm_run_the_same_counts() {
    let folder = tempfile::tempdir().unwrap();
    let counts = |name: &str| {
        let ran = compare(folder.path(), &["--quick", "--seed", "5", "--rungs", "stateless", "--json", name]);
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let found = json(folder.path(), name);
        let tally = &found["rungs"][0]["calm"]["tally"];
        let counts = ["requests", "round_trips", "header_bytes", "payload_bytes"].map(|count| tally[count].clone());
        (found["faults"].clone(), counts)
    };
    assert_eq!(counts("one.json"), counts("other.json"));
}

#[test]
fn a_file_that_is_none_of_its_own_is_an_error_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("found.json"), "{}").unwrap();
    for name in ["found.json", "missing.json"] {
        let ran = compare(folder.path(), &["--from", name]);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(1));
        assert!(said.starts_with(&format!("error: {name}: ")), "{said}");
    }
}
