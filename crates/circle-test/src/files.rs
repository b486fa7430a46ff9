//! The files of a worker and of a server: which are its own, which grow with the runs, and why. What is not named here is not
//! supposed to be there, or to grow.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What a worker has whether it has cells or not, beneath its folder, with the reason.
const OF_A_WORKER: [(&str, &str); 6] = [
    ("token", "what the server knows it by"),
    ("cells", "everything of its cells"),
    ("cells/owner", "the number of the process that owns the folder"),
    ("cells/cells", "where cells have their folders"),
    (
        "cells/pool",
        "where the storage is mounted: what lies there is looked at by its names",
    ),
    (
        "cells/pool.btrfs",
        "the storage's own file, which grows with the golden roots to the bound that the operator sets",
    ),
];
/// The one of these that is not looked into.
const POOL: &str = "cells/pool";
/// Where living cells write: their files are known by their names alone.
const CELLS: &str = "cells/cells/";

/// What of a server's folder grows with the runs.
struct Growth {
    beneath: &'static str,
    because: &'static str,
    /// However few runs there were.
    at_once_bytes: u64,
    a_run_bytes: u64,
}

const OF_A_SERVER: [Growth; 3] = [
    Growth {
        beneath: "records/",
        because: "a run, its delivery, and who asked for it are records that are kept; the write-ahead log is cut at 16 MiB",
        at_once_bytes: 16 << 20,
        a_run_bytes: 64 << 10,
    },
    Growth {
        beneath: "logs/",
        because: "the log of a run is kept with it, until --keep-days are over",
        at_once_bytes: 64 << 10,
        a_run_bytes: 16 << 10,
    },
    Growth {
        beneath: "mirrors/",
        because: "a commit's trees are fetched once; a mirror that is too large is made anew",
        at_once_bytes: 64 << 10,
        a_run_bytes: 16 << 10,
    },
];

/// Every file and folder beneath a worker's that is not its own, with the sizes of files.
pub(crate) fn beside_its_own(worker: &Path) -> Vec<String> {
    let mut found = Vec::new();
    walk(worker, "", &mut |name, bytes| {
        let is_own = OF_A_WORKER.iter().any(|(own, _)| *own == name);
        if !is_own {
            let size = bytes.filter(|_| !name.starts_with(CELLS));
            let size = size.map(|bytes| format!(" of {bytes} bytes")).unwrap_or_default();
            found.push(format!("{}{size}", worker.join(name).display()));
        }
        name != POOL
    });
    found
}

/// The size of every file beneath a folder.
pub(crate) fn sizes(folder: &Path) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    walk(folder, "", &mut |name, bytes| {
        found.extend(bytes.map(|bytes| (name.to_owned(), bytes)));
        true
    });
    found
}

/// What of a server's folder grew in so many runs and may not, or grew by more than it may.
pub(crate) fn grown(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>, runs: u64) -> Vec<String> {
    let growth_of = |name: &str| OF_A_SERVER.iter().find(|growth| name.starts_with(growth.beneath));
    let unnamed = after.iter().filter(|(name, _)| growth_of(name).is_none());
    let mut found: Vec<String> = unnamed
        .filter(|(name, bytes)| before.get(*name).is_none_or(|had| had < bytes))
        .map(|(name, bytes)| format!("{name} has {bytes} bytes instead of {:?}", before.get(name)))
        .collect();
    for growth in &OF_A_SERVER {
        let sum = |sizes: &BTreeMap<String, u64>| -> u64 {
            let beneath = sizes.iter().filter(|(name, _)| name.starts_with(growth.beneath));
            beneath.map(|(_, bytes)| bytes).sum()
        };
        let (had, has) = (sum(before), sum(after));
        if has.saturating_sub(had) > growth.at_once_bytes + growth.a_run_bytes * runs {
            found.push(format!(
                "{} has {has} bytes instead of {had} after {runs} runs, which is more than what it grows by because {}",
                growth.beneath, growth.because
            ));
        }
    }
    found
}

/// Calls `see` for everything beneath a folder with its name there, and its size when it is a file; it says whether to look into a
/// folder. What vanishes meanwhile was not there.
fn walk(root: &Path, beneath: &str, see: &mut impl FnMut(&str, Option<u64>) -> bool) {
    for entry in fs::read_dir(root.join(beneath)).into_iter().flatten().flatten() {
        let name = format!("{beneath}{}", entry.file_name().to_string_lossy());
        let Ok(facts) = entry.metadata() else { continue };
        let looks_into = see(&name, facts.is_file().then_some(facts.len()));
        if facts.is_dir() && looks_into {
            walk(root, &format!("{name}/"), see);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{beside_its_own, grown, sizes};

    #[test]
    fn whatever_a_worker_forgets_is_seen_and_its_own_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let worker = folder.path();
        for own in ["cells/cells", "cells/pool/kept/base-1"] {
            fs::create_dir_all(worker.join(own)).expect("a folder");
        }
        for own in ["token", "cells/owner", "cells/pool.btrfs", "cells/pool/roots.json"] {
            fs::write(worker.join(own), "own").expect("a file");
        }
        assert_eq!(beside_its_own(worker), [] as [String; 0]);
        fs::create_dir_all(worker.join("cells/cells/c0ffee-0001/run")).expect("a folder");
        fs::write(worker.join("cells/cells/c0ffee-0001/run/daemon.log"), "ends").expect("a file");
        fs::write(worker.join("token.new"), "half").expect("a file");
        let mut found = beside_its_own(worker);
        found.sort();
        let at = |name: &str| worker.join(name).display().to_string();
        let cell = [
            "cells/cells/c0ffee-0001",
            "cells/cells/c0ffee-0001/run",
            "cells/cells/c0ffee-0001/run/daemon.log",
        ];
        let mut wanted: Vec<String> = cell.iter().map(|name| at(name)).collect();
        wanted.push(format!("{} of 4 bytes", at("token.new")));
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_server_grows_by_what_runs_leave_and_by_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let server = folder.path();
        let write = |name: &str, bytes: usize| fs::write(server.join(name), vec![0; bytes]).expect("a file");
        for part in ["records", "logs/done/00"] {
            fs::create_dir_all(server.join(part)).expect("a folder");
        }
        write("records/circle.db", 4_096);
        write("admin-token", 40);
        let before = sizes(server);
        write("records/circle.db", 400_000);
        write("logs/done/00/run", 10_000);
        assert_eq!(grown(&before, &sizes(server), 2), [] as [String; 0]);
        write("logs/done/00/run", 1 << 20);
        write("admin-token", 41);
        write("left", 1);
        let found = grown(&before, &sizes(server), 2).join("\n");
        for named in [
            "logs/ has 1048576 bytes instead of 0",
            "admin-token has 41",
            "left has 1 bytes",
        ] {
            assert!(found.contains(named), "{named} is not in {found}");
        }
        assert_eq!(found.lines().count(), 3, "{found}");
    }
}
