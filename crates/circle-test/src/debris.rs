//! What a machine carries, to be compared before and after: whatever Circle made must be gone.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use circle_cell::process::instance_name;

use crate::disks::disks;
use crate::files::beside_its_own;

/// Names of everything that a worker's cells could leave behind. Of the whole machine, or of one worker where other tests run
/// beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debris {
    seen: BTreeSet<String>,
}

/// Where it is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What carries the name or the folder of this worker.
    Worker,
    /// Everything of the kinds that cells make, whoever made it. For a machine where nothing else comes and goes.
    Machine,
}

impl Debris {
    /// Looks at the machine; `worker` is the worker's data folder.
    ///
    /// # Errors
    /// When the machine does not answer.
    pub fn look(worker: &Path, scope: Scope) -> Result<Self> {
        let marks = Marks::of(worker);
        let is_wanted = |text: &str| scope == Scope::Machine || marks.are_in(text);
        let mut seen = BTreeSet::new();
        let mut note = |kind: &str, found: Vec<String>| {
            seen.extend(
                found
                    .into_iter()
                    .filter(|text| is_wanted(text))
                    .map(|text| format!("{kind} {text}")),
            );
        };
        note("mount", mounts()?);
        note("link", links()?);
        for program in ["iptables-save", "ip6tables-save"] {
            note("rule", rules(program)?);
        }
        note("table", tables());
        note("cgroup", cgroups(Path::new("/sys/fs/cgroup"), 4));
        note("loop device", loops());
        note("process", processes(&marks));
        note("socket", sockets()?);
        let own = beside_its_own(worker).into_iter();
        seen.extend(own.map(|path| format!("file {path}")));
        let own = disks(&worker.join("cells"))?.into_iter();
        seen.extend(own.map(|name| format!("disk {name}")));
        Ok(Self { seen })
    }

    /// A machine that carries nothing.
    pub fn none() -> Self {
        Self { seen: BTreeSet::new() }
    }

    /// What is there now and was not there before.
    pub fn beyond(&self, before: &Self) -> Vec<String> {
        self.seen.difference(&before.seen).cloned().collect()
    }

    /// How many things were seen.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

/// By what the things of one worker are known.
struct Marks {
    instance: String,
    folder: String,
}

impl Marks {
    fn of(worker: &Path) -> Self {
        Self {
            instance: instance_name(&worker.join("cells")),
            folder: worker.display().to_string(),
        }
    }

    fn are_in(&self, text: &str) -> bool {
        text.contains(&self.instance) || text.contains(&self.folder)
    }
}

/// Lines of `/proc/self/mountinfo` without their numbers.
fn mounts() -> Result<Vec<String>> {
    let text = fs::read_to_string("/proc/self/mountinfo")?;
    let line = |line: &str| line.splitn(4, ' ').last().unwrap_or(line).to_owned();
    Ok(text.lines().map(line).collect())
}

fn links() -> Result<Vec<String>> {
    let name = |line: &String| Some(line.split(": ").nth(1)?.split('@').next()?.to_owned());
    Ok(command("ip", &["-o", "link", "show"])?
        .iter()
        .filter_map(name)
        .collect())
}

fn rules(program: &str) -> Result<Vec<String>> {
    let lines = command(program, &[])?;
    // Chains of nobody have a policy and counters; those of somebody have none.
    let is_rule = |line: &String| line.starts_with("-A") || (line.starts_with(':') && line.contains(" - "));
    let without_counters = |line: String| line.split(" [").next().unwrap_or_default().to_owned();
    Ok(lines.into_iter().filter(is_rule).map(without_counters).collect())
}

/// Where iptables keeps its rules when nftables carries them; they are seen through `iptables-save`.
const OF_IPTABLES: [&str; 5] = ["filter", "nat", "mangle", "raw", "security"];

/// Tables of nftables and the chains in them: `inet circle_abcdef out`. A machine without `nft` has none.
fn tables() -> Vec<String> {
    let mut found = Vec::new();
    let mut table = None;
    for line in command("nft", &["list", "ruleset"]).unwrap_or_default() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["table", family, name, ..] => {
                let is_others = family != "inet" && OF_IPTABLES.contains(&name);
                table = (!is_others).then(|| format!("{family} {name}"));
                found.extend(table.clone());
            }
            ["chain", chain, ..] => found.extend(table.as_ref().map(|table| format!("{table} {chain}"))),
            _ => {}
        }
    }
    found
}

fn cgroups(folder: &Path, depth: u32) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = entry.path();
        found.push(path.display().to_string());
        if depth > 0 {
            found.extend(cgroups(&path, depth - 1));
        }
    }
    // Those of the machine's own services come and go; cells' stand beneath one name.
    found.retain(|path| path.contains("/circle"));
    found
}

/// Loop devices with the files behind them.
fn loops() -> Vec<String> {
    let devices = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let backed = devices.filter_map(|device| {
        let file = fs::read_to_string(device.path().join("loop/backing_file")).ok()?;
        Some(format!("{} {}", device.file_name().to_string_lossy(), file.trim()))
    });
    backed.collect()
}

/// Processes that are in a cgroup of a cell, or that mention the worker's folder.
fn processes(marks: &Marks) -> Vec<String> {
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
        let groups = String::from_utf8_lossy(&read("cgroup")).into_owned();
        let line = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
        let in_cell = groups.contains(&format!("/circle/{}-", marks.instance));
        if pid != own && (in_cell || line.contains(&marks.folder)) {
            found.push(format!(
                "{} of {} {}",
                line.trim(),
                marks.instance,
                if in_cell { "in a cell" } else { "" }
            ));
        }
    }
    found
}

/// Named unix sockets that somebody listens on.
fn sockets() -> Result<Vec<String>> {
    let text = fs::read_to_string("/proc/net/unix")?;
    let path = |line: &str| {
        line.split(' ')
            .next_back()
            .filter(|path| path.starts_with('/'))
            .map(str::to_owned)
    };
    Ok(text.lines().filter_map(path).collect())
}

fn command(program: &str, arguments: &[&str]) -> Result<Vec<String>> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("start {program}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().map(str::to_owned).collect())
}
