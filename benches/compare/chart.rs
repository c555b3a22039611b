//! Charts: how fast everybody was in a row as bars, with their ranges.

use std::path::Path;

use benches::Spread;
use benches::report::{Outcome, Row};
use plotters::prelude::{
    BLACK, ChartBuilder, Color as _, IntoDrawingArea as _, IntoSegmentedCoord as _, PathElement, RGBColor, Rectangle,
    SVGBackend, SegmentValue, WHITE,
};

const WIDTH: u32 = 900;
const BAR_HEIGHT: u32 = 34;
const AROUND: u32 = 110;

const OURS: RGBColor = RGBColor(31, 119, 180);
const OTHERS: RGBColor = RGBColor(170, 170, 170);

/// Draws a row into a file.
pub(crate) fn bars(row: &Row, file: &Path) {
    let bars: Vec<_> = row.outcomes.iter().rev().filter_map(|outcome| Some((outcome, row.speed(outcome)?))).collect();
    let fastest = bars.iter().map(|(_, speed)| speed.most).fold(0.0, f64::max);
    let count = u32::try_from(bars.len()).unwrap_or(1).max(1);
    let height = count.saturating_mul(BAR_HEIGHT).saturating_add(AROUND);
    let area = SVGBackend::new(file, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE).expect("a drawing");
    let mut chart = ChartBuilder::on(&area)
        .caption(&row.title, ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(45)
        .y_label_area_size(260)
        .build_cartesian_2d(0.0..fastest * 1.05, (0..bars.len().saturating_sub(1)).into_segmented())
        .expect("a chart");
    let name = |segment: &SegmentValue<usize>| match segment {
        SegmentValue::CenterOf(bar) => bars.get(*bar).map(|(outcome, _)| outcome.name.clone()).unwrap_or_default(),
        SegmentValue::Exact(_) | SegmentValue::Last => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(bars.len().saturating_add(1))
        .y_label_formatter(&name)
        .x_label_formatter(&|speed| if fastest >= 10.0 { format!("{speed:.0}") } else { format!("{speed:.1}") })
        .max_light_lines(4)
        .label_style(("sans-serif", 14))
        .x_desc(format!("{} on {}: median and range", row.units()[0], row.filesystem))
        .draw()
        .expect("a drawing");
    let bar = |(number, (outcome, speed)): (usize, &(&Outcome, Spread))| {
        // What is the first's, its control and its other forms runs no program of somebody else.
        let color = if outcome.version.is_none() && outcome.server_cpu_s.is_some() { OURS } else { OTHERS };
        let ends = [(0.0, SegmentValue::Exact(number)), (speed.median, SegmentValue::Exact(number.saturating_add(1)))];
        let mut bar = Rectangle::new(ends, color.filled());
        bar.set_margin(6, 6, 0, 0);
        bar
    };
    chart.draw_series(bars.iter().enumerate().map(bar)).expect("a drawing");
    let range = |(number, (_, speed)): (usize, &(&Outcome, Spread))| {
        let at = |value: f64| (value, SegmentValue::CenterOf(number));
        PathElement::new(vec![at(speed.least), at(speed.most)], BLACK.stroke_width(2))
    };
    chart.draw_series(bars.iter().enumerate().map(range)).expect("a drawing");
    area.present().expect("a chart in its file");
}
