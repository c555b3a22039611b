//! Draws what two servers cost, as text and as a page: bytes on the wire beside memory, from one upload to very many.

use std::fmt::Write as _;

use crate::measure::{FILES_EACH, Measured, RESTARTED, Row, told};

/// Columns of the longest bar.
const COLUMNS: usize = 40;

/// Sides of a chart on the page, and the room around it.
const WIDTH: usize = 420;
const HEIGHT: usize = 280;
const MARGIN: usize = 48;

/// A page begins so; the sizes of its charts are above.
const STYLE: &str = ":root{color-scheme:light dark}body{font:15px/1.5 sans-serif;margin:2em auto;max-width:60em}td,th{padding:.2em 1em;text-align:right}\
    td:first-child{text-align:left}svg{font-size:12px;fill:currentColor}\
    .uploads{text-anchor:middle}";

/// The servers with their colours.
const SERVERS: [(&str, &str); 2] = [("goldfish", "#d95f02"), ("elephant", "#4c6ef5")];

/// Where the tenths of a power of ten are, in hundredths of its beginning.
const TENTHS: [u128; 9] = [126, 158, 200, 251, 316, 398, 501, 631, 794];

/// What is compared.
type Cost = fn(&Row) -> [usize; 2];

const COSTS: [(&str, Cost); 2] = [
    ("bytes on the wire, without those of files, for so many uploads", |row| row.wire),
    ("bytes of memory that the server holds, for so many uploads", |row| row.memory),
];

/// Both curves as bars, and the table.
pub(crate) fn text(measured: &Measured) -> String {
    let mut text = format!("each upload is a connect and {FILES_EACH} files; a bar is ten times more every ");
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{} columns", COLUMNS / decades(measured));
    for (title, cost) in COSTS {
        let _ = writeln!(text, "\n{title}");
        for row in &measured.rows {
            for ((server, _), bytes) in SERVERS.into_iter().zip(cost(row)) {
                let uploads = if server == "goldfish" { row.uploads.to_string() } else { String::new() };
                let bar = "#".repeat(scaled(bytes, COLUMNS, decades(measured)));
                let _ = writeln!(text, "  {uploads:>6}  {server}  {bar} {}", told(bytes));
            }
        }
    }
    text.push('\n');
    for [what, goldfish, elephant] in table(measured) {
        let _ = writeln!(text, "| {what:<48} | {goldfish:>14} | {elephant:>14} |");
    }
    text
}

/// Both curves as a page of its own.
pub(crate) fn html(measured: &Measured) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Goldfish or Elephant</title>\n\
         <style>{STYLE}</style>\n<h1>Goldfish or Elephant</h1>\n"
    );
    for (title, cost) in COSTS {
        page.push_str(&chart(measured, title, cost));
    }
    page.push_str("<table>\n");
    for row in table(measured) {
        // Writing into a string cannot fail.
        let _ = writeln!(page, "<tr><td>{}</td></tr>", row.join("</td><td>"));
    }
    page.push_str("</table>\n</html>\n");
    page
}

/// The table of the README, filled in: what, goldfish, elephant.
fn table(measured: &Measured) -> Vec<[String; 3]> {
    let mut table = vec![[String::new(), "goldfish".to_owned(), "elephant".to_owned()]];
    if let Some(row) = measured.rows.last() {
        let requests = row.uploads.saturating_mul(FILES_EACH.saturating_add(1));
        let [goldfish, elephant] = row.wire.map(|bytes| told(bytes / requests.max(1)));
        table.push(["on the wire, a request and its reply".to_owned(), goldfish, elephant]);
        let [goldfish, elephant] = row.memory.map(|bytes| told(bytes / row.uploads.max(1)));
        table.push(["server memory, an upload".to_owned(), goldfish, elephant]);
        let [goldfish, elephant] = row.memory.map(told);
        table.push([format!("server memory, {} uploads", row.uploads), goldfish, elephant]);
    }
    let [goldfish, elephant] = measured.went_on.map(|uploads| format!("{uploads} of {RESTARTED}"));
    table.push(["uploads that go on after a restart".to_owned(), goldfish, elephant]);
    table
}

