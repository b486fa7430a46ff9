//! Lists that come in pages, read to a bound.

use std::collections::BTreeSet;

use super::{OpenPulls, PullRequest};

/// Items of a page; all of the forges give a hundred, Gitea fifty when nothing else is configured.
pub(super) const PAGE: u32 = 50;
/// Pages that one question reads.
pub(super) const PAGES: u32 = 40;

/// A list that was read to its end, or not.
#[derive(Debug)]
pub(super) enum Listed<T> {
    /// The list that the mark came with.
    Same,
    All {
        items: Vec<T>,
        mark: Option<String>,
    },
    TooMany,
}

/// One without a commit is passed over: the forge has not looked at it yet, or cannot find what it is of.
impl<T: Into<PullRequest>> From<Listed<T>> for OpenPulls {
    fn from(listed: Listed<T>) -> Self {
        match listed {
            Listed::Same => Self::Same,
            Listed::TooMany => Self::TooMany,
            Listed::All { items, mark } => {
                let items = items.into_iter().map(Into::into);
                let items = items.filter(|pull: &PullRequest| !pull.head.is_empty()).collect();
                Self::All { items, mark }
            }
        }
    }
}

/// Both sides of what changed, each once, in order; `None` when there are more than `max`.
pub(super) fn paths(pairs: impl Iterator<Item = (String, Option<String>)>, max: usize) -> Option<Vec<String>> {
    let all: BTreeSet<String> = pairs
        .flat_map(|(path, before)| [Some(path), before].into_iter().flatten())
        .filter(|path| !path.is_empty())
        .collect();
    (all.len() <= max).then(|| all.into_iter().collect())
}
