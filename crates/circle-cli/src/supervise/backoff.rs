//! How long to wait before a child is started again, and when to give up. Pure.

use std::time::Duration;

use super::supervisor::Policy;

/// What is known of a child's earlier lives.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    quick_deaths: u32,
    was_steady: bool,
}

/// What to do after a child's death.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Again { after: Duration },
    GiveUp,
}

impl Backoff {
    /// A child that was steady once is never given up: what it needs may come back.
    pub(super) fn after_death(&mut self, lived: Duration, policy: &Policy) -> Next {
        if lived >= policy.steady_after {
            self.was_steady = true;
            self.quick_deaths = 0;
        }
        self.quick_deaths += 1;
        if !self.was_steady && self.quick_deaths >= policy.give_up_after {
            return Next::GiveUp;
        }
        let doublings = (self.quick_deaths - 1).min(16);
        Next::Again {
            after: policy
                .first_pause
                .saturating_mul(1 << doublings)
                .min(policy.longest_pause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, Next};
    use crate::supervise::Policy;
    use std::time::Duration;

    const QUICK: Duration = Duration::from_millis(10);
    const STEADY: Duration = Duration::from_secs(60);

    fn pauses(lives: &[Duration]) -> Vec<Option<u128>> {
        let (mut backoff, policy) = (Backoff::default(), Policy::default());
        let pause = |lived: &Duration| match backoff.after_death(*lived, &policy) {
            Next::Again { after } => Some(after.as_millis()),
            Next::GiveUp => None,
        };
        lives.iter().map(pause).collect()
    }

    #[test]
    fn one_that_never_stays_is_given_up() {
        assert_eq!(
            pauses(&[QUICK; 5]),
            [Some(200), Some(400), Some(800), Some(1_600), None]
        );
    }

    #[test]
    fn one_that_stayed_once_is_started_again_for_ever_with_bounded_pauses() {
        let mut lives = vec![STEADY];
        lives.extend([QUICK; 30]);
        let pauses = pauses(&lives);
        assert_eq!(pauses[..3], [Some(200), Some(400), Some(800)]);
        assert!(pauses.iter().all(Option::is_some));
        assert_eq!(pauses.last(), Some(&Some(30_000)));
    }

    #[test]
    fn a_steady_life_resets_the_pause() {
        assert_eq!(
            pauses(&[QUICK, QUICK, STEADY, QUICK]),
            [Some(200), Some(400), Some(200), Some(400)]
        );
    }
}
