//! Mounts beneath a cell's folder that the host sees. A cell's own mounts are private to it and end with it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use nix::mount::{MntFlags, umount2};

use super::Debris;
use super::names::named;
use crate::CellId;

#[derive(Debug)]
pub(super) struct Mounts {
    instance: String,
    cells: PathBuf,
}

impl Mounts {
    pub(super) fn new(instance: &str, cells: &Path) -> Self {
        Self {
            instance: instance.to_owned(),
            cells: cells.to_path_buf(),
        }
    }
}

#[async_trait]
impl Debris for Mounts {
    fn kind(&self) -> &'static str {
        "mount"
    }

    async fn cells(&self) -> io::Result<BTreeSet<CellId>> {
        let prefix = format!("{}/", self.cells.display());
        let mounts = mount_points().into_iter();
        let names = mounts.filter_map(|mount| mount.strip_prefix(&prefix)?.split('/').next().map(str::to_owned));
        Ok(named(&self.instance, names.collect::<Vec<_>>()))
    }

    async fn remove(&self, id: &CellId) -> io::Result<Vec<String>> {
        let prefix = format!("{}/", self.cells.join(id.as_str()).display());
        let mut removed = Vec::new();
        // The deepest stand last in the kernel's table.
        for mount in mount_points()
            .into_iter()
            .rev()
            .filter(|mount| mount.starts_with(&prefix))
        {
            umount2(mount.as_str(), MntFlags::MNT_DETACH)
                .map_err(|error| io::Error::other(format!("{mount}: {error}")))?;
            removed.push(mount);
        }
        Ok(removed)
    }
}

fn mount_points() -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    points.map(str::to_owned).collect()
}
