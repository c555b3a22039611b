//! The table of keys: every setting once, in the order of `config.example.yaml`. Files, variables, the
//! output of `check-config` and the example are read from it.

use shared::congestion::Congestion;
use shared::wire::Ack;

use super::choice::{Exclusive, LogFormat, LogLevel, Naming, Persistence, ServerMode, Week01Ack};
use super::key::{Key, Kind};

/// An integer; `in` says how many of the field's units one unit of the key is.
macro_rules! count {
    ($section:literal . $name:literal = $($field:ident).+ $(in $scale:literal)?, $unit:literal,
     $min:literal ..= $max:expr, $about:literal) => {
        Key {
            section: $section,
            name: $name,
            kind: Kind::Count {
                unit: $unit,
                min: $min,
                max: $max,
                get: |config| config.$($field).+.to_u64() $(/ $scale)?,
                set: |config, number| config.$($field).+ = Whole::from_u64(number $(* $scale)?),
            },
            about: $about,
        }
    };
}

/// A word out of those of an enum.
macro_rules! choice {
    ($section:literal . $name:literal = $($field:ident).+ : $words:ident :: $read:ident,
     later $later:expr, $about:literal) => {
        Key {
            section: $section,
            name: $name,
            kind: Kind::Choice {
                words: || $words::ALL.iter().map(|word| word.as_str()).collect(),
                later: &$later,
                get: |config| config.$($field).+.as_str(),
                set: |config, word| $words::$read(word).map(|word| config.$($field).+ = word).is_some(),
            },
            about: $about,
        }
    };
}

const COUNT: u64 = 1_000_000;
const DAY_S: u64 = 86_400;
const DAY_MS: u64 = DAY_S * 1_000;
const YEAR_S: u64 = 365 * DAY_S;
const YEAR_MS: u64 = 365 * DAY_MS;
const GIB: u64 = 1024 * 1024 * 1024;
/// The largest integer on the wire (PROTOCOL.md section 2).
const WIRE: u64 = (1 << 53) - 1;