/// A chart with both axes by powers of ten.
fn chart(measured: &Measured, title: &str, cost: Cost) -> String {
    let uploads = measured.rows.last().map_or(1, |row| decades_of(row.uploads));
    let mut svg = format!(
        "<svg width=\"{}\" height=\"{}\" role=\"img\" aria-label=\"{title}\">\n<text x=\"{MARGIN}\" y=\"16\">{title}</text>\n",
        WIDTH + 2 * MARGIN,
        HEIGHT + 2 * MARGIN
    );
    // Writing into a string cannot fail.
    for decade in 0..=decades(measured) {
        let y = MARGIN.saturating_add(HEIGHT).saturating_sub(decade.saturating_mul(HEIGHT) / decades(measured));
        let _ =
            writeln!(svg, "<line x1=\"{MARGIN}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\" stroke=\"#8886\"/>", MARGIN + WIDTH);
        let _ = writeln!(svg, "<text x=\"0\" y=\"{}\">10^{decade}</text>", y.saturating_add(4));
    }
    for row in &measured.rows {
        let x = MARGIN.saturating_add(scaled(row.uploads, WIDTH, uploads));
        let _ =
            writeln!(svg, "<text class=\"uploads\" x=\"{x}\" y=\"{}\">{}</text>", MARGIN + HEIGHT + 18, row.uploads);
    }
    for (place, (server, colour)) in SERVERS.into_iter().enumerate() {
        let point = |row: &Row| {
            let bytes = cost(row).into_iter().nth(place).unwrap_or_default();
            let x = MARGIN.saturating_add(scaled(row.uploads, WIDTH, uploads));
            let y = MARGIN.saturating_add(HEIGHT).saturating_sub(scaled(bytes, HEIGHT, decades(measured)));
            format!("{x},{y} ")
        };
        let points: String = measured.rows.iter().map(point).collect();
        let _ = writeln!(svg, "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
        let y = MARGIN.saturating_sub(12);
        let x = MARGIN.saturating_add(place.saturating_mul(90));
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\" fill=\"{colour}\">{server}</text>");
    }
    svg.push_str("</svg>\n");
    svg
}

/// Powers of ten up to the largest cost.
fn decades(measured: &Measured) -> usize {
    let costs = measured.rows.iter().flat_map(|row| row.wire.into_iter().chain(row.memory));
    decades_of(costs.max().unwrap_or_default())
}

fn decades_of(number: usize) -> usize {
    usize::try_from(number.saturating_sub(1).checked_ilog10().unwrap_or_default()).unwrap_or_default().saturating_add(1)
}

/// Where `number` stands on a scale of `length` with so many powers of ten; nothing is at its beginning, as one is.
fn scaled(number: usize, length: usize, decades: usize) -> usize {
    let Some(power) = number.checked_ilog10() else { return 0 };
    let power = usize::try_from(power).unwrap_or_default();
    let begin = 10_u128.saturating_pow(u32::try_from(power).unwrap_or_default());
    let hundredths = u128::try_from(number).unwrap_or_default().saturating_mul(100) / begin;
    let tenths = TENTHS.iter().filter(|tenth| **tenth <= hundredths).count();
    let steps = power.saturating_mul(10).saturating_add(tenths);
    steps.saturating_mul(length).checked_div(decades.saturating_mul(10)).unwrap_or_default().min(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured() -> Measured {
        let row = |uploads| Row { uploads, wire: [1_000 * uploads, 500 * uploads], memory: [32, 80 * uploads] };
        Measured { rows: [1, 100, 10_000].map(row).to_vec(), went_on: [100, 0] }
    }

    #[test]
    fn a_power_of_ten_is_as_long_as_the_next_and_so_is_a_doubling() {
        assert_eq!([0, 1, 10, 100, 1_000].map(|number| scaled(number, 30, 3)), [0, 0, 10, 20, 30]);
        assert_eq!([1, 2, 4, 8, 16, 32].map(|number| scaled(number, 60, 3)), [0, 6, 12, 18, 24, 30]);
    }

    #[test]
    fn the_table_and_the_bars_hold_what_was_measured() {
        let text = text(&measured());
        assert!(text.contains("|     100 of 100 |       0 of 100 |"), "{text}");
        assert!(text.contains("80 bytes") && text.contains("781 KiB"), "{text}");
        assert!(text.lines().all(|line| line.len() < 100), "{text}");
    }

    #[test]
    fn the_page_has_a_curve_for_each_server_and_cost() {
        assert_eq!(html(&measured()).matches("<polyline").count(), 4);
    }
}
