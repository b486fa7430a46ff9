//! How long a wait will be, from how long earlier runs took.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The middle one of what earlier runs took; `None` when nothing is known.
pub fn median(durations_ms: impl IntoIterator<Item = u64>) -> Option<u64> {
    let mut sorted: Vec<u64> = durations_ms.into_iter().collect();
    sorted.sort_unstable();
    let middle = sorted.len().checked_sub(1)? / 2;
    sorted.get(middle).copied()
}

/// In how many milliseconds a run starts, when each place is free after so long and those ahead of it, in their order,
/// take so long each; `None` without any place.
pub fn starts_in(free_in_ms: impl IntoIterator<Item = u64>, ahead_ms: impl IntoIterator<Item = u64>) -> Option<u64> {
    let mut places: BinaryHeap<Reverse<u64>> = free_in_ms.into_iter().map(Reverse).collect();
    for takes in ahead_ms {
        let Reverse(free) = places.pop()?;
        places.push(Reverse(free.saturating_add(takes)));
    }
    places.pop().map(|Reverse(free)| free)
}

#[cfg(test)]
mod tests {
    use super::{median, starts_in};

    #[test]
    fn the_median_is_one_of_them() {
        assert_eq!(median([]), None);
        assert_eq!(median([7]), Some(7));
        assert_eq!(median([9, 1, 5]), Some(5));
        assert_eq!(median([9, 1, 5, 3]), Some(3), "the lower of the two in the middle");
    }

    #[test]
    fn a_run_starts_when_a_place_is_left_for_it() {
        assert_eq!(starts_in([], []), None, "without a cell nobody can say");
        assert_eq!(starts_in([0, 40], []), Some(0));
        assert_eq!(starts_in([30, 40], []), Some(30));
        // The first one ahead takes the place that is free in 30 until 130, the second that in 40 until 90.
        assert_eq!(starts_in([30, 40], [100, 50]), Some(90));
        assert_eq!(starts_in([30, 40], [100, 50, 100]), Some(130));
    }
}
