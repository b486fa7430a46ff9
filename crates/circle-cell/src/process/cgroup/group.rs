//! The groups of one cell.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::hierarchy::{Hierarchies, Version};
use super::hits::Hits;
use super::limits::{Setting, daemon_settings, settings, share};
use crate::Limits;
use crate::sys::{kill_by_pidfd, open_pidfd};

/// The processes that the daemon consists of, and init.
const DAEMON: &str = "daemon";
/// What a run brings: containers, and helpers outside them.
const JOBS: &str = "jobs";
/// Helpers need a leaf of their own: on version 2 a group with children has no processes.
const HELPERS: &str = "helpers";
/// How often the groups of a cell are made once more.
const MOST_REPEATS: usize = 8;
/// What the children of a version 2 group are controlled by.
const CONTROLLERS: [&str; 5] = ["+cpu", "+cpuset", "+io", "+memory", "+pids"];

/// The cgroups of one cell, by the cell's name; making the value makes no group.
#[derive(Debug, Clone)]
pub(crate) struct CellGroups {
    hierarchies: Hierarchies,
    name: String,
}

impl CellGroups {
    pub(crate) fn new(hierarchies: Hierarchies, name: &str) -> Self {
        Self {
            hierarchies,
            name: name.to_owned(),
        }
    }

    /// Makes the groups and sets the limits.
    pub(crate) fn make(&self, limits: &Limits) -> io::Result<()> {
        for (hierarchy, circle) in self.hierarchies.circle_folders() {
            let is_cpuset = hierarchy.controllers.iter().any(|name| name == "cpuset");
            self.make_tree(&circle, is_cpuset)?;
        }
        let version = self.hierarchies.version;
        for setting in settings(limits, version) {
            let Some(cell) = self.folder_for(setting.controller) else {
                return Err(io::Error::other(format!(
                    "the kernel has no {} controller to limit with",
                    setting.controller
                )));
            };
            bound(&cell.join(JOBS), &setting)?;
        }
        for setting in daemon_settings(version) {
            // Nobody asked for this one: a kernel without the controller has no such bound.
            if let Some(cell) = self.folder_for(setting.controller) {
                bound(&cell.join(DAEMON), &setting)?;
            }
        }
        Ok(())
    }

    /// The folder of all cells goes with another Circle's last cell, perhaps just now: then it is made once more. It stays from
    /// the moment in which this cell's folder is in it.
    fn make_tree(&self, circle: &Path, is_cpuset: bool) -> io::Result<()> {
        let cell = circle.join(&self.name);
        let jobs = cell.join(JOBS);
        let groups = [
            circle.to_path_buf(),
            cell.clone(),
            cell.join(DAEMON),
            jobs.clone(),
            jobs.join(HELPERS),
        ];
        let make = || {
            groups.iter().try_for_each(|group| match self.hierarchies.version {
                Version::One => make_one(group, is_cpuset),
                Version::Two => make_two(group),
            })
        };
        let mut made = make();
        for _ in 0..MOST_REPEATS {
            match &made {
                Err(error) if error.kind() == io::ErrorKind::NotFound => made = make(),
                _ => break,
            }
        }
        made
    }

    /// Sets the cell's part of the processors beside other cells: small while nobody waits for it. Without the controller
    /// all have the same.
    pub(crate) fn set_share(&self, ahead: bool) -> io::Result<()> {
        let setting = share(ahead, self.hierarchies.version);
        match self.folder_for(setting.controller) {
            Some(cell) => bound(&cell, &setting),
            None => Ok(()),
        }
    }

    /// Puts a process of the host into the daemon's group.
    pub(crate) fn adopt(&self, pid: i32) -> io::Result<()> {
        for folder in self.daemon_folders() {
            fs::write(folder.join("cgroup.procs"), pid.to_string())?;
        }
        Ok(())
    }

    /// The daemon's group in each hierarchy.
    fn daemon_folders(&self) -> impl Iterator<Item = PathBuf> {
        self.folders().map(|cell| cell.join(DAEMON))
    }

    /// The helpers' group in each hierarchy; the same paths inside the cell.
    pub(crate) fn helper_folders(&self) -> Vec<PathBuf> {
        self.folders().map(|cell| cell.join(JOBS).join(HELPERS)).collect()
    }

    /// The jobs' group that counts what a controller bounds.
    pub(crate) fn jobs_folder(&self, controller: &str) -> Option<PathBuf> {
        self.folder_for(controller).map(|cell| cell.join(JOBS))
    }