/// Every key; the keys of a section stand together.
#[rustfmt::skip]
pub(crate) static TABLE: &[Key] = &[
    Key {
        section: "server",
        name: "host",
        kind: Kind::Host { get: |config| &config.host, set: |config, host| config.host = host },
        about: "The address to listen on. 127.0.0.1 is this machine only, 0.0.0.0 is every network it is in.",
    },
    count!("server"."port" = port, "", 0..=65_535, "The port to listen on. 0 takes a free one; the first line of output names it."),
    choice!("server"."mode" = mode: ServerMode::from_word, later [], "Which requests are served: those without a session, those of a session, or both."),
    count!("server"."max_connections" = limits.connections_max, "", 1..=COUNT, "Connections at once, in all."),
    choice!("server"."ack" = ack: Ack::from_wire, later [], "What a stored file survives when the client asks for nothing: a crash of the server (written) or a power cut (durable)."),
    choice!("server"."congestion" = congestion: Congestion::from_word, later [], "How fast a file is sent to a client: by CUBIC in the own network and as the system does beyond (auto), always as the system does, or always by one of these. Linux only."),

    count!("stateful"."session_timeout" = limits.session_timeout_ms in 1_000, "seconds", 1..=YEAR_S, "Silence after which a session is expired."),
    count!("stateful"."max_sessions" = limits.sessions_max, "", 1..=COUNT, "Live sessions at once, in all."),
    choice!("stateful"."persistence" = persistence: Persistence::from_word, later [], "Where sessions are remembered: in sealed tickets that clients carry, in this process, in a file, or in a Redis server that several servers share. In memory, a restart forgets them."),
    choice!("stateful"."exclusive" = exclusive: Exclusive::from_word, later [], "Whether an access key may hold one session only: nobody asks (none), a second one is refused (reject), or it ends the first (replace). The last two want a key from every client."),
    Key {
        section: "stateful",
        name: "ticket_key_file",
        kind: Kind::File { get: |config| &config.ticket_key_file, set: |config, file| config.ticket_key_file = file },
        about: "The keys of `persistence: ticket`, one a line as 64 hex digits; the first seals, all open. Nobody but the file's owner may read it. Nothing means a key made at the start: then tickets end with the server.",
    },
    Key {
        section: "stateful",
        name: "sqlite_path",
        kind: Kind::File { get: |config| &config.sqlite_path, set: |config, file| config.sqlite_path = file },
        about: "The database of `persistence: sqlite`. Nothing means `.sessions/sessions.db` in the storage folder.",
    },
    Key {
        section: "stateful",
        name: "redis_url",
        kind: Kind::Redis { get: |config| &config.redis_url, set: |config, url| config.redis_url = url },
        about: "The server of `persistence: redis`. A password in it is never shown; give it in the variable rather than in this file.",
    },

    count!("stateless"."request_timeout" = limits.request_timeout_ms in 1_000, "seconds", 1..=DAY_S, "Wait for the first byte of a request on a connection without a session."),
    count!("stateless"."max_request_size" = limits.stateless_request_bytes_max, "bytes", 1..=WIRE, "The largest stateless upload."),

    Key {
        section: "storage",
        name: "path",
        kind: Kind::Folder { get: |config| &config.storage, set: |config, folder| config.storage = folder },
        about: "Where files are stored. A relative path begins at the folder the server is started in.",
    },
    choice!("storage"."naming" = naming: Naming::from_word, later [], "Whether a session has a folder of its own (session_aware) or all files lie side by side (simple)."),

    choice!("week01"."ack" = week01_ack: Week01Ack::from_word, later [], "When a Week 01 client, which never reads, is answered. `immediate` can destroy files on their way and is for the lab that shows it."),

    choice!("log"."format" = log.format: LogFormat::from_word, later [], "Lines to read, or one JSON object a line."),
    choice!("log"."level" = log.level: LogLevel::from_word, later [], "The least important message that is still logged. Each -v adds one step."),

    Key {
        section: "trace",
        name: "file",
        kind: Kind::File { get: |config| &config.trace_file, set: |config, file| config.trace_file = file },
        about: "Where everything that connections carry is written, as pcapng for Wireshark: files and secrets too, so nobody but the server's user may read it. A file that is there is replaced. Nothing means no trace.",
    },
    count!("trace"."bytes_max" = trace_bytes_max, "bytes", 65_536..=1024 * GIB, "The longest trace. What comes later is counted and not written."),

    count!("limits"."header_bytes_max" = limits.header_bytes_max, "bytes", 1_024..=1_048_576, "The longest header line, replies and trailers too. A line is held in memory whole."),
    count!("limits"."header_timeout_ms" = limits.header_timeout_ms, "milliseconds", 1..=DAY_MS, "From a header's first byte to its end."),
    count!("limits"."heartbeats_missed_max" = limits.heartbeats_missed_max, "", 1..=1_000, "Heartbeats missed in a row before a connection with a session is closed. The session lives on."),
    count!("limits"."heartbeat_interval_ms" = limits.heartbeat_interval_ms, "milliseconds", 1..=DAY_MS, "How often a quiet client with a session should speak."),
    count!("limits"."progress_bytes_per_s_min" = limits.progress_bytes_per_s_min, "bytes per second", 1..=GIB, "The slowest payload, and the slowest reader of a reply, that is waited for."),
    count!("limits"."progress_window_ms" = limits.progress_window_ms, "milliseconds", 1..=DAY_MS, "The time over which that speed is judged."),
    count!("limits"."drop_bytes_max" = limits.drop_bytes_max, "bytes", 0..=WIRE, "Payload read and dropped after a refusal, so that the connection can go on."),
    count!("limits"."closing_drop_bytes_max" = limits.closing_drop_bytes_max, "bytes", 0..=WIRE, "Bytes dropped after the last reply, so that the client can read it before the close."),
    count!("limits"."closing_drop_timeout_ms" = limits.closing_drop_timeout_ms, "milliseconds", 0..=DAY_MS, "Time for the same."),
    count!("limits"."connections_per_address_max" = limits.connections_per_address_max, "", 1..=COUNT, "Connections at once from one address. Loopback is exempt while this is the default."),
    count!("limits"."connections_per_address_per_s" = limits.connections_per_address_per_s, "per second", 1..=COUNT, "New connections from one address. Loopback is exempt while this is the default."),
    count!("limits"."connections_per_address_burst" = limits.connections_per_address_burst, "", 1..=COUNT, "Connections one address may open at once after a quiet time."),
    count!("limits"."sessions_per_address_max" = limits.sessions_per_address_max, "", 1..=COUNT, "Live sessions at once of one address. Loopback is exempt while this is the default."),
    count!("limits"."sessions_per_address_per_s" = limits.sessions_per_address_per_s, "per second", 1..=COUNT, "New sessions from one address. Loopback is exempt while this is the default."),
    count!("limits"."sessions_per_address_burst" = limits.sessions_per_address_burst, "", 1..=COUNT, "Sessions one address may open at once after a quiet time."),
    count!("limits"."wrong_tokens_per_min" = limits.wrong_tokens_per_min, "per minute", 1..=COUNT, "Wrong tokens from one address; after that comes a pause. Loopback is exempt while this is the default."),
    count!("limits"."wrong_token_pause_max_ms" = limits.wrong_token_pause_max_ms, "milliseconds", 1_000..=DAY_MS, "The longest pause after wrong tokens; each is twice the one before."),
    count!("limits"."pending_timeout_ms" = limits.pending_timeout_ms, "milliseconds", 1..=YEAR_MS, "Silence after which a session that never stored anything is expired."),
    count!("limits"."tombstone_ms" = limits.tombstone_ms, "milliseconds", 0..=YEAR_MS, "How long the reason of a session's end is remembered."),
    count!("limits"."week01_request_bytes_max" = limits.week01_request_bytes_max, "bytes", 1..=WIRE, "The largest Week 01 upload. Such a client hears no refusal, so this is generous."),
    count!("limits"."stateful_request_bytes_max" = limits.stateful_request_bytes_max, "bytes", 1..=WIRE, "The largest stateful upload."),
    count!("limits"."receipts_per_session_max" = limits.receipts_per_session_max, "", 1..=COUNT, "Replies kept for each session, for requests that are repeated."),
    count!("limits"."in_flight_max" = limits.in_flight_max, "", 1..=COUNT, "Frames a client should have unanswered at most, as `hello` tells it; the server reads one at a time."),
    count!("limits"."buffer_bytes_max" = limits.buffer_bytes_max, "bytes", 65_536..=1024 * GIB, "All payload buffers together; then the server reads no further."),
    count!("limits"."list_entries_max" = limits.list_entries_max, "", 1..=COUNT, "Entries of one answer to `list`."),
    count!("limits"."part_kept_ms" = limits.part_kept_ms, "milliseconds", 0..=YEAR_MS, "How long a part of a cut upload waits for its rest. Parts of sessions wait at least as long as a session may be silent."),
    count!("limits"."parts_bytes_max" = limits.parts_bytes_max, "bytes", 0..=WIRE, "What the parts of cut uploads may hold together; each counts as at least 1 MiB. The longest untouched goes first."),
    count!("limits"."drain_timeout_ms" = limits.drain_timeout_ms, "milliseconds", 0..=DAY_MS, "Time for requests under way when the server is told to stop."),
];

