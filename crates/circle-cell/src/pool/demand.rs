//! Which roots are wanted ready, from what runs did: decided over times, without a clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::RootName;

/// Roots whose use is remembered; the one that nobody asked for longest is forgotten first.
const MOST_ROOTS: usize = 256;

/// When runs took cells of each root, and until when a cell is to wait for one.
#[derive(Debug, Default)]
pub(super) struct Demand {
    roots: BTreeMap<RootName, Asked>,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    touched: Instant,
    last_take: Option<Instant>,
    take_before: Option<Instant>,
    /// A run is on its way.
    expected_until: Option<Instant>,
}

impl Demand {
    /// A run takes a cell of this root.
    pub(super) fn taken(&mut self, root: &RootName, now: Instant) {
        let asked = self.entry(root, now);
        (asked.take_before, asked.last_take, asked.expected_until) = (asked.last_take, Some(now), None);
    }

    /// A run of this root is on its way.
    pub(super) fn expected(&mut self, root: &RootName, until: Instant, now: Instant) {
        self.entry(root, now).expected_until = Some(until);
    }

    fn entry(&mut self, root: &RootName, now: Instant) -> &mut Asked {
        if !self.roots.contains_key(root)
            && self.roots.len() >= MOST_ROOTS
            && let Some(oldest) = self
                .roots
                .iter()
                .min_by_key(|(_, asked)| asked.touched)
                .map(|(root, _)| root.clone())
        {
            self.roots.remove(&oldest);
        }
        let asked = self.roots.entry(root.clone()).or_insert(Asked {
            touched: now,
            last_take: None,
            take_before: None,
            expected_until: None,
        });
        asked.touched = now;
        asked
    }

    /// The roots of which a cell is to stand ready: those with a run on its way, and of those that were taken twice
    /// lately the `most` that were taken last.
    pub(super) fn wanted(&self, now: Instant, frequent: Duration, most: usize) -> Vec<RootName> {
        let often = |asked: &Asked| {
            asked
                .take_before
                .is_some_and(|before| now.duration_since(before) <= frequent)
        };
        let mut taken: Vec<_> = self.roots.iter().filter(|(_, asked)| often(asked)).collect();
        taken.sort_by_key(|(_, asked)| std::cmp::Reverse(asked.last_take));
        let expected = |asked: &Asked| asked.expected_until.is_some_and(|until| now < until);
        let expected = self.roots.iter().filter(|(_, asked)| expected(asked));
        let mut wanted: Vec<RootName> = expected.map(|(root, _)| root.clone()).collect();
        for (root, _) in taken.into_iter().take(most) {
            if !wanted.contains(root) {
                wanted.push(root.clone());
            }
        }
        wanted
    }

    /// When the answer of [`Demand::wanted`] changes by itself.
    pub(super) fn next_change(&self, now: Instant, frequent: Duration) -> Option<Instant> {
        let ends = self.roots.values().flat_map(|asked| {
            let stale = asked.take_before.map(|before| before + frequent);
            [asked.expected_until, stale]
        });
        ends.flatten().filter(|end| *end > now).min()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Demand, MOST_ROOTS};
    use crate::RootName;

    const MINUTE: Duration = Duration::from_secs(60);

    fn name(text: &str) -> RootName {
        text.parse().expect("a name")
    }

    #[test]
    fn two_runs_within_the_time_make_a_root_wanted_and_silence_ends_it() {
        let (mut demand, start) = (Demand::default(), Instant::now());
        demand.taken(&name("shop"), start);
        assert_eq!(demand.wanted(start, MINUTE * 30, 1), []);
        demand.taken(&name("shop"), start + MINUTE);
        assert_eq!(demand.wanted(start + MINUTE, MINUTE * 30, 1), [name("shop")]);
        assert_eq!(demand.wanted(start + MINUTE, MINUTE * 30, 0), []);
        assert_eq!(
            demand.next_change(start + MINUTE, MINUTE * 30),
            Some(start + MINUTE * 30)
        );
        assert_eq!(demand.wanted(start + MINUTE * 31, MINUTE * 30, 1), []);
    }

    #[test]
    fn of_many_the_last_ones_stand_ready() {
        let (mut demand, start) = (Demand::default(), Instant::now());
        for (minute, root) in [(0, "a"), (1, "b"), (2, "c"), (3, "b"), (4, "c"), (5, "a")] {
            demand.taken(&name(root), start + MINUTE * minute);
        }
        assert_eq!(
            demand.wanted(start + MINUTE * 5, MINUTE * 30, 2),
            [name("a"), name("c")]
        );
    }

    #[test]
    fn a_run_on_its_way_is_waited_for_until_it_comes_or_its_time_is_over() {
        let (mut demand, start) = (Demand::default(), Instant::now());
        demand.expected(&name("shop"), start + MINUTE, start);
        assert_eq!(demand.wanted(start, MINUTE, 0), [name("shop")]);
        assert_eq!(demand.wanted(start + MINUTE, MINUTE, 0), []);
        demand.expected(&name("shop"), start + MINUTE, start);
        demand.taken(&name("shop"), start);
        assert_eq!(demand.wanted(start, MINUTE, 0), []);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut demand, start) = (Demand::default(), Instant::now());
        for number in 0..MOST_ROOTS * 2 {
            demand.taken(&name(&format!("r{number}")), start + Duration::from_secs(number as u64));
        }
        assert_eq!(demand.roots.len(), MOST_ROOTS);
        assert!(demand.roots.contains_key(&name(&format!("r{}", MOST_ROOTS * 2 - 1))));
    }
}
