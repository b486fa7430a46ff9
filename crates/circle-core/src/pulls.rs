//! What polling has seen of pull requests, and what that makes of those that are open now. No clock, no network.
//!
//! Promises: a pull request's commit is told once, by polling or by the forge's own call, whichever comes first; what is told again
//! after a crash is the same. A call says nothing of the commit before, so it always leads: one that comes late leads back, and the
//! next look tells of the newest commit again, never not at all.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What of a pull request is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pull {
    /// Its newest commit.
    pub head: String,
    /// See [`labels`].
    pub labels: String,
}

/// Every open pull request by its number.
pub type Pulls = BTreeMap<u64, Pull>;

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenPulls(BTreeMap<u64, Entry>);

/// One pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    pull: Pull,
    told: Told,
}

/// Who told of its newest commit.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    /// It was there at the first look, or a call told of it.
    Known,
    /// Polling; a call may still tell of it.
    Polled,
    /// Polling first, and then this delivery of a call.
    Both(String),
}

/// What became of a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    /// It was not open before.
    Opened,
    /// It has another commit.
    Moved,
    /// It has the same commit and other labels.
    Labelled,
    /// It is not open any more.
    Closed,
}

/// A pull request that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullChange {
    pub number: u64,
    /// `None` when it was not open.
    pub before: Option<Pull>,
    /// `None` when it is not open any more.
    pub after: Option<Pull>,
}

/// What a call told of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeardPull<'a> {
    /// It was opened, or has another commit.
    Moved {
        pull: Pull,
        /// Which delivery it was; the same one again gets the same answer.
        delivery: &'a str,
    },
    /// It has other labels.
    Labelled(Pull),
    /// It was closed or merged.
    Closed,
}

/// Labels in few characters that are others when the labels are; their order does not count.
pub fn labels<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    /// A look that takes two sets for one misses something that starts nothing.
    const BYTES: usize = 8;
    let mut names: Vec<&str> = names.into_iter().collect();
    if names.is_empty() {
        return "-".to_owned();
    }
    names.sort_unstable();
    let digest = Sha256::digest(names.join("\n"));
    hex::encode(&digest[..BYTES])
}

impl PullChange {
    /// What became of it.
    pub fn became(&self) -> Became {
        match (&self.before, &self.after) {
            (_, None) => Became::Closed,
            (None, Some(_)) => Became::Opened,
            (Some(before), Some(after)) if before.head == after.head => Became::Labelled,
            (Some(_), Some(_)) => Became::Moved,
        }
    }
}

impl SeenPulls {
    /// A first look: everything is known, nothing is told.
    pub fn base(pulls: &Pulls) -> Self {
        let known = |(number, pull): (&u64, &Pull)| {
            let (pull, told) = (pull.clone(), Told::Known);
            (*number, Entry { pull, told })
        };
        Self(pulls.iter().map(known).collect())
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a look has found since `self` was what was seen: those that are open, and then those that are not any more.
    pub fn changes(&self, pulls: &Pulls) -> Vec<PullChange> {
        let others = pulls.iter().filter_map(|(number, pull)| {
            let before = self.0.get(number).map(|entry| entry.pull.clone());
            (before.as_ref() != Some(pull)).then(|| PullChange {
                number: *number,
                before,
                after: Some(pull.clone()),
            })
        });
        let gone = self.0.iter().filter(|(number, _)| !pulls.contains_key(*number));
        let gone = gone.map(|(number, entry)| PullChange {
            number: *number,
            before: Some(entry.pull.clone()),
            after: None,
        });
        others.chain(gone).collect()
    }

    /// Takes a change that polling will tell of. False when the pull request is not any more what the change began with: a call told
    /// of it meanwhile, and the next look will see what is then.
    pub fn take(&mut self, change: &PullChange) -> bool {
        let now = self.0.get(&change.number);
        if now.map(|entry| &entry.pull) != change.before.as_ref() {
            return false;
        }
        let told = match (change.became(), now) {
            (Became::Labelled, Some(entry)) => entry.told.clone(),
            _ => Told::Polled,
        };
        match change.after.clone() {
            None => self.0.remove(&change.number),
            Some(pull) => self.0.insert(change.number, Entry { pull, told }),
        };
        true
    }

    /// Takes what a call told. True when polling had told of the same commit before.
    pub fn hear(&mut self, number: u64, heard: HeardPull<'_>) -> bool {
        match heard {
            HeardPull::Closed => {
                self.0.remove(&number);
                false
            }
            HeardPull::Labelled(pull) => {
                let same = self.0.get_mut(&number).filter(|entry| entry.pull.head == pull.head);
                if let Some(entry) = same {
                    entry.pull = pull;
                }
                false
            }
            HeardPull::Moved { pull, delivery } => self.hear_commit(number, pull, delivery),
        }
    }

    fn hear_commit(&mut self, number: u64, pull: Pull, delivery: &str) -> bool {
        let known = self.0.get(&number).filter(|entry| entry.pull.head == pull.head);
        let (told, polled) = match known.map(|entry| &entry.told) {
            Some(Told::Polled) => (Told::Both(delivery.to_owned()), true),
            Some(Told::Both(first)) => (Told::Both(first.clone()), first == delivery),
            Some(Told::Known) | None => (Told::Known, false),
        };
        self.0.insert(number, Entry { pull, told });
        polled
    }
}

/// A line for each: number, commit, labels, who told.
impl fmt::Display for SeenPulls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, Entry { pull, told }) in &self.0 {
            let told = match told {
                Told::Known => "-",
                Told::Polled => "+",
                Told::Both(delivery) => delivery,
            };
            writeln!(out, "{number} {} {} {told}", pull.head, pull.labels)?;
        }
        Ok(())
    }
}

