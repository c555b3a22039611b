//! Every kind of mistake, with the text that is printed for it.

use super::*;

fn refusal(layers: &Layers) -> String {
    let errors = resolve(layers).expect_err("this was to be refused");
    assert_eq!(errors.exit_code().code(), 11);
    errors.to_string()
}

/// The titles of the report on a file, one an error.
fn titles(file: &str) -> Vec<String> {
    let report = refusal(&layers(Some(file), &[], &[]));
    report.lines().filter_map(|line| line.strip_prefix("error: ")).map(str::to_owned).collect()
}

#[test]
fn all_mistakes_are_reported_at_once_each_with_its_line() {
    let file = "\
server:
  prot: 65432
  port: 70000
  mode: daul
  max_connections: \"100\"
sever: {}
stateful:
  persistence: tickets
  max_sessions: -1
  max_sessions: 5
storage:
  path:
";
    let variables = &[("DFT_LOG_LEVEL", "loud"), ("DFT_LOG_LEVL", "info"), ("DFT_STATEFUL_PERSISTENCE", "disk")];
    let expected = "\
error: unknown key `server.prot`
 --> config.yaml:2:3
  |
2 |   prot: 65432
  |   ^^^^ expected `host`, `port`, `mode`, `max_connections`, `ack` or `congestion`
  |
  = help: did you mean `server.port`?

error: wrong value for `server.port`: `70000`
 --> config.yaml:3:9
  |
3 |   port: 70000
  |         ^^^^^ expected an integer from 0 to 65535

error: wrong value for `server.mode`: `daul`
 --> config.yaml:4:9
  |
4 |   mode: daul
  |         ^^^^ expected `stateless`, `stateful` or `dual`
  |
  = help: did you mean `dual`?

error: wrong value for `server.max_connections`: `\"100\"`
 --> config.yaml:5:20
  |
5 |   max_connections: \"100\"
  |                    ^^^^^ expected an integer from 1 to 1000000
  |
  = help: write it without the quotes

error: unknown section `sever`
 --> config.yaml:6:1
  |
6 | sever: {}
  | ^^^^^ expected `server`, `stateful`, `stateless`, `storage`, `week01`, `log`, `trace` or `limits`
  |
  = help: did you mean `server`?

error: wrong value for `stateful.persistence`: `tickets`
 --> config.yaml:8:16
  |
8 |   persistence: tickets
  |                ^^^^^^^ expected `ticket`, `memory`, `sqlite` or `redis`
  |
  = help: did you mean `ticket`?

error: wrong value for `stateful.max_sessions`: `-1`
 --> config.yaml:9:17
  |
9 |   max_sessions: -1
  |                 ^^ expected an integer from 1 to 1000000

error: key `stateful.max_sessions` appears twice
  --> config.yaml:10:3
   |
 9 |   max_sessions: -1
   |   ------------ first here
10 |   max_sessions: 5
   |   ^^^^^^^^^^^^ expected once

error: `storage.path` has no value
  --> config.yaml:12:3
   |
12 |   path:
   |   ^^^^ expected the path of a folder

error: wrong value for `log.level` in environment variable DFT_LOG_LEVEL: `loud`
 |
 = note: expected `error`, `warn`, `info`, `debug` or `trace`

error: environment variable DFT_LOG_LEVL belongs to no key
 |
 = note: expected `DFT_LOG_FORMAT` or `DFT_LOG_LEVEL`
 = help: did you mean DFT_LOG_LEVEL?

error: wrong value for `stateful.persistence` in environment variable DFT_STATEFUL_PERSISTENCE: `disk`
 |
 = note: expected `ticket`, `memory`, `sqlite` or `redis`

12 errors in the configuration";
    let report = refusal(&layers(Some(file), variables, &[]));
    assert_eq!(report, expected, "\n{report}\n");
}

#[test]
fn two_values_that_contradict_each_other_are_told_at_the_one_that_was_set() {
    let reason =
        "a client that lost its connection repeats all it had unanswered, and every repetition needs its kept reply";
    let file = refusal(&layers(Some("limits: {in_flight_max: 65}"), &[], &[]));
    let expected = format!(
        "\
error: `limits.in_flight_max` is 65, but `limits.receipts_per_session_max` is 64
 --> config.yaml:1:25
  |
1 | limits: {{in_flight_max: 65}}
  |                         ^^ expected at most 64
  |
  = note: {reason}"
    );
    assert_eq!(file, expected);
    let variable = refusal(&layers(None, &[("DFT_LIMITS_RECEIPTS_PER_SESSION_MAX", "31")], &[]));
    let expected = format!(
        "\
error: `limits.in_flight_max` is 32, but `limits.receipts_per_session_max` is 31
 |
 = note: expected at least 32 in DFT_LIMITS_RECEIPTS_PER_SESSION_MAX
 = note: {reason}"
    );
    assert_eq!(variable, expected);
    accepted("limits: {in_flight_max: 65, receipts_per_session_max: 65}");
    // Nobody knows what the other one was meant to be.
    assert_eq!(titles("limits: {in_flight_max: 65, receipts_per_session_max: many}").len(), 1);
}

