//! Cgroups.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use async_trait::async_trait;

use super::Debris;
use super::names::{entries, named};
use crate::CellId;
use crate::process::cgroup::{CellGroups, Hierarchies};

/// A dead process leaves its cgroup a moment after it is reaped.
const DEADLINE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(3);

#[derive(Debug, Clone)]
pub(super) struct Groups {
    instance: String,
    hierarchies: Hierarchies,
}

impl Groups {
    pub(super) fn new(instance: &str, hierarchies: &Hierarchies) -> Self {
        Self {
            instance: instance.to_owned(),
            hierarchies: hierarchies.clone(),
        }
    }

    pub(super) fn of(&self, id: &CellId) -> CellGroups {
        CellGroups::new(self.hierarchies.clone(), id.as_str())
    }
}

#[async_trait]
impl Debris for Groups {
    fn kind(&self) -> &'static str {
        "cgroup"
    }

    async fn cells(&self) -> io::Result<BTreeSet<CellId>> {
        let folders = self.hierarchies.circle_folders().map(|(_, folder)| folder);
        Ok(named(&self.instance, folders.flat_map(|folder| entries(&folder))))
    }

    async fn remove(&self, id: &CellId) -> io::Result<Vec<String>> {
        let groups = self.of(id);
        let deadline = tokio::time::Instant::now() + DEADLINE;
        let mut removed = Vec::new();
        loop {
            match groups.remove(&mut removed) {
                Ok(()) => return Ok(removed),
                Err(error) if tokio::time::Instant::now() > deadline => return Err(error),
                Err(_) => {
                    groups.kill_all();
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}
