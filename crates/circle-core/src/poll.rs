//! What polling has seen of a repository, and what that makes of what it sees now. No clock, no network.
//!
//! Promises: a ref that moved is told once, by polling or by the repository's own hook, whichever comes first; what is told again
//! after a crash is the same. Where a hook's calls come out of their order, a commit may be told twice, and never not at all.

use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The shortest interval between two looks, in seconds.
pub const LEAST_SECONDS: u32 = 60;
/// The longest, in seconds.
pub const MOST_SECONDS: u32 = 86_400;

/// Every branch and tag by its full name, with the object that it leads to.
pub type Refs = BTreeMap<String, String>;

/// What was seen, by full name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen(BTreeMap<String, Entry>);

/// One ref.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    object: String,
    told: Told,
}

/// Who told of the object that a ref leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    /// It was there at the first look, or a hook told of it.
    Known,
    /// A hook, whose call said that the ref came from this object, of which nobody had told: its own call may still come.
    Leapt(String),
    /// Polling; a hook may still tell of it.
    Polled,
    /// Polling first, and then this delivery of a hook.
    Both(String),
}

/// A ref that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// In full.
    pub git_ref: String,
    /// `None` when it was not there.
    pub before: Option<String>,
    /// `None` when it is gone.
    pub after: Option<String>,
}

/// A push that a hook told of.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// In full.
    pub git_ref: &'a str,
    /// `None` when it made the ref.
    pub before: Option<&'a str>,
    pub after: &'a str,
    /// Which delivery it was; the same one again gets the same answer.
    pub delivery: &'a str,
}

/// What a push that a hook told of is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nobody told of it before.
    New,
    /// Polling did.
    Polled,
}

impl Seen {
    /// A first look: everything is known, nothing is told.
    pub fn base(refs: &Refs) -> Self {
        let known = |(name, object): (&String, &String)| {
            let (object, told) = (object.clone(), Told::Known);
            (name.clone(), Entry { object, told })
        };
        Self(refs.iter().map(known).collect())
    }

    /// How many refs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a look has found since `self` was what was seen, in the order of names.
    pub fn changes(&self, refs: &Refs) -> Vec<Change> {
        let moved = refs.iter().filter_map(|(name, object)| {
            let before = self.0.get(name).map(|entry| entry.object.clone());
            (before.as_ref() != Some(object)).then(|| Change {
                git_ref: name.clone(),
                before,
                after: Some(object.clone()),
            })
        });
        let gone = self.0.iter().filter(|(name, _)| !refs.contains_key(*name));
        let gone = gone.map(|(name, entry)| Change {
            git_ref: name.clone(),
            before: Some(entry.object.clone()),
            after: None,
        });
        moved.chain(gone).collect()
    }

    /// Takes a change that polling will tell of. False when the ref is not any more what the change began with: a hook told of it
    /// meanwhile, and the next look will see what is then.
    pub fn take(&mut self, change: &Change) -> bool {
        let now = self.0.get(&change.git_ref).map(|entry| &entry.object);
        if now != change.before.as_ref() {
            return false;
        }
        match &change.after {
            None => {
                self.0.remove(&change.git_ref);
            }
            Some(object) => {
                let (object, told) = (object.clone(), Told::Polled);
                self.0.insert(change.git_ref.clone(), Entry { object, told });
            }
        }
        true
    }

    /// Takes what a hook told.
    pub fn hear(&mut self, heard: Heard<'_>) -> Answer {
        let fresh = |told| Entry {
            object: heard.after.to_owned(),
            told,
        };
        let entry = match self.0.entry(heard.git_ref.to_owned()) {
            btree_map::Entry::Vacant(place) => {
                place.insert(fresh(Told::Known));
                return Answer::New;
            }
            btree_map::Entry::Occupied(place) => place.into_mut(),
        };
        let is_it = entry.object == heard.after;
        match &entry.told {
            Told::Polled if is_it => {
                entry.told = Told::Both(heard.delivery.to_owned());
                return Answer::Polled;
            }
            Told::Both(delivery) if is_it && delivery == heard.delivery => return Answer::Polled,
            _ if is_it => {}
            _ if heard.before == Some(entry.object.as_str()) => *entry = fresh(Told::Known),
            // Polling is ahead of a call that comes late.
            Told::Polled | Told::Both(_) => {}
            Told::Leapt(over) if over == heard.after => entry.told = Told::Known,
            // A call is missing, or comes later.
            Told::Known | Told::Leapt(_) => {
                *entry = fresh(
                    heard
                        .before
                        .map_or(Told::Known, |before| Told::Leapt(before.to_owned())),
                );
            }
        }
        Answer::New
    }
}