#[test]
fn a_key_cannot_hold_a_session_that_nobody_remembers() {
    let file = refusal(&layers(Some("stateful: {persistence: ticket, exclusive: replace}"), &[], &[]));
    let expected = "\
error: `stateful.exclusive` is replace, but `stateful.persistence` is ticket
 --> config.yaml:1:44
  |
1 | stateful: {persistence: ticket, exclusive: replace}
  |                                            ^^^^^^^ expected none
  |
  = note: with tickets the clients carry their sessions, so the server knows of none that it could end";
    assert_eq!(file, expected);
    accepted("stateful: {persistence: ticket, exclusive: none}");
    accepted("stateful: {persistence: sqlite, exclusive: reject}");
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_whatever_it_is() {
    let found = ["text", "'1'", "1.5", "-1", "99999999999999999999999999999999999999999", "~", "[1]", "{a: 1}", "true"];
    for key in ["server.max_connections", "server.mode", "storage.path", "server.host"] {
        let (section, name) = key.split_once('.').unwrap();
        for value in found {
            let file = format!("{section}:\n  {name}: {value}\n");
            // A folder may be called like this, and so may a host.
            if matches!(key, "storage.path" | "server.host") && ["text", "'1'"].contains(&value) {
                continue;
            }
            let spelled = match value {
                "[1]" => "a list".to_owned(),
                "{a: 1}" => "a section".to_owned(),
                value => format!("`{value}`"),
            };
            assert_eq!(titles(&file), [format!("wrong value for `{key}`: {spelled}")]);
        }
    }
}

#[test]
fn a_number_is_taken_from_one_end_of_its_range_to_the_other_and_not_beyond() {
    for (value, fits) in
        [("0", false), ("1", true), ("31536000", true), ("31536001", false), ("", false), (" 1", false)]
    {
        let from_variable = resolve(&layers(None, &[("DFT_STATEFUL_SESSION_TIMEOUT", value)], &[]));
        assert_eq!(from_variable.is_ok(), fits, "{value:?}");
        let file = format!("stateful: {{session_timeout: {value}}}");
        assert_eq!(resolve(&layers(Some(&file), &[], &[])).is_ok(), fits || value == " 1", "{value:?}");
    }
}

#[test]
fn what_is_no_configuration_at_all_is_told_as_such() {
    let rows = [
        ("hello", "the file holds a single value and no sections"),
        ("- server", "the file holds a list and no sections"),
        ("server: 5", "section `server` holds `5`"),
        ("server: [port]", "section `server` holds a list"),
        ("server:\n\tport: 1", "the file cannot be read as YAML"),
        ("server: {port: 1", "the file cannot be read as YAML"),
        ("server: {port: !int 1}", "the file cannot be read as YAML"),
        ("server:\n  host: \"a", "the file cannot be read as YAML"),
        ("log: {}\nlog: {}", "section `log` appears twice"),
        ("port: 1", "unknown section `port`"),
        ("1: {}", "unknown section `1`"),
        ("server: {1: 1}", "unknown key `server.1`"),
    ];
    for (file, title) in rows {
        assert_eq!(titles(file), [title], "{file:?}");
    }
    let expected = "\
error: the file cannot be read as YAML
 --> config.yaml:2:1
  |
2 |     port: 1
  | ^ found character that cannot start any token
  |
  = help: YAML indents with spaces, not with tabs";
    assert_eq!(refusal(&layers(Some("server:\n\tport: 1\n"), &[], &[])), expected);
}

#[test]
fn a_slip_is_answered_with_what_may_have_been_meant() {
    let rows = [
        ("server: {max-connections: 1}", "did you mean `server.max_connections`?"),
        ("stateful: {max_request_size: 1}", "did you mean `stateless.max_request_size`?"),
        ("limits: {headr_timeout_ms: 1}", "did you mean `limits.header_timeout_ms`?"),
        ("statefull: {}", "did you mean `stateful`?"),
        ("port: 1", "`port` is a key of section `server`"),
        ("server.port: 1", "`port` is a key of section `server`"),
        ("server: {mode: Dual}", "did you mean `dual`?"),
        ("server: {host: 'localhost:80'}", "the port has a key of its own, `server.port`"),
        ("server: {host: '[::1]'}", "write it without the brackets"),
        ("server: {host: 5}", "if it is meant as text, put it in quotes"),
        ("storage: {path: ~/files}", "`~` is not expanded here; write the path out"),
    ];
    for (file, help) in rows {
        let report = refusal(&layers(Some(file), &[], &[]));
        assert_eq!(report.split_once("= help: ").map(|(_, help)| help), Some(help), "{report}");
    }
    assert!(!refusal(&layers(Some("server: {banana: 1}"), &[], &[])).contains("help"));
}

#[test]
fn a_file_that_cannot_be_read_is_reported_beside_what_else_is_wrong() {
    let unreadable = |content| Layers {
        file: Some(ConfigFile { path: "lab.yaml".into(), content }),
        ..layers(None, &[("DFT_SERVER_PORT", "x")], &[])
    };
    let missing = refusal(&unreadable(Err(io::ErrorKind::NotFound.into())));
    assert!(
        missing.starts_with("error: the configuration file lab.yaml cannot be read: entity not found\n"),
        "{missing}"
    );
    let latin = refusal(&unreadable(Ok(b"server:\n  host: m\xfcller\n".to_vec())));
    assert!(latin.starts_with("error: the file is not UTF-8\n --> lab.yaml:2:10\n"), "{latin}");
    for report in [missing, latin] {
        assert!(report.ends_with("2 errors in the configuration"), "{report}");
    }
}

#[test]
fn a_flood_of_mistakes_is_counted_and_not_printed() {
    let file = (0..1_000).map(|index| format!("nonsense{index}: 1\n")).collect::<Vec<_>>().concat();
    let report = refusal(&layers(Some(&file), &[], &[]));
    assert_eq!(report.matches("error: ").count(), 100);
    assert!(report.ends_with("and 900 more\n\n1000 errors in the configuration"));
}

#[test]
fn a_long_value_does_not_flood_the_title() {
    let [title] = titles(&format!("server: {{mode: {}}}", "x".repeat(1_000))).try_into().unwrap();
    assert_eq!(title.chars().count(), "wrong value for `server.mode`: ``".len() + 61);
}

#[test]
fn a_report_in_colours_says_the_same() {
    let errors = resolve(&layers(Some("server: {port: x}"), &[], &[])).unwrap_err();
    let styled = errors.styled();
    assert!(styled.contains('\u{1b}') && styled.contains("expected an integer from 0 to 65535"), "{styled}");
    assert!(!errors.to_string().contains('\u{1b}'));
}

#[test]
fn a_damaged_file_is_taken_or_refused_and_never_stops_the_program() {
    let file =
        "server: {port: 1, \"host\": 'ü'}\nlimits: &a\n  in_flight_max: 65 # ü\nlog: *a\nweek01:\n  - x\n  - |\n   y\n";
    let mut refused = 0;
    for (cut, _) in file.char_indices() {
        for damage in [
            "", " ", "\n", "\t", "\0", "\r", "[", "}", ":", "'", "\"", "*a", "!x ", "? ", "---\n", "\u{2028}",
            "\u{feff}",
        ] {
            for rest in [&file[cut..], ""] {
                let damaged = format!("{}{damage}{rest}", &file[..cut]);
                if let Err(errors) = resolve(&layers(Some(&damaged), &[], &[])) {
                    assert!(errors.to_string().starts_with("error: "), "{damaged:?}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 1_000);
}

/// Wherever it was written wrong, a password stays where it was written.
#[test]
fn a_wrong_address_of_redis_is_told_without_its_password() {
    let file = "stateful:\n  redis_url: redi://user:geheim@files.example.org\n";
    let variables = &[("DFT_STATEFUL_REDIS_URL", "http://:geheim@files.example.org")];
    let report = refusal(&layers(Some(file), variables, &[]));
    assert!(!report.contains("geheim"), "{report}");
    assert!(report.contains("redi://..@files.example.org") && report.contains("http://..@files.example.org"));
    assert!(report.contains("rediss:// for TLS"), "{report}");

    let file = "stateful:\n  redis_url: redis://user:geheim@files.example.org\n";
    let effective = resolve(&layers(Some(file), &[], &[])).unwrap();
    assert!(!format!("{effective} {effective:?}").contains("geheim"));
    assert!(effective.config.redis_url.secret().contains("geheim"));
}
