//! What a machine carries, to be compared before and after: whatever Circle made must be gone.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// Names of everything that a cell or a server could leave behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debris {
    /// Lines of `/proc/self/mountinfo` without their numbers.
    mounts: BTreeSet<String>,
    /// Network links.
    links: BTreeSet<String>,
    /// Firewall rules.
    rules: BTreeSet<String>,
    /// Cgroup folders of cells.
    cgroups: BTreeSet<String>,
    /// Command lines of processes that mention the folder under test.
    processes: BTreeSet<String>,
}

impl Debris {
    /// Looks at the machine; of processes and mounts only what has to do with `folder`.
    ///
    /// # Errors
    /// When the machine does not answer.
    pub fn look(folder: &Path) -> Result<Self> {
        let ours = folder.display().to_string();
        Ok(Self {
            mounts: lines(&std::fs::read_to_string("/proc/self/mountinfo")?)
                .filter(|line| line.contains(&ours))
                .collect(),
            links: command("ip", &["-o", "link", "show"])?
                .filter_map(|line| link_name(&line))
                .collect(),
            rules: command("iptables-save", &[])?
                .filter(|line| line.starts_with("-A"))
                .collect(),
            cgroups: cgroups(Path::new("/sys/fs/cgroup"), 4),
            processes: processes(&ours)?,
        })
    }

    /// What is there now and was not there before; `others` runs beside this test may have come and gone.
    pub fn beyond(&self, before: &Self) -> Vec<String> {
        let pairs = [
            (&self.mounts, &before.mounts),
            (&self.links, &before.links),
            (&self.rules, &before.rules),
            (&self.cgroups, &before.cgroups),
            (&self.processes, &before.processes),
        ];
        pairs
            .iter()
            .flat_map(|(now, then)| now.difference(then).cloned())
            .collect()
    }
}

fn lines(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines()
        .map(|line| line.splitn(5, ' ').last().unwrap_or(line).to_owned())
}

fn command(program: &str, arguments: &[&str]) -> Result<impl Iterator<Item = String>> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("start {program}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().map(str::to_owned).collect::<Vec<_>>().into_iter())
}

fn link_name(line: &str) -> Option<String> {
    line.split(": ").nth(1)?.split('@').next().map(str::to_owned)
}

fn cgroups(folder: &Path, depth: u32) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return found;
    };
    for entry in entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
    {
        let path = entry.path();
        if path.components().any(|part| part.as_os_str() == "circle") && entry.file_name() != "circle" {
            found.insert(path.display().to_string());
        }
        if depth > 0 {
            found.extend(cgroups(&path, depth - 1));
        }
    }
    found
}

fn processes(mention: &str) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let own = std::process::id().to_string();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if name != own && line.contains(mention) {
            found.insert(line.trim().to_owned());
        }
    }
    Ok(found)
}
