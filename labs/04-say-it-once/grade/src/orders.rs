//! All orders in which things can happen, one after the other. Knows nothing of what happens.

/// One way through a tree of choices. Walked again and again, it takes every way there is.
#[derive(Debug, Default)]
pub(crate) struct Way {
    /// The choice made at each fork, and among how many.
    forks: Vec<(usize, usize)>,
    walked: usize,
}

impl Way {
    /// What is chosen at the next fork, which has so many ways.
    pub(crate) fn choose(&mut self, ways: usize) -> usize {
        let fork = self.walked;
        self.walked = self.walked.saturating_add(1);
        if let Some((choice, _)) = self.forks.get(fork) {
            return *choice;
        }
        self.forks.push((0, ways));
        0
    }

    /// Forks behind the beginning.
    pub(crate) fn length(&self) -> usize {
        self.walked
    }

    /// Goes back to the beginning, for the next way; `false` when there is none. Ways that begin like this one, as far
    /// as it was walked, are not tried.
    pub(crate) fn turn(&mut self) -> bool {
        self.forks.truncate(self.walked);
        self.walked = 0;
        while let Some((choice, ways)) = self.forks.pop() {
            let next = choice.saturating_add(1);
            if next < ways {
                self.forks.push((next, ways));
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_is_taken_once() {
        let mut way = Way::default();
        let mut taken = Vec::new();
        loop {
            let first = way.choose(3);
            let second = if first == 1 { way.choose(2) } else { 0 };
            taken.push((first, second));
            if !way.turn() {
                break;
            }
        }
        assert_eq!(taken, [(0, 0), (1, 0), (1, 1), (2, 0)]);
    }
}
