//! Which cgroup hierarchies this machine has, and where.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of all cells of all Circles in each hierarchy.
const CIRCLE: &str = "circle";
/// The version 1 controllers that a cell needs a hierarchy of; missing ones are done without.
const WANTED: [&str; 8] = [
    "memory", "cpu", "cpuacct", "pids", "cpuset", "devices", "freezer", "blkio",
];

/// Which interface the kernel offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// A hierarchy for each controller.
    One,
    /// One hierarchy.
    Two,
}

/// One mounted hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    pub(crate) mount: PathBuf,
    /// Version 1: the controllers of this hierarchy. Empty on version 2.
    pub(crate) controllers: Vec<String>,
}

/// The hierarchies of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchies {
    pub(crate) version: Version,
    pub(crate) all: Vec<Hierarchy>,
}

impl Hierarchies {
    /// Reads them from the kernel. `None`: there are none that could carry a cell.
    pub(crate) fn detect() -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        Self::from_mounts(&mounts, |mount| {
            fs::read_to_string(mount.join("cgroup.controllers")).is_ok_and(|list| list.contains("memory"))
        })
    }

    /// Version 2 counts when its root has controllers; beside version 1 it is mounted without any.
    fn from_mounts(mounts: &str, has_controllers: impl Fn(&Path) -> bool) -> Option<Self> {
        let mut one: Vec<Hierarchy> = Vec::new();
        for line in mounts.lines() {
            let Some((mount, kind, options)) = parse_mount(line) else {
                continue;
            };
            if kind == "cgroup2" && has_controllers(&mount) {
                return Some(Self {
                    version: Version::Two,
                    all: vec![Hierarchy {
                        mount,
                        controllers: Vec::new(),
                    }],
                });
            }
            let controllers: Vec<String> = options
                .split(',')
                .filter(|option| WANTED.contains(option))
                .map(str::to_owned)
                .collect();
            let is_new = one.iter().all(|known| known.controllers != controllers);
            if kind == "cgroup" && !controllers.is_empty() && is_new {
                one.push(Hierarchy { mount, controllers });
            }
        }
        let has_memory = one
            .iter()
            .any(|hierarchy| hierarchy.controllers.iter().any(|name| name == "memory"));
        has_memory.then_some(Self {
            version: Version::One,
            all: one,
        })
    }

    /// Where the hierarchies are mounted, for the cell's root.
    pub(crate) fn mounts(&self) -> Vec<PathBuf> {
        self.all.iter().map(|hierarchy| hierarchy.mount.clone()).collect()
    }

    /// The folder of all cells in each hierarchy.
    pub(crate) fn circle_folders(&self) -> impl Iterator<Item = (&Hierarchy, PathBuf)> {
        self.all
            .iter()
            .map(|hierarchy| (hierarchy, hierarchy.mount.join(CIRCLE)))
    }

    /// The version 1 hierarchy of a controller.
    pub(crate) fn of(&self, controller: &str) -> Option<&Hierarchy> {
        self.all
            .iter()
            .find(|hierarchy| hierarchy.controllers.iter().any(|name| name == controller))
    }
}

/// For the doctor: the version, and which controllers that bound something are missing.
pub(crate) fn detect_cgroups() -> Option<(Version, Vec<&'static str>)> {
    let found = Hierarchies::detect()?;
    let bounding = ["memory", "cpu", "pids"];
    let has = |controller: &str| match found.version {
        Version::One => found.of(controller).is_some(),
        Version::Two => found.all.iter().any(|hierarchy| {
            let list = fs::read_to_string(hierarchy.mount.join("cgroup.controllers")).unwrap_or_default();
            list.split_whitespace().any(|name| name == controller)
        }),
    };
    Some((
        found.version,
        bounding.into_iter().filter(|controller| !has(controller)).collect(),
    ))
}

/// Mount point, file system and super options of one line of `mountinfo` (proc(5)).
fn parse_mount(line: &str) -> Option<(PathBuf, &str, &str)> {
    let (place, rest) = line.split_once(" - ")?;
    let mount = place.split(' ').nth(4)?;
    let mut rest = rest.split(' ');
    let kind = rest.next()?;
    let options = rest.nth(1)?;
    Some((PathBuf::from(mount), kind, options))
}

#[cfg(test)]
mod tests {
    use super::{Hierarchies, Version};

    const ONE: &str = "30 29 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
31 29 0:27 / /sys/fs/cgroup/memory rw,relatime shared:5 - cgroup cgroup rw,memory
32 29 0:28 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
33 29 0:29 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
34 29 0:27 / /elsewhere/memory rw,relatime - cgroup cgroup rw,memory";

    #[test]
    fn version_one_is_found_beside_an_empty_version_two() {
        let found = Hierarchies::from_mounts(ONE, |_| false).expect("version one");
        assert_eq!(found.version, Version::One);
        let mounts: Vec<_> = found.mounts().iter().map(|mount| mount.display().to_string()).collect();
        assert_eq!(mounts, ["/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/memory"]);
        assert!(found.of("cpuacct").is_some() && found.of("pids").is_none());
    }

    #[test]
    fn version_two_is_taken_when_it_has_controllers() {
        let found = Hierarchies::from_mounts("25 1 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw", |_| true);
        let found = found.expect("version two");
        assert_eq!((found.version, found.all.len()), (Version::Two, 1));
    }

    #[test]
    fn a_machine_without_controllers_carries_no_cell() {
        assert_eq!(
            Hierarchies::from_mounts("25 1 0:22 / /proc rw - proc proc rw", |_| true),
            None
        );
    }
}
