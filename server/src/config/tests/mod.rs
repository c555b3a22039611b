//! Which layer wins, and what a configuration that is right becomes.

mod mistakes;

use super::*;

fn layers(file: Option<&str>, variables: &[(&str, &str)], flags: &[(&'static str, &'static str, &str)]) -> Layers {
    let content = |text: &str| Ok(text.as_bytes().to_vec());
    Layers {
        file: file.map(|text| ConfigFile { path: "config.yaml".into(), content: content(text) }),
        variables: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        flags: flags.iter().map(|&(name, key, value)| Flag { name, key, value: value.into() }).collect(),
        verbosity: 0,
    }
}

fn accepted(file: &str) -> Config {
    resolve(&layers(Some(file), &[], &[])).unwrap_or_else(|errors| panic!("{errors}")).config
}

#[test]
fn flags_win_over_the_environment_this_over_the_file_this_over_the_defaults() {
    let file = Some("server: {port: 1, host: file}\nstateless: {request_timeout: 9}\n");
    let variables = &[("DFT_SERVER_PORT", "2"), ("DFT_SERVER_HOST", "variable"), ("PATH", "/bin")];
    let flags = &[("--port", "server.port", "3")];
    let rows: [(Option<&str>, &[_], &[_], _); 4] = [
        (None, &[], &[], (65_432, "127.0.0.1", 30_000, "default")),
        (file, &[], &[], (1, "file", 9_000, "config.yaml:1")),
        (file, variables, &[], (2, "variable", 9_000, "environment variable DFT_SERVER_PORT")),
        (file, variables, flags, (3, "variable", 9_000, "flag --port")),
    ];
    for (file, variables, flags, expected) in rows {
        let effective = resolve(&layers(file, variables, flags)).unwrap();
        let Config { port, host, limits, .. } = &effective.config;
        let shown = effective.to_string();
        let source = shown.lines().find(|line| line.starts_with("  port: ")).unwrap().split_once("# ").unwrap().1;
        assert_eq!((*port, host.as_str(), limits.request_timeout_ms, source), expected);
    }
}

#[test]
fn v_raises_the_level_from_wherever_it_was() {
    for (file, verbosity, expected) in
        [("", 0, LogLevel::Info), ("", 1, LogLevel::Debug), ("log: {level: error}", 2, LogLevel::Info)]
    {
        let effective = resolve(&Layers { verbosity, ..layers(Some(file), &[], &[]) }).unwrap();
        assert_eq!(effective.config.log.level, expected);
        assert_eq!(effective.to_string().contains("# flag -v\n"), verbosity > 0);
    }
}

#[test]
fn the_plans_own_file_is_accepted() {
    let config = accepted(
        r#"
server:
  host: "127.0.0.1"
  port: 65432
  mode: "dual"  # stateless, stateful, or dual
  max_connections: 100

stateful:
  session_timeout: 300  # seconds
  max_sessions: 50
  persistence: "memory"  # memory, sqlite, redis

stateless:
  request_timeout: 30
  max_request_size: 10485760  # 10MB

storage:
  path: "./storage"
  naming: "session_aware"  # simple, session_aware
"#,
    );
    let limits = Limits { connections_max: 100, sessions_max: 50, ..Limits::default() };
    assert_eq!(config, Config { limits, ..Config::default() });
}

#[test]
fn a_file_that_sets_nothing_leaves_the_defaults() {
    for file in ["", "\n\n", "# only words\n", "---\n", "server:\n", "server: {}\nlimits: ~\n", "\u{feff}log:\n"] {
        assert_eq!(accepted(file), Config::default(), "{file:?}");
    }
}

#[test]
fn what_check_config_prints_is_the_same_configuration_again() {
    let file = "server: {host: '::1', mode: stateless}\nstorage: {path: \"a \\\"b\\\" # c: ü\"}\nlog: {level: warn}";
    let effective = resolve(&layers(Some(file), &[("DFT_LIMITS_TOMBSTONE_MS", "0")], &[])).unwrap();
    assert_ne!(effective.config, Config::default());
    assert_eq!(accepted(&effective.to_string()), effective.config);
}
