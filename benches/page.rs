//! A report as people read it: Markdown, in a terminal and in a page that keeps a place for it.

use crate::Spread;
use crate::growth::{Growth, Point};
use crate::report::{Outcome, Report, Row, Verdict};

const BEGIN: &str = "<!-- results: begin -->";
const END: &str = "<!-- results: end -->";

/// The page with its place filled anew; nothing if it has no such place.
#[must_use]
pub fn filled(page: &str, results: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", results.trim()))
}

/// All of a report, with the charts that lie in `charts`, seen from the page.
#[must_use]
pub fn markdown(report: &Report, charts: Option<&str>) -> String {
    let part = |name: &str, title: &str, text: String| {
        let chart = charts.map(|folder| format!("\n![{title}]({folder}/{name}.svg)\n"));
        format!("\n### {title}\n\n{text}{}", chart.unwrap_or_default())
    };
    let rows = report.rows.iter().map(|row| part(&row.name, &row.title, row_markdown(row, report.machine.cores)));
    let growths = report.growths.iter().map(|growth| part(&growth.name, &growth.title, growth_markdown(growth)));
    format!("{}\n\n{}{}", preamble(report), targets(report), rows.chain(growths).collect::<String>())
}

/// How many targets are met, and which are not.
fn targets(report: &Report) -> String {
    let of_row = |row: &Row, target| (row.name.clone(), row.verdict(target, report.machine.cores));
    let rows = report.rows.iter().flat_map(|row| row.targets.iter().map(move |target| of_row(row, target)));
    let of_growth = |growth: &Growth, target| (growth.name.clone(), growth.verdict(target));
    let growths = report.growths.iter().flat_map(|one| one.targets.iter().map(move |target| of_growth(one, target)));
    let verdicts: Vec<_> = rows.chain(growths).collect();
    let missed: Vec<_> = verdicts.iter().filter(|(_, verdict)| !verdict.met).collect();
    let met = verdicts.len().saturating_sub(missed.len());
    let lines = missed.iter().map(|(name, verdict)| format!("- `{name}`: {}: {}\n", verdict.wanted, found(verdict)));
    format!("{met} of {} targets are met. Not met:\n\n{}", verdicts.len(), lines.collect::<String>())
}

/// When, where and how it was measured.
#[must_use]
pub fn preamble(report: &Report) -> String {
    let machine = &report.machine;
    let trial = if report.quick { "**A quick trial: nothing can be claimed from these figures.** " } else { "" };
    format!(
        "{trial}{}, at commit {}: {} cores, Linux {}, load {} before the start; congestion control {} of the raw client, \
         {} of the system; {} rounds in changing order. Speed and ratio: median (range).",
        machine.date,
        machine.commit,
        machine.cores,
        machine.kernel,
        machine.load_before,
        machine.congestion_of_client,
        machine.congestion_of_system,
        report.rounds
    )
}

/// The table of one row, who was missing, and what became of the targets.
#[must_use]
pub fn row_markdown(row: &Row, cores: usize) -> String {
    let [speed, cpu] = row.units();
    let headings = ["who", speed, "time / first's", &format!("server {cpu}"), &format!("sender {cpu}"), "peak MiB"];
    let cells = row.outcomes.iter().map(|outcome| line(row, outcome));
    let versions = row.outcomes.iter().filter_map(|outcome| outcome.version.as_deref());
    let mut versions: Vec<_> = versions.collect();
    versions.dedup();
    let verdicts = row.targets.iter().map(|target| row.verdict(target, cores));
    [
        table(&[vec![headings.map(str::to_owned).to_vec()], cells.collect()].concat()),
        format!("\n- On {}.\n", [&[row.filesystem.as_str()], versions.as_slice()].concat().join("; ")),
        left_out(&row.missing),
        verdicts.map(|verdict| told(&verdict)).collect(),
    ]
    .concat()
}

/// The table of one growth, what was left out, and what became of the targets.
#[must_use]
pub fn growth_markdown(growth: &Growth) -> String {
    let names = growth.series.iter().map(|series| series.name.clone());
    let headings = [vec![growth.growing.clone()], names.collect()].concat();
    let numbers = growth.series.iter().max_by_key(|series| series.points.len()).map(|longest| &longest.points);
    let line = |at: &Point| {
        let of = |points: &[Point]| points.iter().find(|point| point.at == at.at).and_then(Point::cost).map(range);
        let costs = growth.series.iter().map(|series| of(&series.points).unwrap_or_default());
        [vec![at.at.clone()], costs.collect()].concat()
    };
    let lines = numbers.into_iter().flatten().map(line);
    [
        table(&[vec![headings], lines.collect()].concat()),
        format!("\n- In {}, on {}.\n", growth.unit, growth.filesystem),
        left_out(&growth.missing),
        growth.targets.iter().map(|target| told(&growth.verdict(target))).collect(),
    ]
    .concat()
}

fn left_out(missing: &[(String, String)]) -> String {
    let lines: Vec<_> = missing.iter().map(|(name, why)| format!("- **Not measured: {name}.** {why}\n")).collect();
    lines.concat()
}

fn told(verdict: &Verdict) -> String {
    let met = if verdict.met { "met" } else { "**not met**" };
    format!("- Target: {}: {}, {met}.\n", verdict.wanted, found(verdict))
}

fn found(verdict: &Verdict) -> String {
    verdict.found.map_or_else(|| "not measured".to_owned(), range)
}

fn line(row: &Row, outcome: &Outcome) -> Vec<String> {
    let cpu = |seconds: f64| short(row.cpu(outcome, seconds));
    let mebi = |kib: u64| u32::try_from(kib).map_or_else(|_| String::new(), |kib| short(f64::from(kib) / 1_024.0));
    vec![
        outcome.name.clone(),
        row.speed(outcome).map(range).unwrap_or_default(),
        row.ratio(outcome).map(range).unwrap_or_default(),
        outcome.server_cpu_s.map(cpu).unwrap_or_default(),
        cpu(outcome.client_cpu_s),
        outcome.peak_kib.map(mebi).unwrap_or_default(),
    ]
}

/// The median and how far the rounds were apart.
fn range(spread: Spread) -> String {
    let [median, least, most] = [spread.median, spread.least, spread.most].map(short);
    if least == most { median } else { format!("{median} ({least} to {most})") }
}

/// Three digits that matter, and no more precision than there is.
fn short(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// A Markdown table whose columns also line up in a terminal.
fn table(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let widest =
        |column: usize| lines.iter().filter_map(|line| Some(line.get(column)?.chars().count())).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns).map(widest).collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("| {cell:<width$} "));
        text.extend(cells.chain(["|\n".to_owned()]));
        if number == 0 {
            text.extend(widths.iter().map(|width| format!("|{:-<1$}", "", width.saturating_add(2))));
            text.push_str("|\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_place_between_the_marks_changes() {
        let page = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let once = filled(&page, "new\n").unwrap();
        assert_eq!(once, format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"));
        assert_eq!(filled(&once, "new"), Some(once));
        assert_eq!(filled("no place", "new"), None);
    }

    #[test]
    fn a_table_lines_up_and_is_markdown() {
        let lines = [["a", "long"], ["bb", "c"]].map(|line| line.map(str::to_owned).to_vec());
        assert_eq!(table(&lines), "| a  | long |\n|----|------|\n| bb | c    |\n");
    }
}
