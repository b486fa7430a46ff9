//! Processes that still run in the cgroups of a dead cell.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use async_trait::async_trait;

use super::Debris;
use super::groups::Groups;
use crate::CellId;

/// Killed processes are gone within this, unless the kernel itself is stuck.
const DEADLINE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(super) struct Processes {
    groups: Groups,
}

impl Processes {
    pub(super) fn new(groups: Groups) -> Self {
        Self { groups }
    }
}

#[async_trait]
impl Debris for Processes {
    fn kind(&self) -> &'static str {
        "process"
    }

    async fn cells(&self) -> io::Result<BTreeSet<CellId>> {
        self.groups.cells().await
    }

    /// Kills until the cgroups are empty: a process that forks may be born while its parent is killed.
    async fn remove(&self, id: &CellId) -> io::Result<Vec<String>> {
        let groups = self.groups.of(id);
        let deadline = tokio::time::Instant::now() + DEADLINE;
        let mut killed = BTreeSet::new();
        loop {
            let found = groups.kill_all();
            if found.is_empty() {
                return Ok(killed.iter().map(|pid: &i32| format!("{pid} of {id}")).collect());
            }
            if tokio::time::Instant::now() > deadline {
                return Err(io::Error::other(format!("{found:?} do not die")));
            }
            killed.extend(found);
            tokio::time::sleep(PAUSE).await;
        }
    }
}
