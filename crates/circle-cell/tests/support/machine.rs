//! What a machine has, before and after: the debris audit.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

/// Everything that cells of one instance could leave on a machine.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Machine {
    pub(crate) mounts: BTreeSet<String>,
    pub(crate) cgroups: BTreeSet<String>,
    pub(crate) links: BTreeSet<String>,
    pub(crate) rules: BTreeSet<String>,
    pub(crate) disks: BTreeSet<String>,
    pub(crate) processes: BTreeSet<String>,
}

impl Machine {
    /// Looks for whatever carries the instance's name, and for processes of the mapped users' range or of the state
    /// folder. Other tests run at the same time, with instances of their own.
    pub(crate) fn look(instance: &str, state: &str) -> Self {
        let ours = |text: &String| text.contains(instance) || text.contains(state);
        Self {
            mounts: lines(&fs::read_to_string("/proc/self/mountinfo").expect("mounts"))
                .filter(ours)
                // The provider's own storage is mounted from its first cell to its end.
                .filter(|mount| !mount.contains("/state/pool "))
                .collect(),
            cgroups: cgroups().into_iter().filter(ours).collect(),
            links: names("/sys/class/net")
                .filter(|name| name.starts_with(&format!("cv{instance}")))
                .collect(),
            rules: rules().into_iter().filter(ours).collect(),
            disks: ["cells", "mounts"]
                .into_iter()
                .flat_map(|part| names(&format!("{state}/pool/{part}")))
                .collect(),
            processes: processes(instance),
        }
    }
}

/// Rules of both families, and those of nftables.
fn rules() -> BTreeSet<String> {
    let programs: [&[&str]; 3] = [&["iptables-save"], &["ip6tables-save"], &["nft", "list", "ruleset"]];
    let listed = programs.into_iter().map(|words| {
        let output = Command::new(words[0]).args(&words[1..]).output().expect(words[0]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    });
    listed.flat_map(|text| lines(&text).collect::<Vec<_>>()).collect()
}

fn lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

fn names(folder: &str) -> impl Iterator<Item = String> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

fn cgroups() -> BTreeSet<String> {
    let hierarchies = names("/sys/fs/cgroup").map(|name| format!("/sys/fs/cgroup/{name}/circle"));
    let mut found = BTreeSet::new();
    for folder in hierarchies.chain(["/sys/fs/cgroup/circle".to_owned()]) {
        found.extend(names(&folder).map(|name| format!("{folder}/{name}")));
    }
    found
}

/// Processes whose cgroup carries the instance's name.
fn processes(instance: &str) -> BTreeSet<String> {
    let numbers = names("/proc").filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    numbers
        .filter(|pid| {
            fs::read_to_string(format!("/proc/{pid}/cgroup"))
                .is_ok_and(|groups| groups.contains(&format!("/circle/{instance}-")))
        })
        .map(|pid| {
            format!(
                "{pid} {}",
                fs::read_to_string(format!("/proc/{pid}/comm"))
                    .unwrap_or_default()
                    .trim()
            )
        })
        .collect()
}
