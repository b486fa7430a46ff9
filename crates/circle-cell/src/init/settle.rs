//! Makes a container that an engine has started a cell: control groups that can be written to, users to map to, folders in
//! which views can be shown, and bounds on what will run.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::bounds::bound_open_files;
use super::etc::{make_users, trust_instead};
use super::order::{CELL_FOLDER, Settle};
use super::root::share;
use super::tools::{Outcome, bind};
use crate::process::{CellGroups, CgroupVersion, Hierarchies, make_writable};

/// On version 2 a group that has processes cannot hand controllers down, so the container's own is left for this one.
const FIRST_GROUP: &str = "circle-first";

/// What the worker and this init need to know afterwards.
pub(super) struct Settled {
    /// The jobs' groups for memory and for processes, and the data root.
    pub(super) folders: Vec<OwnedFd>,
    /// The groups of processes beside the containers.
    pub(super) helpers: Vec<PathBuf>,
}

pub(super) fn settle(orders: &Settle) -> Outcome<Settled> {
    bound_open_files(orders.limits.open_files)?;
    make_writable().map_err(|error| error.to_string())?;
    make_users(Path::new("/etc"), orders.remap)?;
    if let Some(bundle) = &orders.certificates {
        trust_instead(bundle, Path::new("/etc"))?;
    }
    let cell = Path::new(CELL_FOLDER);
    let views = cell.join("views");
    bind(&views, &views)?;
    share(&views)?;
    let hierarchies = Hierarchies::detect().ok_or("the container has no control groups with a memory controller")?;
    let groups = group(hierarchies, orders).map_err(|error| format!("make its control groups: {error}"))?;
    let memory = groups.jobs_folder("memory").ok_or("there is no memory controller")?;
    let pids = groups.jobs_folder("pids").unwrap_or_else(|| memory.clone());
    let folders = [memory, pids, cell.join("docker")].map(|folder| {
        let opened = File::open(&folder).map(OwnedFd::from);
        opened.map_err(|error| format!("open {}: {error}", folder.display()))
    });
    Ok(Settled {
        folders: folders.into_iter().collect::<Outcome<_>>()?,
        helpers: groups.helper_folders(),
    })
}

/// Makes the groups, and moves this process to where the daemon will be.
fn group(hierarchies: Hierarchies, orders: &Settle) -> std::io::Result<CellGroups> {
    let first = match hierarchies.version {
        CgroupVersion::One => None,
        CgroupVersion::Two => hierarchies.mounts().first().map(|mount| mount.join(FIRST_GROUP)),
    };
    if let Some(first) = &first {
        fs::create_dir_all(first)?;
        fs::write(first.join("cgroup.procs"), "0")?;
    }
    let groups = CellGroups::new(hierarchies, &orders.name);
    groups.make(&orders.limits)?;
    groups.adopt(1)?;
    if let Some(first) = &first {
        fs::remove_dir(first)?;
    }
    Ok(groups)
}
