//! What is known of the roots, in one file beside them that is replaced whole.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{RootName, RootStamp};

/// The file's name.
const FILE: &str = "roots.json";
/// Names that were asked for and have no root are remembered up to this many; the least asked-for go first.
const MOST_TALLIES: usize = 2_000;

/// One root that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRoot {
    /// Its name and generation.
    pub stamp: RootStamp,
    /// How new its content is.
    pub order: u64,
    /// For people: what it belongs to.
    pub label: String,
    /// The caller's own words.
    pub note: String,
    /// Everything in it.
    pub total_bytes: u64,
    /// What it shares with no other root and no cell, when it was last looked at.
    pub own_bytes: u64,
    /// In seconds since 1970.
    pub made_at: u64,
    /// In seconds since 1970.
    pub used_at: u64,
}

/// How often runs asked for a root by its name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootTally {
    /// Runs that began from it.
    pub hits: u64,
    /// Runs that wished to and found none.
    pub misses: u64,
}

/// Everything that is known of the roots.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Index {
    /// What all roots were made on: the operator's images, the engine. Others are of no use.
    pub(super) ground: String,
    pub(super) roots: Vec<KeptRoot>,
    /// The last generation of each name, so that none is used twice.
    pub(super) last: BTreeMap<RootName, u64>,
    pub(super) tallies: BTreeMap<RootName, RootTally>,
}

impl Index {
    /// Reads it; one that is missing or not understood is empty, and the roots are made again.
    pub(super) fn read(folder: &Path) -> Self {
        let Ok(bytes) = fs::read(folder.join(FILE)) else {
            return Self::default();
        };
        serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(%error, "the index of roots is not understood; they are made anew");
            Self::default()
        })
    }

    /// Writes it beside and renames it: a crash leaves the old one or the new one.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let fresh = folder.join(format!("{FILE}.new"));
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(fresh, folder.join(FILE))
    }

    pub(super) fn find(&self, name: &RootName) -> Option<&KeptRoot> {
        self.roots.iter().find(|root| root.stamp.name == *name)
    }

    /// The next generation of a name.
    pub(super) fn next(&self, name: &RootName) -> RootStamp {
        RootStamp {
            name: name.clone(),
            generation: self.last.get(name).copied().unwrap_or(0) + 1,
        }
    }

    /// Puts a root in the place of the present one, which is given back.
    pub(super) fn put(&mut self, root: KeptRoot) -> Option<KeptRoot> {
        let before = self.take(&root.stamp.name);
        self.last.insert(root.stamp.name.clone(), root.stamp.generation);
        self.roots.push(root);
        before
    }

    pub(super) fn take(&mut self, name: &RootName) -> Option<KeptRoot> {
        let at = self.roots.iter().position(|root| root.stamp.name == *name)?;
        Some(self.roots.remove(at))
    }

    /// Counts a run that wished for a root.
    pub(super) fn count(&mut self, name: &RootName, hit: bool, now: u64) {
        if let Some(root) = self.roots.iter_mut().find(|root| root.stamp.name == *name) {
            root.used_at = now;
        }
        if !self.tallies.contains_key(name) && self.tallies.len() >= MOST_TALLIES {
            let seldom = self.tallies.iter().min_by_key(|(_, tally)| tally.hits + tally.misses);
            if let Some(seldom) = seldom.map(|(name, _)| name.clone()) {
                self.tallies.remove(&seldom);
            }
        }
        let tally = self.tallies.entry(name.clone()).or_default();
        if hit {
            tally.hits += 1;
        } else {
            tally.misses += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Index, KeptRoot, MOST_TALLIES};
    use crate::roots::RootName;

    fn root(index: &Index, name: &str) -> KeptRoot {
        KeptRoot {
            stamp: index.next(&name.parse().expect("a name")),
            order: 1,
            label: String::new(),
            note: String::new(),
            total_bytes: 0,
            own_bytes: 0,
            made_at: 0,
            used_at: 0,
        }
    }

    #[test]
    fn a_generation_is_never_used_twice() {
        let mut index = Index::default();
        assert_eq!(index.put(root(&index, "shop")), None);
        let second = root(&index, "shop");
        assert_eq!(second.stamp.generation, 2);
        assert_eq!(index.put(second).map(|old| old.stamp.generation), Some(1));
        index.take(&"shop".parse().expect("a name"));
        assert_eq!(root(&index, "shop").stamp.generation, 3, "also after it was pruned");
    }

    #[test]
    fn the_index_survives_a_crash_in_the_middle_of_its_writing() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Index::read(folder.path()), Index::default());
        let mut index = Index::default();
        index.put(root(&index, "shop"));
        index.count(&"shop".parse().expect("a name"), true, 9);
        index.write(folder.path()).expect("written");
        std::fs::write(folder.path().join("roots.json.new"), b"{\"ground\": \"x").expect("half of the next one");
        assert_eq!(Index::read(folder.path()), index);
        assert_eq!(index.roots[0].used_at, 9);
        std::fs::write(folder.path().join("roots.json"), b"nonsense").expect("written");
        assert_eq!(Index::read(folder.path()), Index::default());
    }

    #[test]
    fn tallies_are_bounded() {
        let mut index = Index::default();
        for number in 0..=MOST_TALLIES {
            let name: RootName = format!("r{number}").parse().expect("a name");
            index.count(&name, false, 0);
        }
        assert_eq!(index.tallies.len(), MOST_TALLIES);
    }
}
