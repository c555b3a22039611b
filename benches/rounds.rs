//! Contestants that take turns: each has one in every round, and in every second round the order is reversed, so
//! that neither the machine's mood nor a neighbour's leavings fall on always the same.

use std::time::Duration;

/// So many rounds. Tells the seconds of each contestant, round by round.
pub fn rounds(count: usize, contestants: usize, mut turn: impl FnMut(usize) -> Duration) -> Vec<Vec<f64>> {
    let mut seconds = vec![Vec::with_capacity(count); contestants];
    for number in 0..count {
        for place in 0..contestants {
            let last = contestants.saturating_sub(1);
            let who = if number.is_multiple_of(2) { place } else { last.saturating_sub(place) };
            if let Some(seconds) = seconds.get_mut(who) {
                seconds.push(turn(who).as_secs_f64());
            }
        }
    }
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_second_round_is_reversed() {
        let mut order = Vec::new();
        let seconds = rounds(3, 2, |who| {
            order.push(who);
            Duration::from_secs(order.len().try_into().unwrap())
        });
        assert_eq!(order, [0, 1, 1, 0, 0, 1]);
        assert_eq!(seconds, [vec![1.0, 4.0, 5.0], vec![2.0, 3.0, 6.0]]);
    }
}
