//! The groups of one stage: what is open, and the last lines of it.

use std::collections::{BTreeMap, VecDeque};

/// Lines that are kept for the case that the command fails.
const KEPT_LINES: usize = 40;

/// Open groups of a stage.
#[derive(Debug, Default)]
pub(super) struct Groups {
    open: BTreeMap<u32, Group>,
    innermost: Vec<u32>,
}

/// A group that has begun.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) title: String,
    last: VecDeque<String>,
    dropped: u64,
}

impl Groups {
    pub(super) fn begin(&mut self, group: u32, title: &str) {
        self.open.insert(
            group,
            Group {
                title: title.to_owned(),
                ..Group::default()
            },
        );
        self.innermost.push(group);
    }

    pub(super) fn end(&mut self, group: u32) -> Option<Group> {
        self.innermost.retain(|open| *open != group);
        self.open.remove(&group)
    }

    /// Keeps a line for the group that began last.
    pub(super) fn line(&mut self, line: String) {
        let Some(group) = self.innermost.last().and_then(|group| self.open.get_mut(group)) else {
            return;
        };
        if group.last.len() == KEPT_LINES {
            group.last.pop_front();
            group.dropped += 1;
        }
        group.last.push_back(line);
    }
}

impl Group {
    /// The last lines, and how many came before them.
    pub(super) fn tail(&self) -> impl Iterator<Item = String> {
        let before = (self.dropped > 0).then(|| format!("… {} more lines above", self.dropped));
        before.into_iter().chain(self.last.iter().cloned())
    }
}