/// What was kept is no list of pull requests.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {0} of what was seen is not a number, a commit, labels and a mark")]
pub struct UnreadablePulls(usize);

impl FromStr for SeenPulls {
    type Err = UnreadablePulls;

    fn from_str(text: &str) -> Result<Self, UnreadablePulls> {
        let entry = |(index, line): (usize, &str)| {
            let unreadable = || UnreadablePulls(index + 1);
            let parts: Vec<&str> = line.split(' ').collect();
            let [number, head, labels, told] = parts[..] else {
                return Err(unreadable());
            };
            let told = match told {
                "-" => Told::Known,
                "+" => Told::Polled,
                delivery => Told::Both(delivery.to_owned()),
            };
            let (head, labels) = (head.to_owned(), labels.to_owned());
            let pull = Pull { head, labels };
            Ok((number.parse().map_err(|_| unreadable())?, Entry { pull, told }))
        };
        text.lines().enumerate().map(entry).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::{Became, HeardPull, Pull, PullChange, Pulls, SeenPulls, labels};

    fn pull(head: &str, names: &[&str]) -> Pull {
        Pull {
            head: head.into(),
            labels: labels(names.iter().copied()),
        }
    }

    fn pulls(of: &[(u64, &str, &[&str])]) -> Pulls {
        of.iter()
            .map(|(number, head, names)| (*number, pull(head, names)))
            .collect()
    }

    fn became(changes: &[PullChange]) -> Vec<(u64, Became)> {
        changes.iter().map(|change| (change.number, change.became())).collect()
    }

    /// A look that takes everything that it finds; what became of what.
    fn look(seen: &mut SeenPulls, now: &Pulls) -> Vec<(u64, Became)> {
        let changes = seen.changes(now);
        assert!(changes.iter().all(|change| seen.take(change)));
        assert_eq!(seen.changes(now), [], "taken is taken");
        became(&changes)
    }

    fn moved(seen: &mut SeenPulls, number: u64, head: &str, delivery: &str) -> bool {
        let pull = pull(head, &[]);
        seen.hear(number, HeardPull::Moved { pull, delivery })
    }

    #[test]
    fn opened_moved_labelled_and_closed_are_told_apart_and_the_base_is_nothing() {
        let base = pulls(&[(1, "a", &[]), (2, "a", &["x"]), (3, "a", &[]), (4, "a", &[])]);
        let mut seen = SeenPulls::base(&base);
        assert_eq!(look(&mut seen, &base), []);
        let now = pulls(&[(1, "b", &["y"]), (2, "a", &["x", "y"]), (4, "a", &[]), (5, "c", &[])]);
        let wanted = [
            (1, Became::Moved),
            (2, Became::Labelled),
            (5, Became::Opened),
            (3, Became::Closed),
        ];
        assert_eq!(look(&mut seen, &now), wanted);
        assert_eq!(seen.len(), 4);
        // Opened again it is new.
        let again = pulls(&[
            (1, "b", &["y"]),
            (2, "a", &["y", "x"]),
            (3, "a", &[]),
            (4, "a", &[]),
            (5, "c", &[]),
        ]);
        assert_eq!(look(&mut seen, &again), [(3, Became::Opened)]);
    }

    #[test]
    fn a_call_after_a_look_is_not_told_twice_and_the_next_commit_is_told() {
        let mut seen = SeenPulls::default();
        look(&mut seen, &pulls(&[(7, "a", &[])]));
        assert!(moved(&mut seen, 7, "a", "d1"));
        assert!(moved(&mut seen, 7, "a", "d1"), "the same delivery, handled again");
        assert!(!moved(&mut seen, 7, "a", "d2"), "opened again: somebody wants a run");
        assert!(!moved(&mut seen, 7, "b", "d3"));
        assert_eq!(look(&mut seen, &pulls(&[(7, "b", &[])])), []);
    }

    #[test]
    fn a_look_after_calls_finds_nothing() {
        let mut seen = SeenPulls::base(&pulls(&[(1, "a", &[]), (2, "a", &[])]));
        assert!(!moved(&mut seen, 1, "b", "d1"));
        assert!(!moved(&mut seen, 3, "c", "d2"));
        seen.hear(2, HeardPull::Closed);
        seen.hear(1, HeardPull::Labelled(pull("b", &["x"])));
        assert_eq!(look(&mut seen, &pulls(&[(1, "b", &["x"]), (3, "c", &[])])), []);
        // Labels of another commit, or of what nobody knows, say nothing.
        seen.hear(1, HeardPull::Labelled(pull("z", &[])));
        seen.hear(9, HeardPull::Labelled(pull("z", &[])));
        assert_eq!(look(&mut seen, &pulls(&[(1, "b", &["x"]), (3, "c", &[])])), []);
    }

    #[test]
    fn a_look_that_began_before_a_call_leads_nothing_back() {
        let mut seen = SeenPulls::base(&pulls(&[(1, "a", &[]), (2, "a", &[])]));
        let found = seen.changes(&pulls(&[(1, "b", &[])]));
        // While the look was under way, calls told of b and c, and of 2 that has another commit and is still open.
        assert!(!moved(&mut seen, 1, "b", "d1"));
        assert!(!moved(&mut seen, 1, "c", "d2"));
        assert!(!moved(&mut seen, 2, "b", "d3"));
        assert_eq!(found.iter().filter(|change| seen.take(change)).count(), 0);
        assert_eq!(look(&mut seen, &pulls(&[(1, "c", &[]), (2, "b", &[])])), []);
    }

    #[test]
    fn a_call_that_comes_late_leads_back_and_the_newest_commit_is_told_again() {
        let mut seen = SeenPulls::base(&pulls(&[(1, "a", &[])]));
        let newest = pulls(&[(1, "c", &[])]);
        assert_eq!(look(&mut seen, &newest), [(1, Became::Moved)]);
        assert!(!moved(&mut seen, 1, "b", "late"));
        assert_eq!(
            look(&mut seen, &newest),
            [(1, Became::Moved)],
            "its run was superseded by that of b"
        );
    }

    #[test]
    fn labels_that_change_do_not_hide_who_told_of_the_commit() {
        let mut seen = SeenPulls::default();
        look(&mut seen, &pulls(&[(1, "a", &[])]));
        assert_eq!(look(&mut seen, &pulls(&[(1, "a", &["x"])])), [(1, Became::Labelled)]);
        assert!(moved(&mut seen, 1, "a", "d1"));
    }

    #[test]
    fn what_is_kept_reads_back_with_who_told() {
        let mut seen = SeenPulls::base(&pulls(&[(1, "a", &[]), (20, "b", &["x y", "z"])]));
        look(
            &mut seen,
            &pulls(&[(1, "c", &[]), (20, "b", &["x y", "z"]), (300, "d", &[])]),
        );
        assert!(moved(&mut seen, 300, "d", "dlv_1"));
        assert_eq!(seen.to_string().parse(), Ok(seen.clone()));
        let lines: Vec<String> = seen.to_string().lines().map(str::to_owned).collect();
        assert_eq!((lines[0].as_str(), lines[2].as_str()), ("1 c - +", "300 d - dlv_1"));
        for damaged in ["1 a -\n", "x a - -\n", "1 a - - -\n"] {
            damaged.parse::<SeenPulls>().expect_err("no line of it");
        }
    }
}
