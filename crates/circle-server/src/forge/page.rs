//! Lists that come in pages, read to a bound.

use std::collections::BTreeSet;

/// Items of a page; all of the forges give a hundred, Gitea fifty when nothing else is configured.
pub(super) const PAGE: u32 = 50;
/// Pages that one question reads.
pub(super) const PAGES: u32 = 40;

/// Both sides of what changed, each once, in order; `None` when there are more than `max`.
pub(super) fn paths(pairs: impl Iterator<Item = (String, Option<String>)>, max: usize) -> Option<Vec<String>> {
    let all: BTreeSet<String> = pairs
        .flat_map(|(path, before)| [Some(path), before].into_iter().flatten())
        .filter(|path| !path.is_empty())
        .collect();
    (all.len() <= max).then(|| all.into_iter().collect())
}