/// A line for each ref: object, who told, name.
impl fmt::Display for Seen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, Entry { object, told }) in &self.0 {
            match told {
                Told::Known => writeln!(out, "{object} - {name}")?,
                Told::Leapt(over) => writeln!(out, "{object} <{over} {name}")?,
                Told::Polled => writeln!(out, "{object} + {name}")?,
                Told::Both(delivery) => writeln!(out, "{object} {delivery} {name}")?,
            }
        }
        Ok(())
    }
}

/// What was kept is no list of refs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {0} of what was seen is not an object, a mark and a ref")]
pub struct Unreadable(usize);

impl FromStr for Seen {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let entry = |(index, line): (usize, &str)| {
            let mut parts = line.splitn(3, ' ');
            let (Some(object), Some(told), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
                return Err(Unreadable(index + 1));
            };
            let told = match told {
                "-" => Told::Known,
                "+" => Told::Polled,
                mark => match mark.strip_prefix('<') {
                    Some(over) => Told::Leapt(over.to_owned()),
                    None => Told::Both(mark.to_owned()),
                },
            };
            let object = object.to_owned();
            Ok((name.to_owned(), Entry { object, told }))
        };
        text.lines().enumerate().map(entry).collect::<Result<_, _>>().map(Self)
    }
}

/// When to look again, in milliseconds after a look: the interval, longer the more often the repository did not answer, and a tenth
/// more or less, so that services which were made together are not looked at together. `chance` is any number.
pub fn pause_ms(interval_s: u32, failures: u32, chance: u32) -> i64 {
    /// Longest pause of a repository that does not answer, unless its interval is longer.
    const LONGEST_MS: i64 = 3_600_000;
    let interval = i64::from(interval_s) * 1_000;
    let longer = interval.saturating_mul(1 << failures.min(10));
    let pause = longer.min(LONGEST_MS.max(interval));
    pause - pause / 10 + i64::from(chance) % (pause / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::{Answer, Change, Heard, MOST_SECONDS, Refs, Seen, pause_ms};

    fn refs(of: &[(&str, &str)]) -> Refs {
        let pair = |(name, object): &(&str, &str)| ((*name).to_owned(), (*object).to_owned());
        of.iter().map(pair).collect()
    }

    fn change(git_ref: &str, before: &str, after: &str) -> Change {
        let some = |text: &str| (text != "0").then(|| text.to_owned());
        Change {
            git_ref: git_ref.into(),
            before: some(before),
            after: some(after),
        }
    }

    fn hear(seen: &mut Seen, git_ref: &str, before: &str, after: &str, delivery: &str) -> Answer {
        seen.hear(Heard {
            git_ref,
            before: (before != "0").then_some(before),
            after,
            delivery,
        })
    }

    #[test]
    fn made_moved_and_removed_refs_are_changes_and_the_base_is_none() {
        let base = refs(&[("refs/heads/main", "a"), ("refs/heads/old", "a"), ("refs/tags/v1", "t")]);
        let mut seen = Seen::base(&base);
        assert_eq!(seen.changes(&base), []);
        let now = refs(&[("refs/heads/main", "b"), ("refs/heads/new", "b"), ("refs/tags/v1", "t")]);
        let changes = seen.changes(&now);
        let wanted = [
            change("refs/heads/main", "a", "b"),
            change("refs/heads/new", "0", "b"),
            change("refs/heads/old", "a", "0"),
        ];
        assert_eq!(changes, wanted);
        assert!(changes.iter().all(|change| seen.take(change)));
        assert_eq!(seen.changes(&now), []);
    }

    #[test]
    fn a_hook_after_a_look_is_not_told_twice_and_the_next_push_is_told() {
        let mut seen = Seen::base(&refs(&[("m", "a")]));
        assert!(seen.take(&change("m", "a", "b")));
        assert_eq!(hear(&mut seen, "m", "a", "b", "d1"), Answer::Polled);
        // The same delivery, handled again after a crash.
        assert_eq!(hear(&mut seen, "m", "a", "b", "d1"), Answer::Polled);
        // Somebody went back and forth: the hook tells of both, and no look found anything.
        assert_eq!(hear(&mut seen, "m", "b", "a", "d2"), Answer::New);
        assert_eq!(hear(&mut seen, "m", "a", "b", "d3"), Answer::New);
        assert_eq!(
            hear(&mut seen, "m", "a", "b", "d3"),
            Answer::New,
            "the same again is the same"
        );
        assert_eq!(seen.changes(&refs(&[("m", "b")])), []);
    }

    #[test]
    fn a_look_after_a_hook_finds_nothing() {
        let mut seen = Seen::base(&refs(&[("m", "a")]));
        assert_eq!(hear(&mut seen, "m", "a", "b", "d1"), Answer::New);
        assert_eq!(hear(&mut seen, "n", "0", "c", "d2"), Answer::New);
        assert_eq!(seen.changes(&refs(&[("m", "b"), ("n", "c")])), []);
    }

    #[test]
    fn a_look_that_began_before_a_hook_leads_nothing_back() {
        let mut seen = Seen::base(&refs(&[("m", "a")]));
        let found = seen.changes(&refs(&[("m", "b")]));
        // While the look was under way, a hook told of b and of c.
        assert_eq!(hear(&mut seen, "m", "a", "b", "d1"), Answer::New);
        assert_eq!(hear(&mut seen, "m", "b", "c", "d2"), Answer::New);
        assert!(!seen.take(&found[0]));
        assert_eq!(seen.changes(&refs(&[("m", "c")])), []);
    }

    #[test]
    fn hooks_that_come_late_and_in_order_are_told_once_each() {
        let mut seen = Seen::base(&refs(&[("m", "a")]));
        // The look saw c only; b is told by the hook alone.
        assert!(seen.take(&change("m", "a", "c")));
        assert_eq!(hear(&mut seen, "m", "a", "b", "d1"), Answer::New);
        assert_eq!(hear(&mut seen, "m", "b", "c", "d2"), Answer::Polled);
        assert_eq!(hear(&mut seen, "m", "c", "d", "d3"), Answer::New);
        assert_eq!(seen.changes(&refs(&[("m", "d")])), []);
    }

    #[test]
    fn a_call_that_is_missing_or_comes_late_makes_nothing_twice() {
        let mut seen = Seen::base(&refs(&[("m", "a")]));
        // The call of b never came, and no look was between.
        assert_eq!(hear(&mut seen, "m", "b", "c", "d1"), Answer::New);
        assert_eq!(seen.changes(&refs(&[("m", "c")])), []);
        // Or it comes now.
        assert_eq!(seen.to_string().parse(), Ok(seen.clone()));
        assert_eq!(hear(&mut seen, "m", "a", "b", "d2"), Answer::New);
        assert_eq!(seen.changes(&refs(&[("m", "c")])), []);
        // Of a ref that no look has seen.
        assert_eq!(hear(&mut seen, "n", "x", "y", "d3"), Answer::New);
        assert_eq!(seen.changes(&refs(&[("m", "c"), ("n", "y")])), []);
    }

    #[test]
    fn what_is_kept_reads_back_with_who_told() {
        let mut seen = Seen::base(&refs(&[
            ("refs/heads/a b", "1"),
            ("refs/heads/m", "2"),
            ("refs/tags/t", "3"),
        ]));
        seen.take(&change("refs/heads/m", "2", "4"));
        seen.take(&change("refs/tags/t", "3", "5"));
        hear(&mut seen, "refs/tags/t", "3", "5", "del_1");
        assert_eq!(seen.to_string().parse(), Ok(seen.clone()));
        assert_eq!(
            seen.to_string(),
            "1 - refs/heads/a b\n4 + refs/heads/m\n5 del_1 refs/tags/t\n"
        );
        "1 -\n".parse::<Seen>().expect_err("no name");
    }

    #[test]
    fn pauses_are_about_the_interval_and_longer_while_nobody_answers() {
        for chance in [0, 1, 77_777, u32::MAX] {
            let pause = pause_ms(300, 0, chance);
            assert!((270_000..=330_000).contains(&pause), "{pause}");
            let pause = pause_ms(300, 2, chance);
            assert!((1_080_000..=1_320_000).contains(&pause), "{pause}");
            let longest = pause_ms(300, 40, chance);
            assert!((3_240_000..=3_960_000).contains(&longest), "{longest}");
            let day = pause_ms(MOST_SECONDS, 40, chance);
            assert!((77_760_000..=95_040_000).contains(&day), "{day}");
        }
    }
}
