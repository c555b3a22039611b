//! This server against others, against itself, and against what the machine can do:
//! `cargo bench -p benches --bench compare -- --help`. `docs/performance.md` tells the method.
#![expect(clippy::expect_used, reason = "a bench that fails says where, and ends")]

mod arguments;
mod arrivals;
mod chart;
mod contest;
mod contestant;
mod crowd;
mod daemon;
mod descriptors;
mod ftp;
mod growing;
mod idle;
mod lane;
mod peer;
mod program;
mod programs;
mod row;
mod rows;
mod source;
mod stages;
mod taking;
mod this;
mod web;
mod week01;

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;

use benches::page;
use benches::report::{Machine, Report};
use clap::Parser as _;

use crate::arguments::Arguments;
use crate::stages::Stages;

fn main() {
    let arguments = Arguments::parse();
    let report = match &arguments.from {
        Some(file) => {
            let text = fs::read(file).expect("a file with results");
            serde_json::from_slice(&text).expect("results as --json writes them")
        }
        None => measured(&arguments),
    };
    if let Some(folder) = &arguments.charts {
        fs::create_dir_all(folder).expect("a folder for charts");
        for row in &report.rows {
            chart::bars(row, &folder.join(format!("{}.svg", row.name)));
        }
        for growth in &report.growths {
            chart::lines(growth, &folder.join(format!("{}.svg", growth.name)));
        }
    }
    if let Some(file) = &arguments.page {
        fill(file, &report, arguments.charts.as_deref());
    }
}

fn measured(arguments: &Arguments) -> Report {
    descriptors::raise();
    let stages = Stages::set(&arguments.memory_folder, &arguments.disk_folder);
    let said = |command: &mut Command, package| engines::run(command, package).unwrap_or_default().trim().to_owned();
    let load = first_line("/proc/loadavg");
    let machine = Machine {
        date: said(Command::new("date").args(["-u", "+%F"]), "coreutils"),
        commit: said(Command::new("git").args(["rev-parse", "--short", "HEAD"]).current_dir(engines::root()), "git"),
        load_before: load.split(' ').next().unwrap_or_default().to_owned(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        kernel: first_line("/proc/sys/kernel/osrelease"),
        congestion_of_system: first_line("/proc/sys/net/ipv4/tcp_congestion_control"),
        congestion_of_client: arguments.congestion.clone(),
    };
    let rounds = arguments.rounds();
    let mut report = Report { machine, quick: arguments.quick, rounds, rows: Vec::new(), growths: Vec::new() };
    say(&page::preamble(&report));
    for row in rows::rows(arguments.quick).iter().filter(|row| arguments.wants(row.name)) {
        say(&format!("\n### {}\n", row.title));
        let found = contest::contest(row, arguments, &stages);
        say(&page::row_markdown(&found, report.machine.cores));
        report.rows.push(found);
        keep(&report, arguments);
    }
    for (_, measure) in growing::ALL.iter().filter(|(name, _)| arguments.wants(name)) {
        let found = measure(arguments, &stages);
        say(&format!("\n### {}\n\n{}", found.title, page::growth_markdown(&found)));
        report.growths.push(found);
        keep(&report, arguments);
    }
    report
}

/// After every row, so that one that fails costs no other.
fn keep(report: &Report, arguments: &Arguments) {
    if let Some(file) = &arguments.json {
        let text = serde_json::to_string_pretty(report).expect("results as JSON");
        fs::write(file, text + "\n").expect("a file for results");
    }
}

fn fill(file: &Path, report: &Report, charts: Option<&Path>) {
    let old = fs::read_to_string(file).expect("a page to fill");
    // Seen from the page, whose folder the charts are in.
    let folder = charts.and_then(|charts| charts.file_name()?.to_str());
    let new = page::filled(&old, &page::markdown(report, folder)).expect("a page with a place for results");
    fs::write(file, new).expect("a page to fill");
}

fn first_line(file: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").to_owned()
}

/// A reader who has seen enough is no error.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
