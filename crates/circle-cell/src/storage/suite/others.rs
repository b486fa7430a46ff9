//! On a btrfs that is not Circle's: groups of its owner, and of another worker, are as before whatever cells do.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::{LIMIT, Place, cell, conforms, fill, kept, mount_new, run};
use crate::CellId;
use crate::storage::btrfs::Quota;
use crate::storage::loops::unmount_lazily;
use crate::storage::{Storage, StorageChoice, open_storage};
use crate::sys::enable_simple_quota;

/// An operator's file system, in which two workers have their folders.
struct Shared {
    first: Arc<dyn Storage>,
    second: Arc<dyn Storage>,
    mount: PathBuf,
    _folder: TempDir,
}

impl Drop for Shared {
    fn drop(&mut self) {
        unmount_lazily(&self.mount);
    }
}

impl Shared {
    async fn new(quota: Quota) -> Self {
        let folder = tempfile::Builder::new().prefix("cs").tempdir().expect("a folder");
        let mount = folder.path().join("disk");
        fs::create_dir(&mount).expect("a folder");
        mount_new("btrfs", &mount).await;
        match quota {
            Quota::Off => {}
            Quota::Simple => enable_simple_quota(&mount).expect("it counts"),
            Quota::Full => drop(run("btrfs", &["quota", "enable", text(&mount)])),
        }
        let open = async |name: &str| {
            fs::create_dir(mount.join(name)).expect("a folder");
            let opened = open_storage(&mount.join(name), StorageChoice::Btrfs, None).await;
            opened.expect("it opens")
        };
        let (first, second) = (open("first").await, open("second").await);
        assert_eq!(first.facts().bounded, quota != Quota::Off, "{:?}", first.facts());
        assert!(first.facts().sentence.contains("of the data folder"));
        Self {
            first,
            second,
            mount,
            _folder: folder,
        }
    }

    /// Groups as `btrfs qgroup show` prints them, with their limits.
    fn groups(&self) -> Vec<String> {
        run("btrfs", &["filesystem", "sync", text(&self.mount)]);
        let shown = run("btrfs", &["qgroup", "show", "--raw", "-pcre", text(&self.mount)]);
        // The columns are as wide as their widest row.
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        shown.lines().skip(2).map(words).collect()
    }

    /// The operator's: an empty one, one with a limit, one with a member, and one at the level that Circle uses.
    fn make_foreign(&self) -> Vec<&'static str> {
        let foreign = vec!["1/0", "1/100", "1/7", "17225/3"];
        for group in &foreign {
            run("btrfs", &["qgroup", "create", group, text(&self.mount)]);
        }
        for group in ["1/100", "17225/3"] {
            run("btrfs", &["qgroup", "limit", "50M", group, text(&self.mount)]);
            run("btrfs", &["qgroup", "limit", "-e", "60M", group, text(&self.mount)]);
        }
        let member = self.mount.join("snapshots");
        run("btrfs", &["subvolume", "create", "-i", "1/7", text(&member)]);
        foreign
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// Lines of these groups.
fn of(groups: &[String], wanted: &[&str]) -> Vec<String> {
    let is_wanted = |line: &&String| wanted.contains(&line.split_whitespace().next().unwrap_or_default());
    groups.iter().filter(is_wanted).cloned().collect()
}

/// What makes a storage lift limits: a disk that cannot be removed.
async fn stumble(storage: &dyn Storage, id: &CellId) {
    let stone = storage.folder().join("cells").join(id.as_str());
    fs::create_dir(&stone).expect("a folder that is no subvolume");
    storage.remove(id).await.expect_err("it cannot be removed");
    fs::remove_dir(stone).expect("removed");
}

async fn others_notice_nothing(quota: Quota) {
    let shared = Shared::new(quota).await;
    let foreign = shared.make_foreign();
    let (first, second) = (shared.first.as_ref(), shared.second.as_ref());
    let neighbour = second.open(&cell(1), None, Some(LIMIT)).await.expect("a disk");
    // A worker that was killed: the next one of its folder knows nothing but what is written down.
    let dead = first.open(&cell(1), None, Some(LIMIT)).await.expect("a disk");
    fs::write(dead.join("file"), vec![1; 1 << 20]).expect("a file");
    let before = of(&shared.groups(), &foreign);
    assert_eq!(before.len(), foreign.len(), "{before:#?}");
    let groups = shared.groups();
    let bounded = groups.iter().filter(|line| line.contains(&LIMIT.to_string()));
    assert_eq!(bounded.count(), 2, "{groups:#?}");

    let state = shared.mount.join("first");
    let next = open_storage(&state, StorageChoice::Btrfs, None)
        .await
        .expect("it opens");
    stumble(next.as_ref(), &cell(2)).await;
    next.remove(&cell(1)).await.expect("removed");
    for number in 3..6 {
        next.open(&cell(number), None, Some(LIMIT)).await.expect("a disk");
        next.remove(&cell(number)).await.expect("removed");
    }
    assert_eq!(of(&shared.groups(), &foreign), before);

    let (written, error) = fill(&neighbour, LIMIT * 2);
    assert!(
        error.is_some() && written <= LIMIT,
        "the neighbour's bound is gone: {written}, {error:?}"
    );
    second.remove(&cell(1)).await.expect("removed");
    assert_eq!(of(&shared.groups(), &foreign), before);

    // With the transaction that removes its disk a dead cell's group has no use, and goes with the next.
    run("btrfs", &["subvolume", "sync", text(&shared.mount)]);
    for storage in [next.as_ref(), second] {
        storage.remove(&cell(9)).await.expect("there is none");
    }
    let names = shared.groups();
    let left: Vec<&String> = names.iter().filter(|line| !line.starts_with("0/")).collect();
    assert_eq!(left.len(), foreign.len(), "groups of dead cells are left: {left:#?}");
}

#[tokio::test]
async fn groups_of_others_stay_where_it_counts_by_the_first_writer() {
    others_notice_nothing(Quota::Simple).await;
}

#[tokio::test]
async fn groups_of_others_stay_where_it_counts_by_who_refers() {
    others_notice_nothing(Quota::Full).await;
}

async fn conforms_on(quota: Quota) {
    let shared = Shared::new(quota).await;
    let place = Place {
        storage: shared.first.clone(),
        state: shared.mount.join("first"),
        beneath: None,
        _folder: tempfile::tempdir().expect("a folder"),
    };
    conforms(&place).await;
}

#[tokio::test]
async fn btrfs_of_an_operator_without_quotas_conforms() {
    conforms_on(Quota::Off).await;
}

#[tokio::test]
async fn btrfs_of_an_operator_with_quotas_conforms() {
    conforms_on(Quota::Simple).await;
}

#[tokio::test]
async fn btrfs_of_an_operator_with_full_quotas_conforms() {
    conforms_on(Quota::Full).await;
}

#[tokio::test]
async fn roots_of_two_workers_stay_apart() {
    let shared = Shared::new(Quota::Simple).await;
    for storage in [&shared.first, &shared.second] {
        storage.open(&cell(1), None, Some(LIMIT)).await.expect("a disk");
        storage.keep(&cell(1), &kept("root-1")).await.expect("kept");
    }
    shared.first.forget(&kept("root-1")).await.expect("forgotten");
    assert_eq!(shared.first.kept().await.expect("kept"), []);
    assert_eq!(shared.second.kept().await.expect("kept"), [kept("root-1")]);
}
