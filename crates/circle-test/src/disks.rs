//! What a worker's storage holds: disks of cells, and what nothing refers to. Looked at where it is mounted, and in its file
//! where it is not.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

/// How the quota groups of cells begin, as the kernel spells them: their level, which is Circle's.
const GROUPS: &str = "17225_";

/// Names of the disks of cells beneath a worker's folder of cells.
pub(crate) fn disks(cells: &Path) -> Result<Vec<String>> {
    let pool = cells.join("pool");
    let file = cells.join("pool.btrfs");
    if device_of(&pool).is_some() || !file.exists() {
        return Ok(disks_in(&pool));
    }
    // A worker's end lets go of the mount lazily, and the kernel of the device a moment later.
    let user = run(
        "losetup",
        &["--noheadings", "--output", "NAME", "--associated", text(&file)?],
    )?;
    if let Some(device) = user.split_whitespace().next() {
        let holders = holders(device);
        return Ok(vec![format!(
            "{} is still in use by {device}: {holders:?}",
            file.display()
        )]);
    }
    let window = tempfile::tempdir()?;
    let target = text(window.path())?;
    run("mount", &["-o", "loop,ro,rescue=nologreplay", text(&file)?, target])?;
    let found = disks_in(window.path());
    run("umount", &[target])?;
    Ok(found)
}

/// Processes that have a mount of the device in sight: whoever made a copy of the table of mounts keeps it.
fn holders(device: &str) -> Vec<String> {
    let processes = names(Path::new("/proc")).into_iter();
    let holds = |pid: &String| {
        let mounts = fs::read_to_string(format!("/proc/{pid}/mounts")).unwrap_or_default();
        mounts.lines().any(|mount| mount.split(' ').next() == Some(device))
    };
    let name = |pid: String| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        format!("{pid} {}", name.trim())
    };
    processes.filter(holds).map(name).collect()
}

fn disks_in(pool: &Path) -> Vec<String> {
    let names = ["cells", "mounts"].into_iter().flat_map(|part| {
        let names = names(&pool.join(part)).into_iter();
        names.map(move |name| format!("{part}/{name}"))
    });
    names.collect()
}

/// What the storage of a living worker keeps and nobody needs: kept disks that the index of roots does not name, and quota groups that
/// nothing counts to. Both may be there for a moment.
pub(crate) fn unneeded(cells: &Path) -> Vec<String> {
    let pool = cells.join("pool");
    let index = fs::read(pool.join("roots.json")).unwrap_or_default();
    let index: Value = serde_json::from_slice(&index).unwrap_or_default();
    let stamp = |root: &Value| {
        Some(format!(
            "{}-{}",
            root["stamp"]["name"].as_str()?,
            root["stamp"]["generation"]
        ))
    };
    let roots: Vec<String> = index["roots"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(stamp)
        .collect();
    let mut kept = names(&pool.join("kept"));
    kept.retain(|name| !roots.iter().any(|root| root == name.trim_end_matches(".img")));
    let mut found: Vec<String> = kept.into_iter().map(|name| format!("root {name}")).collect();
    found.extend(idle_groups(&pool).into_iter().map(|name| format!("quota group {name}")));
    found
}

/// Quota groups of cells on the file system of a mount that count nothing.
fn idle_groups(mount: &Path) -> Vec<String> {
    let Some(device) = device_of(mount) else {
        return Vec::new();
    };
    let device = device.trim_start_matches("/dev/").to_owned();
    let systems = Path::new("/sys/fs/btrfs");
    let mut found = Vec::new();
    for system in names(systems) {
        let system = systems.join(system);
        if !system.join("devices").join(&device).exists() {
            continue;
        }
        let mut groups = names(&system.join("qgroups"));
        let used = |name: &String| fs::read_to_string(system.join("qgroups").join(name).join("referenced"));
        groups.retain(|name| name.starts_with(GROUPS) && used(name).is_ok_and(|bytes| bytes.trim() == "0"));
        found.extend(groups);
    }
    found
}

/// What is mounted on exactly this folder.
fn device_of(target: &Path) -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let target = target.to_str()?;
    let mount = mounts.lines().rfind(|line| line.split(' ').nth(4) == Some(target))?;
    mount.split_once(" - ")?.1.split(' ').nth(1).map(str::to_owned)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("start {program}"))?;
    anyhow::ensure!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path is text")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{disks, run, text, unneeded};
    use crate::{Debris, Scope};

    /// A worker's folder with a storage on btrfs in which a disk, a root and a quota group were forgotten.
    fn leak(worker: &Path) {
        let cells = worker.join("cells");
        let (pool, file) = (cells.join("pool"), cells.join("pool.btrfs"));
        fs::create_dir_all(&pool).expect("a folder");
        fs::File::create(&file)
            .expect("a file")
            .set_len(1 << 30)
            .expect("sparse");
        let text = |path: &Path| text(path).expect("text").to_owned();
        let tool = |program: &str, words: &[&str]| run(program, words).expect("it works");
        tool("mkfs.btrfs", &["-q", &text(&file)]);
        tool("mount", &["-o", "loop", &text(&file), &text(&pool)]);
        for folder in ["cells", "kept"] {
            fs::create_dir(pool.join(folder)).expect("a folder");
        }
        tool("btrfs", &["quota", "enable", &text(&pool)]);
        for subvolume in ["cells/0c0ffe-1", "kept/base-1", "kept/shop-1"] {
            tool("btrfs", &["subvolume", "create", &text(&pool.join(subvolume))]);
        }
        for group in ["17225/7", "1/7"] {
            tool("btrfs", &["qgroup", "create", group, &text(&pool)]);
        }
        let index = r#"{"roots": [{"stamp": {"name": "base", "generation": 1}}]}"#;
        fs::write(pool.join("roots.json"), index).expect("an index");
    }

    #[test]
    fn a_look_sees_disks_roots_quota_groups_and_tables_that_were_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let worker = folder.path();
        let before = Debris::look(worker, Scope::Worker).expect("a look");
        assert!(before.is_empty(), "{before:?}");
        leak(worker);
        let table = format!("circle_{}", circle_cell::process::instance_name(&worker.join("cells")));
        run("nft", &["add", "table", "inet", &table]).expect("a table");

        let cells = worker.join("cells");
        let told = unneeded(&cells);
        assert_eq!(told, ["root shop-1", "quota group 17225_7"]);
        let now = Debris::look(worker, Scope::Worker).expect("a look").beyond(&before);
        for wanted in ["disk cells/0c0ffe-1".to_owned(), format!("table inet {table}")] {
            assert!(now.contains(&wanted), "{wanted} is not among {now:#?}");
        }

        run("umount", &[text(&cells.join("pool")).expect("text")]).expect("unmounted");
        let inside = disks(&cells).expect("a look into the file");
        assert_eq!(inside, ["cells/0c0ffe-1"]);
        run("nft", &["delete", "table", "inet", &table]).expect("removed");
    }
}
