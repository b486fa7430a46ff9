//! What becomes of a worker of a host: one decision from what is known here and what is seen there.

use super::port::Sight;
use crate::queue::Post;

/// A worker that was started and does not take its run within so long will not, in milliseconds.
const PATIENCE_MS: i64 = 180_000;

/// What to do about a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep,
    /// Its work is done, or is somebody else's.
    Remove,
    /// It failed: the host is not asked again at once.
    Failed(&'static str),
}

/// `seen` is `None` when it is not there at all; `age_ms` counts from the decision to start it.
pub(super) fn judge(post: Post, seen: Option<Sight>, has_lease: bool, age_ms: i64) -> Verdict {
    match (post, seen) {
        (Post::Over, _) => Verdict::Remove,
        // Whoever has a lease and is gone has lost it; the run is told so by the record's end.
        (Post::Held, Some(Sight::Ended) | None) if has_lease => Verdict::Remove,
        (_, Some(Sight::Ended)) => Verdict::Failed("the worker ended before it took its run"),
        (_, None) => Verdict::Failed("the worker is not there any more"),
        (Post::Held, Some(Sight::Running)) if has_lease => Verdict::Keep,
        (_, Some(Sight::Running)) if age_ms < PATIENCE_MS => Verdict::Keep,
        (_, Some(Sight::Running)) => Verdict::Failed(
            "the worker does not take its run within 3 minutes: does the host reach the server at the address that it was given?",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{PATIENCE_MS, Verdict, judge};
    use crate::hosts::Sight::{Ended, Running};
    use crate::queue::Post::{Held, Over, Waiting};

    #[test]
    fn a_worker_stays_while_its_run_wants_it_and_it_lives() {
        for (post, has_lease, age, keeps) in [
            (Held, true, PATIENCE_MS * 100, true),
            (Held, false, 0, true),
            (Waiting, false, PATIENCE_MS - 1, true),
            (Waiting, false, PATIENCE_MS, false),
            (Held, false, PATIENCE_MS, false),
            (Over, false, 0, false),
            (Over, true, 0, false),
        ] {
            let verdict = judge(post, Some(Running), has_lease, age);
            assert_eq!(
                verdict == Verdict::Keep,
                keeps,
                "{post:?} {has_lease} {age}: {verdict:?}"
            );
        }
    }

    #[test]
    fn one_that_is_gone_is_a_failure_of_the_host_unless_it_had_its_run() {
        for seen in [Some(Ended), None] {
            assert_eq!(judge(Held, seen, true, 0), Verdict::Remove);
            assert_eq!(judge(Over, seen, false, 0), Verdict::Remove);
            for post in [Held, Waiting] {
                assert!(
                    matches!(judge(post, seen, false, 0), Verdict::Failed(_)),
                    "{post:?} {seen:?}"
                );
            }
        }
    }
}
