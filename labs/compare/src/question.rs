//! What is compared: a question, and its answer for each rung. Table and charts ask the same ones.

use crate::found::Row;
use crate::storm::Lane;

/// A question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) title: &'static str,
    /// What the answer means, for a lecture.
    pub(crate) about: &'static str,
    pub(crate) unit: Unit,
    pub(crate) asks: Asks,
}

/// What is asked, and for which weather.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asks {
    /// In the calm and in the storm.
    Both(fn(&Lane) -> f64),
    /// Only when something goes wrong is there an answer.
    Storm(fn(&Lane) -> Option<f64>),
    /// The weather makes no difference.
    Rung(fn(&Row) -> Option<f64>),
}

/// In what an answer is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Count,
    Bytes,
    Milliseconds,
    Seconds,
}

/// A rung's answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Answer {
    /// None where it makes no difference.
    pub(crate) weather: Option<&'static str>,
    /// None where there is nothing to measure.
    pub(crate) value: Option<f64>,
}

/// All questions.
pub(crate) const QUESTIONS: [Question; 13] = [
    Question {
        title: "round trips",
        about: "How often the client had to wait for the answer to all that it had sent. A session's numbers let it \
                send ahead and ask afterwards; without them it waits for each file.",
        unit: Unit::Count,
        asks: Asks::Both(|lane| count(lane.tally.round_trips)),
    },
    Question {
        title: "request headers",
        about: "Every request says again what the server cannot remember: the kind of bytes, their name and digest. \
                In a session it also says which one, because the next request may come over another connection.",
        unit: Unit::Bytes,
        asks: Asks::Both(|lane| count(lane.tally.header_bytes)),
    },
    Question {
        title: "replies",
        about: "With a ticket the state itself travels in each of them.",
        unit: Unit::Bytes,
        asks: Asks::Both(|lane| count(lane.tally.reply_bytes)),
    },
    Question {
        title: "payload sent again",
        about: "What a broken connection or a dead server cost. Who can ask where a file was cut goes on there.",
        unit: Unit::Bytes,
        asks: Asks::Storm(|lane| Some(count(lane.tally.sent_again_bytes))),
    },
    Question {
        title: "kept for each session",
        about: "Memory of the server, its database and Redis, for a session that is open and does nothing. Without \
                sessions: for a connection that came and went.",
        unit: Unit::Bytes,
        asks: Asks::Rung(|row| row.bytes_per_session.map(count)),
    },
    Question {
        title: "p50 of a file",
        about: "From a file's first byte to the answer that it is stored, with all that went wrong in between: half of \
                the files took no longer. A file that is sent ahead waits its turn, so it takes longer by itself while \
                all of them take less.",
        unit: Unit::Milliseconds,
        asks: Asks::Both(|lane| lane.tally.latencies.p50_ms),
    },
    Question {
        title: "p99 of a file",
        about: "The same for all but one of a hundred.",
        unit: Unit::Milliseconds,
        asks: Asks::Both(|lane| lane.tally.latencies.p99_ms),
    },
    Question {
        title: "all files",
        about: "The whole run. In the storm most of it is waiting before a new try, and left to chance.",
        unit: Unit::Seconds,
        asks: Asks::Both(|lane| lane.seconds),
    },
    Question {
        title: "recovery",
        about: "From the kill of the server to the next file that is stored. The server's start is in it, and the \
                client's wait before it tries again, which is left to chance.",
        unit: Unit::Milliseconds,
        asks: Asks::Storm(|lane| lane.tally.recovery_ms),
    },
    Question {
        title: "stored twice",
        about: "A lost answer leaves the client with a question. Who has no name for the upload can only send it again.",
        unit: Unit::Count,
        asks: Asks::Storm(|lane| Some(count(lane.arrived.duplicates))),
    },
    Question {
        title: "outcome unknown",
        about: "Files of which the client says at the end that nobody can tell whether they are stored. When the memory \
                with the session is gone, there is nobody to ask about what was under way. To send it again might \
                store it twice, so the client leaves the choice to its user.",
        unit: Unit::Count,
        asks: Asks::Storm(|lane| Some(count(lane.arrived.unanswered))),
    },
    Question {
        title: "of these, not there",
        about: "What that choice is about: these would have to be sent again, the others must not be.",
        unit: Unit::Count,
        asks: Asks::Storm(|lane| Some(count(lane.arrived.lost_unanswered))),
    },
    Question {
        title: "lost after an answer",
        about: "Files that the server said it had stored, and that are not there. On no rung may there be one.",
        unit: Unit::Count,
        asks: Asks::Storm(|lane| Some(count(lane.arrived.lost_though_answered))),
    },
];

impl Question {
    /// A rung's answers.
    pub(crate) fn answers(&self, row: &Row) -> Vec<Answer> {
        match self.asks {
            Asks::Both(of) => vec![
                Answer { weather: Some("calm"), value: Some(of(&row.calm)) },
                Answer { weather: Some("storm"), value: Some(of(&row.storm)) },
            ],
            Asks::Storm(of) => vec![Answer { weather: Some("storm"), value: of(&row.storm) }],
            Asks::Rung(of) => vec![Answer { weather: None, value: of(row) }],
        }
    }
}

impl Unit {
    /// A value as people read it.
    pub(crate) fn shown(self, value: f64) -> String {
        match self {
            Self::Count => format!("{value:.0}"),
            Self::Bytes if value < 1e3 => format!("{value:.0} B"),
            Self::Bytes if value < 1e6 => format!("{:.1} kB", value / 1e3),
            Self::Bytes => format!("{:.1} MB", value / 1e6),
            Self::Milliseconds if value < 10.0 => format!("{value:.1} ms"),
            Self::Milliseconds => format!("{value:.0} ms"),
            Self::Seconds => format!("{value:.2} s"),
        }
    }
}

/// Nothing that is counted here comes near the bound.
pub(crate) fn count(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_told_with_as_many_digits_as_people_read() {
        let bytes = [0.0, 999.0, 1_000.0, 16_384.0, 2_097_152.0].map(|value| Unit::Bytes.shown(value));
        assert_eq!(bytes, ["0 B", "999 B", "1.0 kB", "16.4 kB", "2.1 MB"]);
        let times = [0.44, 9.96, 12.3].map(|value| Unit::Milliseconds.shown(value));
        assert_eq!(times, ["0.4 ms", "10.0 ms", "12 ms"]);
        assert_eq!([Unit::Count.shown(12.0), Unit::Seconds.shown(1.234)], ["12", "1.23 s"]);
    }
}
