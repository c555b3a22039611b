//! The text of `config.example.yaml`: every key with its meaning, what is expected, and its default.

use super::Config;
use super::key::Key;
use super::table::TABLE;

const HEAD: &str = "\
# Every setting of the server, each with its default. Copy this file to config.yaml, keep the lines you
# change, and ask `server check-config` what is in force.
#
# Flags win over environment variables, these over this file, this file over the defaults.
# A key's variable is DFT_, the section and the key in capitals, joined by _: server.port is DFT_SERVER_PORT.
";

/// Every key of the configuration, documented and set to its default.
#[must_use]
pub fn example() -> String {
    let config = Config::default();
    let mut parts = vec![HEAD.to_owned()];
    let mut section = "";
    for key in TABLE {
        parts.push("\n".to_owned());
        if key.section != section {
            section = key.section;
            parts.push(format!("{section}:\n"));
        }
        let default = key.shown(&config);
        let readable = key.number(&config).and_then(|number| readable(key, number));
        let readable = readable.map_or(String::new(), |words| format!(" = {words}"));
        parts.push(wrapped(key.about));
        parts.push(wrapped(&format!("Expects {}. Default: {default}{readable}.", key.expected())));
        parts.push(format!("  {}: {default}\n", key.name));
    }
    parts.concat()
}

/// Comment lines, no longer than the lines of the code.
fn wrapped(sentence: &str) -> String {
    const CHARS_MAX: usize = 110;
    let mut lines = String::new();
    let mut line = "  #".to_owned();
    for word in sentence.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > CHARS_MAX {
            lines += &line;
            lines += "\n";
            "  #".clone_into(&mut line);
        }
        line += " ";
        line += word;
    }
    lines + &line + "\n"
}

/// A number in the unit one would say it in, if that is another than the key's.
fn readable(key: &Key, number: u64) -> Option<String> {
    const BYTES: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    const TIMES: [(u64, &str); 3] = [(3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    let (units, per_own) = match key.unit() {
        "bytes" => (BYTES, 1),
        "milliseconds" => (TIMES, 1),
        "seconds" => (TIMES, 1_000),
        _ => return None,
    };
    let number = number.checked_mul(per_own)?;
    let (size, name) = units.into_iter().find(|(size, _)| number >= *size && number.is_multiple_of(*size))?;
    (size != per_own).then(|| format!("{} {name}", number / size))
}

#[cfg(test)]
mod tests {
    use super::super::{ConfigFile, Layers, resolve};
    use super::*;

    const EXAMPLE: &str = include_str!("../../../config.example.yaml");

    #[test]
    fn the_example_at_the_top_is_the_one_the_table_gives() {
        assert_eq!(EXAMPLE, example(), "config.example.yaml differs from the table; it should be:\n{}", example());
    }

    #[test]
    fn the_example_is_the_default_configuration() {
        let content = Ok(EXAMPLE.as_bytes().to_vec());
        let file = Some(ConfigFile { path: "config.example.yaml".into(), content });
        let effective = resolve(&Layers { file, ..Layers::default() }).unwrap();
        assert_eq!(effective.config, Config::default());
        // Had a key been missing, its value would have come from elsewhere.
        assert_eq!(effective.to_string().matches("# config.example.yaml:").count(), TABLE.len());
    }

    #[test]
    fn every_key_stands_in_the_example_once() {
        for section in super::super::table::sections() {
            assert_eq!(EXAMPLE.lines().filter(|line| *line == format!("{section}:")).count(), 1, "{section}");
        }
        let keys = EXAMPLE.lines().filter(|line| line.starts_with("  ") && !line.starts_with("  #")).count();
        assert_eq!(keys, TABLE.len());
    }

    #[test]
    fn the_plans_keys_come_first_and_keep_their_names() {
        let plan = [
            ("server", &["host", "port", "mode", "max_connections"][..]),
            ("stateful", &["session_timeout", "max_sessions", "persistence"]),
            ("stateless", &["request_timeout", "max_request_size"]),
            ("storage", &["path", "naming"]),
        ];
        let sections = super::super::table::sections();
        for (place, (section, names)) in plan.into_iter().enumerate() {
            assert_eq!(sections[place], section);
            let keys: Vec<_> = TABLE.iter().filter(|key| key.section == section).map(|key| key.name).collect();
            assert!(keys.starts_with(names), "{section}");
        }
    }
}
