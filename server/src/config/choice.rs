//! The settings that are a word out of a few. One row per word: variant, spelling, documentation.

/// Writes an enum and its spellings from one row per word.
macro_rules! choices {
    ($(#[$about:meta])* $name:ident { $($(#[$word_about:meta])* $word:ident = $spelling:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum $name { $($(#[$word_about])* $word,)+ }

        impl $name {
            /// Every word there is, in the order the documentation lists them.
            pub const ALL: &'static [Self] = &[$(Self::$word,)+];

            /// The spelling in the configuration.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$word => $spelling,)+ }
            }

            /// Reads the spelling of the configuration; anything else is `None`.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|choice| choice.as_str() == word)
            }
        }
    };
}

choices! {
    /// Which of the two modes a server offers.
    ServerMode {
        /// Requests without a session only.
        Stateless = "stateless",
        /// Requests of a session only.
        Stateful = "stateful",
        /// Both, over one port.
        Dual = "dual",
    }
}

impl ServerMode {
    /// Whether a request of this mode is served.
    #[must_use]
    pub fn offers(self, mode: shared::wire::Mode) -> bool {
        match (self, mode) {
            (Self::Dual, _)
            | (Self::Stateless, shared::wire::Mode::Stateless)
            | (Self::Stateful, shared::wire::Mode::Stateful) => true,
            (Self::Stateless, shared::wire::Mode::Stateful) | (Self::Stateful, shared::wire::Mode::Stateless) => false,
        }
    }
}

choices! {
    /// How stored files are named (PROTOCOL.md section 10).
    Naming {
        /// Every file lies in the storage folder itself.
        Simple = "simple",
        /// A session has a folder of its own.
        SessionAware = "session_aware",
    }
}

choices! {
    /// Where sessions are remembered.
    Persistence {
        /// With the client, sealed; the server holds only what has a connection.
        Ticket = "ticket",
        /// In this process; a restart forgets them.
        Memory = "memory",
        /// In a database file; they survive a restart.
        Sqlite = "sqlite",
        /// In a Redis server, for several servers of ours.
        Redis = "redis",
    }
}

choices! {
    /// What a second session of the same access key means.
    Exclusive {
        /// Nothing.
        None = "none",
        /// It is refused while the first one lives.
        Reject = "reject",
        /// The first one ends.
        Replace = "replace",
    }
}

choices! {
    /// When a Week 01 client, which never reads, is written to.
    Week01Ack {
        /// After its end of file or a second of silence.
        Deferred = "deferred",
        /// Never.
        Silent = "silent",
        /// After each file. Can destroy files that are still on their way; for the lab that shows it.
        Immediate = "immediate",
    }
}

choices! {
    /// The shape of a log line.
    LogFormat {
        /// A line to read.
        Human = "human",
        /// One JSON object a line.
        Json = "json",
    }
}

choices! {
    /// The least important message that is still logged.
    LogLevel {
        /// What went wrong.
        Error = "error",
        /// What may go wrong.
        Warn = "warn",
        /// Start, stop, sessions and files.
        Info = "info",
        /// Every frame.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

impl LogLevel {
    /// The level that says `steps` more; [`LogLevel::Trace`] has none above it.
    #[must_use]
    pub fn raised(self, steps: u8) -> Self {
        (0..steps).fold(self, |level, _| match level {
            Self::Error => Self::Warn,
            Self::Warn => Self::Info,
            Self::Info => Self::Debug,
            Self::Debug | Self::Trace => Self::Trace,
        })
    }
}

#[cfg(test)]
mod tests {
    use shared::wire::Mode;

    use super::*;

    #[test]
    fn a_server_offers_the_modes_its_name_says() {
        let rows = [
            (ServerMode::Stateless, [true, false]),
            (ServerMode::Stateful, [false, true]),
            (ServerMode::Dual, [true, true]),
        ];
        for (server, expected) in rows {
            assert_eq!(Mode::ALL.map(|mode| server.offers(mode)), expected, "{}", server.as_str());
        }
    }

    #[test]
    fn each_v_raises_the_level_by_one_step_up_to_trace() {
        let levels: Vec<_> = (0..5).map(|steps| LogLevel::Warn.raised(steps).as_str()).collect();
        assert_eq!(levels, ["warn", "info", "debug", "trace", "trace"]);
    }
}
