//! The address of a Redis server. It may hold a password, so it shows itself without.

use std::fmt;

/// A `redis://` or `rediss://` address.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl RedisUrl {
    /// Reads an address; `None` for one that Redis clients do not understand.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let known = text.starts_with("redis://") || text.starts_with("rediss://");
        (known && redis::parse_redis_url(text).is_some_and(|url| url.has_host())).then(|| Self(text.to_owned()))
    }

    /// The address with its password, for whoever connects.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl Default for RedisUrl {
    fn default() -> Self {
        Self("redis://127.0.0.1:6379/0".to_owned())
    }
}

/// The address, with dots where the password was.
impl fmt::Display for RedisUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&masked(&self.0))
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "RedisUrl({self})")
    }
}

/// A text that was meant as an address, right or wrong, without what may be a password in it: whatever stands before
/// the last `@`, and after a `?`.
#[must_use]
pub(super) fn masked(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, _)| (rest, "?.."));
    let joint = if scheme.is_empty() { "" } else { "://" };
    match rest.rsplit_once('@') {
        Some((_, place)) => format!("{scheme}{joint}..@{place}{query}"),
        None => format!("{scheme}{joint}{rest}{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_redis_clients_know() {
        for good in [
            "redis://127.0.0.1:6379/0",
            "redis://localhost",
            "rediss://user:secret@files.example.org:6380/1",
            "redis://:secret@[::1]",
        ] {
            assert!(RedisUrl::parse(good).is_some(), "{good}");
        }
        for bad in ["", "redis", "redis://", "redis:///", "http://localhost", "unix:///tmp/redis", "redis://a b"] {
            assert!(RedisUrl::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for (text, shown) in [
            ("redis://user:secret@host:1/2", "redis://..@host:1/2"),
            ("rediss://:sec@ret@host", "rediss://..@host"),
            ("redis://host?password=secret", "redis://host?.."),
            ("redi://user:secret@host", "redi://..@host"),
            ("user:secret@host", "..@host"),
            ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ] {
            assert_eq!(masked(text), shown);
        }
        let url = RedisUrl::parse("redis://user:secret@host/1").unwrap();
        assert!(!format!("{url} {url:?} {url:#?}").contains("secret"));
        assert!(url.secret().contains("secret"));
    }
}