    /// What the daemon calls the parent of its containers' groups.
    pub(crate) fn jobs_path(&self) -> String {
        format!("/circle/{}/{JOBS}", self.name)
    }

    /// Begins to watch the limits; the groups must have been made.
    pub(crate) fn watch_limits(&self) -> io::Result<Hits> {
        let memory = self.jobs_folder("memory");
        let memory = memory.ok_or_else(|| io::Error::other("there is no memory controller"))?;
        Hits::watch(self.hierarchies.version, memory, self.jobs_folder("pids"))
    }

    /// Every process in the groups.
    pub(crate) fn processes(&self) -> BTreeSet<i32> {
        let mut found = BTreeSet::new();
        for cell in self.folders() {
            for group in tree(&cell) {
                let list = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
                found.extend(list.lines().filter_map(|line| line.parse::<i32>().ok()));
            }
        }
        found.remove(&0);
        found
    }

    /// Kills every process in the groups; returns which it found.
    pub(crate) fn kill_all(&self) -> BTreeSet<i32> {
        let processes = self.processes();
        for pid in &processes {
            if let Ok(process) = open_pidfd(*pid) {
                let _ = kill_by_pidfd(process.as_fd());
            }
        }
        processes
    }

    /// The processes that the daemon consists of, and init.
    pub(crate) fn daemon_processes(&self) -> Vec<i32> {
        let list = self.daemon_folders().next().map(|folder| folder.join("cgroup.procs"));
        let list = list.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        list.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Removes the groups, depth first; those that are gone already count as removed. Fails while one has a process.
    /// What was removed is written down also when the rest resists.
    pub(crate) fn remove(&self, removed: &mut Vec<String>) -> io::Result<()> {
        for (_, circle) in self.hierarchies.circle_folders() {
            let cell = circle.join(&self.name);
            for group in tree(&cell) {
                match fs::remove_dir(&group) {
                    Ok(()) => removed.push(group.display().to_string()),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(named(error, &group.display().to_string())),
                }
            }
            // The folder of all cells goes with the last cell; while others are there this fails, as it should.
            let _ = fs::remove_dir(circle);
        }
        Ok(())
    }

    fn folders(&self) -> impl Iterator<Item = PathBuf> {
        self.hierarchies
            .circle_folders()
            .map(|(_, circle)| circle.join(&self.name))
    }

    fn folder_for(&self, controller: &str) -> Option<PathBuf> {
        let hierarchy = match self.hierarchies.version {
            Version::One => self.hierarchies.of(controller)?,
            Version::Two => self.hierarchies.all.first()?,
        };
        Some(hierarchy.mount.join("circle").join(&self.name))
    }
}

/// Sets one limit of a group.
fn bound(group: &Path, setting: &Setting) -> io::Result<()> {
    match fs::write(group.join(setting.file), &setting.value) {
        Err(_) if setting.optional => Ok(()),
        written => written.map_err(|error| named(error, setting.file)),
    }
}

/// A group and all below it, the deepest first.
fn tree(group: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(tree(&entry.path()));
        }
    }
    if group.is_dir() {
        found.push(group.to_path_buf());
    }
    found
}

/// Version 1: a new cpuset is empty, and a process cannot join it until it has its parent's processors and memory.
fn make_one(group: &Path, is_cpuset: bool) -> io::Result<()> {
    fs::create_dir_all(group).map_err(|error| named(error, &group.display().to_string()))?;
    if !is_cpuset {
        return Ok(());
    }
    let Some(parent) = group.parent() else { return Ok(()) };
    for file in ["cpuset.cpus", "cpuset.mems"] {
        if !fs::read_to_string(group.join(file))?.trim().is_empty() {
            continue;
        }
        match fs::read_to_string(parent.join(file))?.trim() {
            "" => {
                return Err(named(
                    io::ErrorKind::NotFound.into(),
                    "the group above was removed meanwhile",
                ));
            }
            theirs => fs::write(group.join(file), theirs)?,
        }
    }
    Ok(())
}

/// Version 2: a controller works in a group when its parent hands it down. One that the machine lacks is left out.
fn make_two(group: &Path) -> io::Result<()> {
    if let Some(parent) = group.parent() {
        for controller in CONTROLLERS {
            let _ = fs::write(parent.join("cgroup.subtree_control"), controller);
        }
    }
    fs::create_dir_all(group).map_err(|error| named(error, &group.display().to_string()))
}

fn named(error: io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
