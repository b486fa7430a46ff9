//! Removes what an earlier owner of the state folder left, recognised by the instance's name.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::time::Duration;

use nix::mount::{MntFlags, umount2};

use super::cgroup::CellGroups;
use super::core::Core;
use super::network::links_of;
use super::remains::remove_all;
use crate::{CellError, CellId, Swept};

/// Killed processes are gone within this, unless the kernel itself is stuck.
const DEATH_DEADLINE: Duration = Duration::from_secs(10);
const DEATH_PAUSE: Duration = Duration::from_millis(5);

/// Removes every cell of this instance that is not one of this process. The lock on the state folder says that no other
/// process has any.
pub(super) async fn sweep(core: &Core) -> Result<Swept, CellError> {
    let mut swept = Swept::default();
    let ours = core.names();
    for id in names_on_this_machine(core).difference(&ours) {
        sweep_one(core, id, &mut swept).await?;
    }
    core.firewall
        .sweep()
        .await
        .map_err(CellError::io("remove firewall rules of", core.owner.state()))?;
    Ok(swept)
}

async fn sweep_one(core: &Core, id: &CellId, swept: &mut Swept) -> Result<(), CellError> {
    let groups = CellGroups::new(core.hierarchies.clone(), id.as_str());
    let folder = core.owner.cells().join(id.as_str());
    swept
        .processes
        .extend(kill_all(id, &groups).await?.iter().map(|pid| format!("{pid} of {id}")));
    let link = id.link();
    if links_of(&link).contains(&link) {
        swept.links.push(link);
    }
    let prefix = format!("{}/", folder.display());
    for mount in mounts_beneath(&prefix) {
        umount2(mount.as_str(), MntFlags::MNT_DETACH)
            .map_err(io::Error::from)
            .map_err(CellError::io("unmount", &mount))?;
        swept.mounts.push(mount);
    }
    let before: Vec<String> = groups
        .existing()
        .iter()
        .map(|group| group.display().to_string())
        .collect();
    let had_folder = folder.exists();
    remove_all(id, &groups, &folder).await?;
    swept.cgroups.extend(before);
    swept.folders.extend(had_folder.then_some(folder));
    Ok(())
}

/// Kills until the cgroups are empty: a process that forks may be born while its parent is killed.
async fn kill_all(id: &CellId, groups: &CellGroups) -> Result<BTreeSet<i32>, CellError> {
    let deadline = tokio::time::Instant::now() + DEATH_DEADLINE;
    let mut killed = BTreeSet::new();
    loop {
        let found = groups.kill_all();
        if found.is_empty() {
            return Ok(killed);
        }
        if tokio::time::Instant::now() > deadline {
            let left = format!("processes that do not die: {found:?}");
            return Err(CellError::Left { id: id.clone(), left });
        }
        killed.extend(found);
        tokio::time::sleep(DEATH_PAUSE).await;
    }
}

/// Every name of a cell of this instance that a folder, a cgroup or a link carries.
fn names_on_this_machine(core: &Core) -> BTreeSet<CellId> {
    let instance = core.owner.instance();
    let groups = core.hierarchies.circle_folders().map(|(_, folder)| folder);
    let mut names = BTreeSet::new();
    for folder in groups.chain([core.owner.cells()]) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            names.extend(entry.file_name().to_str().and_then(|name| name.parse::<CellId>().ok()));
        }
    }
    let prefix = format!("cv{instance}");
    for link in links_of(&prefix) {
        names.extend(
            link.strip_prefix(&prefix)
                .and_then(|number| format!("{instance}-{number}").parse::<CellId>().ok()),
        );
    }
    names.retain(|id| id.as_str().starts_with(&format!("{instance}-")));
    names
}

/// Mount points beneath a folder, the deepest first.
fn mounts_beneath(prefix: &str) -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut found: Vec<String> = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .filter(|mount| mount.starts_with(prefix))
        .map(str::to_owned)
        .collect();
    found.reverse();
    found
}
