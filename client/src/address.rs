//! Where a server listens: a host and a port. Resolves nothing.

use std::fmt;
use std::str::FromStr;

/// The port a server takes unless it is told otherwise.
const PORT: u16 = 65432;

/// `HOST:PORT`, `HOST`, `[IPV6]:PORT` or `[IPV6]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// The name or number to connect to, without brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Default for Address {
    fn default() -> Self {
        Self { host: "127.0.0.1".to_owned(), port: PORT }
    }
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected HOST:PORT, HOST or [IPV6]:PORT";
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(expected)?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| expected)?;
                let port = if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(expected)?) };
                (host, port)
            }
            // Without brackets nobody can tell where an IPv6 address ends and a port begins.
            None if text.matches(':').count() > 1 => return Err(expected),
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let port = match port {
            None => PORT,
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or("expected a port from 1 to 65535")?,
        };
        if host.is_empty() || host.chars().any(|c| c.is_control() || c.is_whitespace() || c == '/') {
            return Err(expected);
        }
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(out, "[{}]:{}", self.host, self.port)
        } else {
            write!(out, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_perhaps_a_port() {
        for (text, shown) in [
            ("localhost", "localhost:65432"),
            ("Example.org:80", "example.org:80"),
            ("[::1]:7", "[::1]:7"),
            ("[::1]", "[::1]:65432"),
        ] {
            assert_eq!(text.parse::<Address>().map(|address| address.to_string()), Ok(shown.to_owned()));
        }
        for wrong in ["", ":1", "a:", "a:0", "a:65536", "::1", "[::1", "[x]:1", "[::1]7", "a b", "http://a"] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }
}
