//! Which congestion control a connection sends with. Decides by the address; setting it is for whoever has the socket.

use std::net::IpAddr;

/// What was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Congestion {
    /// CUBIC towards this machine and its own network, because the pacing of others costs half of the speed there; the
    /// system's own beyond.
    #[default]
    Auto,
    /// What the system uses for everybody.
    System,
    /// CUBIC (RFC 9438).
    Cubic,
    /// BBR, where the system has it.
    Bbr,
}

impl Congestion {
    /// Every choice, the default first.
    pub const ALL: [Self; 4] = [Self::Auto, Self::System, Self::Cubic, Self::Bbr];

    /// The word in a configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::System => "system",
            Self::Cubic => "cubic",
            Self::Bbr => "bbr",
        }
    }

    /// Reads such a word; anything else is `None`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == word)
    }

    /// The name that the system is to be asked for on a connection to `peer`; `None` leaves it as it is.
    #[must_use]
    pub fn for_peer(self, peer: IpAddr) -> Option<&'static str> {
        match self {
            Self::Auto => is_near(peer).then_some("cubic"),
            Self::System => None,
            Self::Cubic => Some("cubic"),
            Self::Bbr => Some("bbr"),
        }
    }
}

/// This machine, or an address that no router of the Internet knows (RFC 1918, RFC 3927, RFC 4193).
fn is_near(peer: IpAddr) -> bool {
    match peer.to_canonical() {
        IpAddr::V4(peer) => peer.is_loopback() || peer.is_private() || peer.is_link_local(),
        IpAddr::V6(peer) => peer.is_loopback() || peer.is_unique_local() || peer.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_sent_to_by_cubic_unless_somebody_wants_it() {
        for (peer, near) in [
            ("127.0.0.1", true),
            ("10.1.2.3", true),
            ("192.168.0.9", true),
            ("169.254.1.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("192.0.2.1", false),
            ("2001:db8::1", false),
        ] {
            let peer: IpAddr = peer.parse().unwrap();
            assert_eq!(Congestion::Auto.for_peer(peer), near.then_some("cubic"), "{peer}");
            assert_eq!(Congestion::System.for_peer(peer), None);
            assert_eq!(Congestion::Bbr.for_peer(peer), Some("bbr"));
        }
    }

    #[test]
    fn every_choice_has_its_word() {
        for choice in Congestion::ALL {
            assert_eq!(Congestion::from_word(choice.as_str()), Some(choice));
        }
        assert_eq!(Congestion::from_word("vegas"), None);
    }
}
