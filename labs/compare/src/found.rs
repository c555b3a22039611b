//! Everything that was found out. Table and page are made of it and of nothing else, so every number they show is in
//! the JSON.

use serde::{Deserialize, Serialize};

use crate::rung::Rung;
use crate::storm::Lane;
use crate::workload::Workload;

/// A comparison.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Found {
    /// Of the faults.
    pub(crate) seed: u64,
    pub(crate) workload: Workload,
    pub(crate) faults: Vec<String>,
    pub(crate) rungs: Vec<Row>,
    pub(crate) missing: Vec<Missing>,
}

/// One rung.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) rung: Rung,
    /// Nothing goes wrong.
    pub(crate) calm: Lane,
    /// The faults, and a server that is killed and started again.
    pub(crate) storm: Lane,
    /// What the server and its store hold for each open session; none where the system does not tell.
    pub(crate) bytes_per_session: Option<u64>,
}

/// A rung that could not be tried.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Missing {
    pub(crate) rung: Rung,
    pub(crate) why: String,
}

#[cfg(test)]
impl Found {
    /// A comparison of two rungs, with numbers of every size.
    pub(crate) fn example() -> Self {
        use crate::tally::{Latencies, Tally};
        use crate::workload::Arrived;

        let lane = |factor: u32| {
            let (count, time) = (u64::from(factor), f64::from(factor));
            let tally = Tally {
                round_trips: 17 * count,
                requests: 19 * count,
                header_bytes: 2_347 * count,
                reply_bytes: 999 * count,
                payload_bytes: 4_200_000 * count,
                sent_again_bytes: 1_234_567 * (count - 1),
                latencies: Latencies {
                    p50_ms: 1.375 * time,
                    p90_ms: 2.5 * time,
                    p99_ms: 71.25 * time,
                    max_ms: 80.0 * time,
                },
                recovery_ms: (factor > 1).then_some(612.7),
            };
            let arrived = Arrived {
                lost_unanswered: 131 * (count - 1),
                lost_though_answered: 7 * (count - 1),
                unanswered: 5 * (count - 1),
                duplicates: 0,
            };
            Lane { succeeded: factor == 1, seconds: 1.234 * time, connections: count, tally, arrived }
        };
        let row = |rung, factor, bytes_per_session| Row { rung, calm: lane(1), storm: lane(factor), bytes_per_session };
        Self {
            seed: 7,
            workload: Workload::SMALL,
            faults: vec!["reset to the server, 600 of 1000 connections".to_owned()],
            rungs: vec![row(Rung::Naive, 2, Some(3)), row(Rung::Memory, 3, Some(1_543)), row(Rung::Sqlite, 4, None)],
            missing: vec![Missing { rung: Rung::Redis, why: "redis-server: <not found>".to_owned() }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_as_json_is_read_back_the_same() {
        let found = Found::example();
        assert_eq!(serde_json::from_str::<Found>(&serde_json::to_string(&found).unwrap()).unwrap(), found);
    }
}
