//! Charts: how fast everybody was in a row as bars, a cost at growing numbers as lines, both with their ranges.

use std::path::Path;

use benches::Spread;
use benches::growth::{Growth, Point};
use benches::report::{Outcome, Row};
use plotters::prelude::{
    BLACK, ChartBuilder, Color as _, IntoDrawingArea as _, IntoSegmentedCoord as _, LineSeries, Palette as _,
    Palette99, PathElement, RGBColor, Rectangle, SVGBackend, SegmentValue, SeriesLabelPosition, WHITE,
};

const WIDTH: u32 = 900;
const BAR_HEIGHT: u32 = 34;
const AROUND: u32 = 110;
const LINES_HEIGHT: u32 = 420;

/// As wide as so many numbers of a growth.
const ROOM_FOR_LEGEND: usize = 2;

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

/// Draws a growth into a file.
pub(crate) fn lines(growth: &Growth, file: &Path) {
    let longest = growth.series.iter().map(|series| &series.points).max_by_key(|points| points.len());
    let numbers: Vec<_> = longest.into_iter().flatten().map(|point| point.at.clone()).collect();
    let segments = numbers.len().saturating_add(ROOM_FOR_LEGEND);
    let costs = growth.series.iter().flat_map(|series| &series.points).filter_map(Point::cost);
    let dearest = costs.map(|cost| cost.most).fold(0.0, f64::max);
    let area = SVGBackend::new(file, (WIDTH, LINES_HEIGHT)).into_drawing_area();
    area.fill(&WHITE).expect("a drawing");
    let mut chart = ChartBuilder::on(&area)
        .caption(&growth.title, ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(45)
        .y_label_area_size(70)
        .build_cartesian_2d((0..segments.saturating_sub(1)).into_segmented(), 0.0..dearest * 1.05)
        .expect("a chart");
    let name = |segment: &SegmentValue<usize>| match segment {
        SegmentValue::CenterOf(number) => numbers.get(*number).cloned().unwrap_or_default(),
        SegmentValue::Exact(_) | SegmentValue::Last => String::new(),
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(segments.saturating_add(1))
        .x_label_formatter(&name)
        .max_light_lines(4)
        .label_style(("sans-serif", 14))
        .x_desc(&growth.growing)
        .y_desc(format!("{}: median and range", growth.unit))
        .draw()
        .expect("a drawing");
    for (number, series) in growth.series.iter().enumerate() {
        let color = Palette99::pick(number).to_rgba();
        let costs: Vec<_> = series.points.iter().filter_map(Point::cost).enumerate().collect();
        let at = |number: usize, value: f64| (SegmentValue::CenterOf(number), value);
        let medians = costs.iter().map(|(number, cost)| at(*number, cost.median));
        let line = LineSeries::new(medians, color.stroke_width(2)).point_size(3);
        chart
            .draw_series(line)
            .expect("a drawing")
            .label(&series.name)
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 20, y)], color.stroke_width(2)));
        let ranges = costs.iter().map(|(number, cost)| {
            PathElement::new(vec![at(*number, cost.least), at(*number, cost.most)], color.stroke_width(1))
        });
        chart.draw_series(ranges).expect("a drawing");
    }
    let mut legend = chart.configure_series_labels();
    legend.label_font(("sans-serif", 14)).background_style(WHITE.mix(0.8)).border_style(BLACK);
    legend.position(SeriesLabelPosition::UpperRight).draw().expect("a drawing");
    area.present().expect("a chart in its file");
}