/// Pairs of which the first may not exceed the second, and why.
pub(crate) static ORDERED: &[(&str, &str, &str)] = &[(
    "limits.in_flight_max",
    "limits.receipts_per_session_max",
    "a client that lost its connection repeats all it had unanswered, and every repetition needs its kept reply",
)];

/// The key called `section.name`.
pub(crate) fn key(section: &str, name: &str) -> Option<&'static Key> {
    TABLE.iter().find(|key| key.section == section && key.name == name)
}

/// Every section, in order.
pub(crate) fn sections() -> Vec<&'static str> {
    let mut sections: Vec<_> = TABLE.iter().map(|key| key.section).collect();
    sections.dedup();
    sections
}

/// The integers of `Config`. A value beyond a narrow one is out of its key's range, so nothing is lost.
trait Whole: Copy {
    fn to_u64(self) -> u64;
    fn from_u64(number: u64) -> Self;
}

macro_rules! whole {
    ($($kind:ty)+) => { $(impl Whole for $kind {
        fn to_u64(self) -> u64 {
            self.try_into().unwrap_or(u64::MAX)
        }
        fn from_u64(number: u64) -> Self {
            number.try_into().unwrap_or(Self::MAX)
        }
    })+ };
}

whole!(u16 usize);

impl Whole for u64 {
    fn to_u64(self) -> u64 {
        self
    }
    fn from_u64(number: u64) -> Self {
        number
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::Config;
    use super::*;

    #[test]
    fn every_limit_has_a_key_that_moves_it_and_nothing_else() {
        let default = format!("{:#?}", Config::default());
        let mut moved = BTreeSet::new();
        for key in TABLE {
            let mut config = Config::default();
            match &key.kind {
                Kind::Count { get, set, .. } => set(&mut config, get(&Config::default()) + 1),
                Kind::Host { set, .. } => set(&mut config, "elsewhere".into()),
                Kind::Folder { set, .. } => set(&mut config, "elsewhere".into()),
                Kind::File { set, .. } => set(&mut config, "elsewhere".into()),
                Kind::Redis { set, .. } => {
                    set(&mut config, super::super::RedisUrl::parse("redis://elsewhere").unwrap());
                }
                // A setting of one word cannot be moved.
                Kind::Choice { words, get, set, .. } => {
                    let Some(word) = words().into_iter().find(|word| *word != get(&config)) else { continue };
                    assert!(set(&mut config, word));
                }
            }
            let now = format!("{config:#?}");
            let differing: Vec<_> = default.lines().zip(now.lines()).enumerate().filter(|(_, (a, b))| a != b).collect();
            assert_eq!(differing.len(), 1, "{}", key.path());
            assert!(moved.insert(differing[0].0), "{} moves what another key moves", key.path());
        }
        let limits = format!("{:#?}", Config::default().limits).lines().count() - 2;
        let others = [
            "host",
            "port",
            "mode",
            "ack",
            "congestion",
            "persistence",
            "exclusive",
            "ticket_key_file",
            "sqlite_path",
            "redis_url",
            "path",
            "naming",
            "week01",
            "format",
            "level",
            "trace file",
            "trace bytes_max",
        ];
        let keys = moved.len() - others.len();
        assert_eq!(keys, limits, "a field of Limits has no key");
    }

    #[test]
    fn a_key_and_its_variable_have_one_name_and_one_place() {
        let paths: BTreeSet<_> = TABLE.iter().map(Key::path).collect();
        let variables: BTreeSet<_> = TABLE.iter().map(Key::variable).collect();
        assert_eq!([paths.len(), variables.len()], [TABLE.len(); 2]);
        let distinct: BTreeSet<_> = sections().into_iter().collect();
        assert_eq!(distinct.len(), sections().len(), "a section stands in two places");
    }

    #[test]
    fn a_limit_is_called_as_in_the_code_and_ends_in_its_unit() {
        let default = format!("{:?}", Config::default().limits);
        for key in TABLE.iter().filter(|key| key.section == "limits") {
            assert!(default.contains(&format!(" {}: ", key.name)), "{}", key.name);
            let Kind::Count { unit, .. } = key.kind else { panic!("{} is no integer", key.name) };
            let says = match unit {
                "bytes" => "_bytes_max",
                "milliseconds" => "_ms",
                "bytes per second" => "_bytes_per_s_min",
                "per second" => "_per_s",
                _ => "",
            };
            assert!(key.name.ends_with(says), "{} is in {unit}", key.name);
        }
    }

    #[test]
    fn every_default_is_in_range() {
        for key in TABLE {
            if let Kind::Count { min, max, get, .. } = key.kind {
                assert!((min..=max).contains(&get(&Config::default())), "{}", key.path());
            }
        }
    }

    #[test]
    fn a_pair_that_must_be_in_order_consists_of_numbers() {
        for (small, large, _) in ORDERED {
            for path in [small, large] {
                let (section, name) = path.split_once('.').unwrap();
                assert!(matches!(key(section, name).unwrap().kind, Kind::Count { .. }), "{path}");
            }
        }
    }
}
