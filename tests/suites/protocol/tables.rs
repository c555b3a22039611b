//! The tables of PROTOCOL.md are those of the code.

use shared::error::ErrorCode;
use shared::exit::ExitCode;
use shared::limits::Limits;
use shared::session::{Phase, step};
use shared::wire::{Action, Mode};

const PROTOCOL: &str = include_str!("../../../PROTOCOL.md");

/// The rows between the marks of a table, without its two head lines.
fn rows(table: &str) -> Vec<&'static str> {
    let begin = format!("<!-- table:{table} -->\n");
    let end = format!("<!-- /table:{table} -->");
    let (_, from) = PROTOCOL.split_once(&begin).expect("a table begins");
    let (text, _) = from.split_once(&end).expect("a table ends");
    text.lines().skip(2).collect()
}

#[test]
fn the_table_of_errors_is_the_code_s() {
    let row = |code: &ErrorCode| {
        let class = format!("{:?}", code.class()).to_lowercase();
        format!("| `{code}` | {class} | {} | {} | {} |", code.retry().as_str(), code.exit().code(), code.meaning())
    };
    assert_eq!(rows("errors"), ErrorCode::ALL.iter().map(row).collect::<Vec<_>>());
}

#[test]
fn the_table_of_exit_codes_is_the_code_s() {
    let row = |exit: ExitCode| format!("| {} | {} |", exit.code(), exit.meaning());
    assert_eq!(rows("exit"), ExitCode::ALL.map(row));
}

#[test]
fn the_table_of_actions_is_the_code_s() {
    let yes = |yes| if yes { "yes" } else { "no" };
    let row = |action: Action| {
        let [stateless, stateful] = Mode::ALL.map(|mode| yes(action.exists_in(mode)));
        let payload = if action.answers_payload() { "reply" } else { yes(action.takes_payload()) };
        format!("| `{action}` | {stateless} | {stateful} | {payload} | {} |", yes(action.takes_sequence()))
    };
    assert_eq!(Mode::ALL, [Mode::Stateless, Mode::Stateful], "the order of the columns");
    assert_eq!(rows("actions"), Action::ALL.map(row));
}

#[test]
fn the_table_of_states_is_the_code_s() {
    // `hello` belongs to no session.
    let actions: Vec<_> = Action::ALL.iter().filter(|action| **action != Action::Hello).collect();
    let row = |phase: Phase| {
        let steps = actions.iter().map(|action| format!("{:?}", step(phase, **action)).to_lowercase());
        let steps = steps.collect::<Vec<_>>().join(" | ");
        format!("| `{}` | {} | {steps} |", phase.as_str(), phase.condition())
    };
    assert_eq!(rows("states"), Phase::ALL.map(row));
    let columns = actions.iter().map(|action| format!("`{action}`")).collect::<Vec<_>>().join(" | ");
    assert!(PROTOCOL.contains(&format!("| state | true when | {columns} |\n")), "the order of the columns");
}

#[test]
fn the_table_of_limits_is_the_code_s() {
    // Names every field, so a new one does not compile until it has its row.
    macro_rules! table {
        ($($unit:literal: $($field:ident)+;)+) => {{
            let Limits { $($($field,)+)+ } = Limits::default();
            [$($((stringify!($field), u64::try_from($field).unwrap(), $unit),)+)+]
        }};
    }
    let limits = table! {
        "bytes": header_bytes_max drop_bytes_max closing_drop_bytes_max stateless_request_bytes_max
            week01_request_bytes_max stateful_request_bytes_max buffer_bytes_max parts_bytes_max;
        "bytes/s": progress_bytes_per_s_min;
        "ms": header_timeout_ms request_timeout_ms heartbeat_interval_ms progress_window_ms closing_drop_timeout_ms
            wrong_token_pause_max_ms session_timeout_ms pending_timeout_ms tombstone_ms part_kept_ms drain_timeout_ms;
        "1/s": connections_per_address_per_s sessions_per_address_per_s;
        "count": heartbeats_missed_max connections_max connections_per_address_max connections_per_address_burst
            sessions_max sessions_per_address_max sessions_per_address_burst wrong_tokens_per_min
            receipts_per_session_max in_flight_max list_entries_max;
    };
    let mut expected = limits.map(|(field, default, unit)| format!("| `{field}` | {default} | {unit} |"));
    let mut written = rows("limits");
    expected.sort_unstable();
    written.sort_unstable();
    assert_eq!(written, expected);
}

#[test]
fn what_no_server_sends_yet_is_named() {
    let (_, from) = PROTOCOL.split_once("The table is complete from the start.").expect("the sentence about it");
    let (sentence, _) = from.split_once('\n').expect("its end");
    let not_yet: Vec<_> = super::codes::NOT_YET.iter().map(|(code, _)| *code).collect();
    for code in ErrorCode::ALL {
        assert_eq!(sentence.contains(&format!("`{code}`")), not_yet.contains(code), "{code}");
    }
}
