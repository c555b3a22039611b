//! For programs: everything that the text has, as JSON.

use serde_json::{Value, json};

use crate::check::{Level, Outcome, Verdict};
use crate::judge::{Count, Report};
use crate::record::Event;

/// The whole report as one object.
#[must_use]
pub fn json(report: &Report) -> Value {
    let levels = Level::ALL.map(|level| {
        let count = counted(Count::of(report.level(level)));
        json!({"level": level.number(), "name": level.name(), "count": count})
    });
    let count = report.count();
    json!({
        "subject": report.subject,
        "notes": report.notes,
        "good": count.good(),
        "score": {"points": count.passed, "of": count.graded()},
        "count": counted(count),
        "levels": levels,
        "checks": report.outcomes.iter().map(checked).collect::<Vec<_>>(),
    })
}

fn counted(count: Count) -> Value {
    let Count { passed, failed, not_offered, skipped } = count;
    json!({"passed": passed, "failed": failed, "not_offered": not_offered, "skipped": skipped})
}

fn checked(outcome: &Outcome) -> Value {
    let mut value = json!({
        "level": outcome.level.number(),
        "name": outcome.name,
        "section": outcome.section,
        "seconds": outcome.took.as_secs_f64(),
    });
    let more = match &outcome.verdict {
        Verdict::Passed => json!({"verdict": "passed"}),
        Verdict::NotOffered(reason) => json!({"verdict": "not_offered", "reason": reason}),
        Verdict::Skipped(reason) => json!({"verdict": "skipped", "reason": reason}),
        Verdict::Failed { expected, came, exchange } => {
            let exchange: Vec<Value> = exchange.iter().map(event).collect();
            json!({"verdict": "failed", "expected": expected, "came": came, "exchange": exchange})
        }
    };
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    value
}

fn event(event: &Event) -> Value {
    let (connection, way) = (event.connection, event.way.word());
    json!({"connection": connection, "way": way, "bytes": event.text(), "carets": event.carets()})
}
