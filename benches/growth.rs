//! A cost at growing numbers, as it is kept in a file. It should stay flat.

use serde::{Deserialize, Serialize};

use crate::Spread;
use crate::report::Verdict;

/// What something costs, the more there is of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// What it is called on the command line.
    pub name: String,
    /// What was done.
    pub title: String,
    /// The filesystem it was done on.
    pub filesystem: String,
    /// What grows.
    pub growing: String,
    /// What a cost is.
    pub unit: String,
    /// Who or what has it; the second is the first once more.
    pub series: Vec<Series>,
    /// What was to be measured and could not, with the reason.
    pub missing: Vec<(String, String)>,
    /// What the costs were to be.
    pub targets: Vec<Aim>,
}

/// One cost at all numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// From the smallest number on.
    pub points: Vec<Point>,
}

/// The cost at one number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The number, as people write it.
    pub at: String,
    /// The cost, round by round.
    pub costs: Vec<f64>,
}

/// What a cost is to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// That of a series, at the largest number, is at most so much.
    AtMost(f64, String),
    /// That of a series is at its dearest number at most so many times what it is at its cheapest.
    Flat(f64, String),
}

impl Growth {
    /// What became of a target.
    #[must_use]
    pub fn verdict(&self, target: &Aim) -> Verdict {
        let series = |name: &str| self.series.iter().find(|series| series.name == name);
        let (wanted, found, limit) = match target {
            Aim::AtMost(most, name) => {
                let largest = series(name).and_then(|series| series.points.last());
                let at = largest.map_or("the largest number", |point| &point.at);
                (format!("{name}, {at}: at most {most} {}", self.unit), largest.and_then(Point::cost), most)
            }
            Aim::Flat(times, name) => {
                let found = series(name).and_then(Series::steepness).and_then(|steepness| Spread::of([steepness]));
                (format!("{name}: at its dearest at most {times} times its cheapest"), found, times)
            }
        };
        Verdict { wanted, found, met: found.is_some_and(|found| found.median <= *limit) }
    }
}

impl Series {
    /// How many times as much as at its cheapest number it costs at its dearest.
    fn steepness(&self) -> Option<f64> {
        let costs = self.points.iter().filter_map(|point| Some(point.cost()?.median));
        let spread = Spread::of(costs)?;
        Some(spread.most / spread.least)
    }
}

impl Point {
    /// The cost with its range.
    #[must_use]
    pub fn cost(&self) -> Option<Spread> {
        Spread::of(self.costs.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_judged_at_its_largest_number_and_by_its_steepness() {
        let point = |at: &str, costs: &[f64]| Point { at: at.to_owned(), costs: costs.to_vec() };
        let points = vec![point("1", &[8.0]), point("10", &[1.0, 2.0, 9.0])];
        let series = Series { name: "session".to_owned(), points };
        let text = String::new;
        let growth = Growth {
            name: text(),
            title: text(),
            filesystem: text(),
            growing: text(),
            unit: "KB".to_owned(),
            series: vec![series],
            missing: Vec::new(),
            targets: Vec::new(),
        };
        let at_most = |cost, name: &str| growth.verdict(&Aim::AtMost(cost, name.to_owned()));
        assert_eq!(at_most(2.0, "session").wanted, "session, 10: at most 2 KB");
        assert!(at_most(2.0, "session").met);
        assert!(!at_most(1.9, "session").met);
        assert!(!at_most(9.0, "nobody").met);
        let flat = |times| growth.verdict(&Aim::Flat(times, "session".to_owned()));
        assert!(flat(4.0).met);
        assert!(!flat(3.9).met);
    }
}
