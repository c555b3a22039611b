//! What goes wrong, and where. Reads no clock: the same seed gives the same plan.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use trace::Side;

use crate::Dice;

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client.
    ToServer,
    /// From the server.
    ToClient,
}

impl Way {
    /// Who sends in this direction.
    pub(crate) fn from(self) -> Side {
        match self {
            Self::ToServer => Side::Client,
            Self::ToClient => Side::Server,
        }
    }
}

/// What can happen to bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What is before and what is behind arrive apart.
    Split,
    /// So many bytes arrive at once, or as many as come before the sender pauses.
    Coalesce(usize),
    /// All that is behind arrives so much later.
    Delay(Duration),
    /// The next bytes, so many, arrive twice.
    Duplicate(usize),
    /// The next bytes, so many, never arrive.
    Lose(usize),
    /// The next byte has these bits turned over.
    Tamper(u8),
    /// Both sides see an orderly end.
    Close,
    /// Both sides see a reset; what they had not read yet is lost with it.
    Reset,
    /// Nothing arrives this way any more, and nobody is told.
    BlackHole,
}

/// A fault and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Which connection, counted from 1 as the proxy accepts them.
    pub connection: u64,
    /// In which direction.
    pub way: Way,
    /// Behind so many bytes of that direction.
    pub offset: u64,
    /// What happens.
    pub fault: Fault,
}

/// A fault that some connections have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chance {
    /// What happens.
    pub fault: Fault,
    /// In which direction.
    pub way: Way,
    /// To how many of a thousand connections.
    pub per_mille: u16,
}

/// Chances, and where their faults are placed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mix {
    /// Each is tried once a connection.
    pub chances: Vec<Chance>,
    /// Faults are placed below this offset.
    pub span: usize,
}

/// Which faults each connection has.
#[derive(Clone)]
pub struct Plan(Arc<dyn Fn(u64) -> Vec<Placed> + Send + Sync>);

impl Plan {
    /// Nothing goes wrong.
    #[must_use]
    pub fn none() -> Self {
        Self::fixed([])
    }

    /// Just these faults.
    #[must_use]
    pub fn fixed(faults: impl IntoIterator<Item = Placed>) -> Self {
        let faults: Vec<_> = faults.into_iter().collect();
        Self(Arc::new(move |connection| {
            faults.iter().filter(|placed| placed.connection == connection).copied().collect()
        }))
    }

    /// Faults by chance. What a connection has depends on the seed and its number alone.
    #[must_use]
    pub fn seeded(seed: u64, mix: Mix) -> Self {
        Self(Arc::new(move |connection| {
            // Far apart, so that neighbours in seed and number share nothing.
            let mut dice = Dice::new(seed ^ connection.wrapping_mul(0xd6e8_feb8_6659_fd93));
            let mut faults = Vec::new();
            for Chance { fault, way, per_mille } in mix.chances.iter().copied() {
                // Both are rolled for every chance, so that one chance changes nothing for those behind it.
                let (roll, offset) = (dice.below(1000), dice.below(mix.span));
                if roll < usize::from(per_mille) {
                    let offset = u64::try_from(offset).unwrap_or(u64::MAX);
                    faults.push(Placed { connection, way, offset, fault });
                }
            }
            faults
        }))
    }

    /// The faults of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(Arc::new(move |connection| [self.connection(connection), other.connection(connection)].concat()))
    }

    /// The faults of this connection.
    #[must_use]
    pub fn connection(&self, number: u64) -> Vec<Placed> {
        (self.0)(number)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Plan").finish_non_exhaustive()
    }
}

impl Fault {
    /// Its name in counts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::Coalesce(_) => "coalesce",
            Self::Delay(_) => "delay",
            Self::Duplicate(_) => "duplicate",
            Self::Lose(_) => "lose",
            Self::Tamper(_) => "tamper",
            Self::Close => "close",
            Self::Reset => "reset",
            Self::BlackHole => "black hole",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mix() -> Mix {
        let chance = |fault| Chance { fault, way: Way::ToServer, per_mille: 500 };
        Mix { chances: [Fault::Split, Fault::Reset, Fault::BlackHole].map(chance).into(), span: 1000 }
    }

    #[test]
    fn a_seed_makes_the_same_plan_every_time() {
        let plan = |seed| (1..50).map(|number| Plan::seeded(seed, mix()).connection(number)).collect::<Vec<_>>();
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
    }

    #[test]
    fn two_plans_together_have_the_faults_of_both() {
        let placed = |connection, offset| Placed { connection, way: Way::ToServer, offset, fault: Fault::Reset };
        let plan = Plan::fixed([placed(1, 5)]).and(Plan::fixed([placed(1, 7), placed(2, 9)]));
        assert_eq!(plan.connection(1), [placed(1, 5), placed(1, 7)]);
        assert_eq!(plan.connection(2), [placed(2, 9)]);
    }

    #[test]
    fn a_chance_befalls_about_as_many_connections_as_it_says() {
        let plan = Plan::seeded(1, mix());
        let resets = (0..1000).filter(|number| plan.connection(*number).iter().any(|one| one.fault == Fault::Reset));
        assert!((400..600).contains(&resets.count()));
    }
}
