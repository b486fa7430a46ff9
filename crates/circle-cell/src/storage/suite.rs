//! What every storage promises, tried on each of them: btrfs in a file of its own, files on XFS, files on whatever there
//! is, folders.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use tempfile::TempDir;

use super::choose::{foresee_with, open_with};
use super::loops::{mount_file, source_of, unmount_lazily};
use super::{Keeps, Kept, Storage, StorageChoice, open_storage};
use crate::CellId;

mod others;

/// Small, so that filling one takes a moment only.
const LIMIT: u64 = 192 << 20;
/// Smaller yet: empty files fill it.
const FILES_LIMIT: u64 = 64 << 20;
/// Somebody who is mapped.
const MAPPED: u32 = 1_048_576 + 7;

/// A storage in a folder that is taken down with it.
struct Place {
    storage: Arc<dyn Storage>,
    state: PathBuf,
    /// A file system of the test's own beneath.
    beneath: Option<PathBuf>,
    _folder: TempDir,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.storage.close();
        if let Some(mount) = &self.beneath {
            unmount_lazily(mount);
        }
    }
}

async fn place(choice: StorageChoice, on_xfs: bool) -> Place {
    let folder = tempfile::Builder::new().prefix("cs").tempdir().expect("a folder");
    let state = folder.path().join("state");
    fs::create_dir(&state).expect("a folder");
    if on_xfs {
        mount_new("xfs", &state).await;
    }
    let storage = open_storage(&state, choice, Some(4 << 30)).await.expect("it opens");
    Place {
        storage,
        beneath: on_xfs.then(|| state.clone()),
        state,
        _folder: folder,
    }
}

/// A new file system in a file beside the folder, mounted there.
async fn mount_new(kind: &str, target: &Path) {
    let file = target.with_extension(kind);
    fs::File::create(&file)
        .expect("a file")
        .set_len(2 << 30)
        .expect("sparse");
    run(&format!("mkfs.{kind}"), &["-q", file.to_str().expect("text")]);
    mount_file(&file, kind, "noatime", target).await.expect("it is mounted");
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {complaint}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn cell(number: u32) -> CellId {
    CellId::new("0c0ffe", number)
}

fn kept(name: &str) -> Kept {
    Kept(name.to_owned())
}

/// Everything that a data root is made of.
fn furnish(disk: &Path) {
    fs::create_dir_all(disk.join("overlay2/layer")).expect("a folder");
    fs::write(disk.join("overlay2/layer/program"), vec![7; 3 << 20]).expect("a file");
    fs::hard_link(disk.join("overlay2/layer/program"), disk.join("overlay2/again")).expect("a hard link");
    symlink("../layer", disk.join("overlay2/link")).expect("a link");
    chown(disk.join("overlay2/layer/program"), Some(MAPPED), Some(MAPPED)).expect("an owner");
    let whiteout = disk.join("overlay2/layer/removed");
    mknod(&whiteout, SFlag::S_IFCHR, Mode::empty(), makedev(0, 0)).expect("a whiteout");
    run(
        "setfattr",
        &[
            "-n",
            "trusted.overlay.opaque",
            "-v",
            "y",
            disk.join("overlay2/layer").to_str().expect("text"),
        ],
    );
}

/// What a test compares of a disk.
fn seen(disk: &Path) -> Vec<String> {
    let fact = |name: &str| {
        let path = disk.join(name);
        let meta = fs::symlink_metadata(&path).unwrap_or_else(|error| panic!("{name} is missing: {error}"));
        format!(
            "{name} {:o} {}:{} {} links {}",
            meta.mode(),
            meta.uid(),
            meta.gid(),
            meta.rdev(),
            meta.nlink()
        )
    };
    let names = [
        "overlay2/layer/program",
        "overlay2/again",
        "overlay2/link",
        "overlay2/layer/removed",
    ];
    let mut facts: Vec<String> = names.into_iter().map(fact).collect();
    let inode = |name: &str| fs::metadata(disk.join(name)).expect("a file").ino();
    facts.push(format!(
        "same {}",
        inode("overlay2/again") == inode("overlay2/layer/program")
    ));
    facts.push(format!(
        "content {:?}",
        fs::read(disk.join("overlay2/again")).map(|bytes| bytes.iter().map(|b| u64::from(*b)).sum::<u64>())
    ));
    facts.push(run(
        "getfattr",
        &[
            "-d",
            "-m",
            "-",
            "--absolute-names",
            "--only-values",
            disk.join("overlay2/layer").to_str().expect("text"),
        ],
    ));
    facts
}

/// Writes until it fails; says how many bytes went.
fn fill(disk: &Path, most: u64) -> (u64, Option<i32>) {
    let mut file = fs::File::create(disk.join("flood")).expect("a file");
    let block = vec![1; 1 << 20];
    let mut written = 0;
    while written < most {
        if let Err(error) = file.write_all(&block) {
            return (written, error.raw_os_error());
        }
        written += block.len() as u64;
    }
    (written, file.sync_all().err().and_then(|error| error.raw_os_error()))
}

/// Takes room without writing to it.
fn reserve(file: &Path, length: &str) {
    run("fallocate", &["--length", length, file.to_str().expect("text")]);
}

async fn conforms(place: &Place) {
    let storage = place.storage.as_ref();
    copies_are_exact_and_apart(storage).await;
    what_a_crash_left_is_found_by_its_name(place).await;
    removing_is_idempotent(storage).await;
    sizes_are_told(storage).await;
    disks_come_and_go_side_by_side(storage).await;
    if storage.facts().bounded {
        a_full_disk_is_one_cells_own(storage).await;
        a_disk_of_empty_files_is_one_cells_own(storage).await;
    }
}

async fn copies_are_exact_and_apart(storage: &dyn Storage) {
    let first = storage.open(&cell(1), None, Some(LIMIT)).await.expect("an empty disk");
    assert_eq!(
        fs::read_dir(&first).expect("a folder").count(),
        0,
        "a new disk is empty"
    );
    furnish(&first);
    let original = seen(&first);
    storage.keep(&cell(1), &kept("root-1")).await.expect("kept");
    assert_eq!(storage.cells().await.expect("cells"), []);
    let (second, third) = tokio::join!(
        async {
            storage
                .open(&cell(2), Some(&kept("root-1")), Some(LIMIT))
                .await
                .expect("a copy")
        },
        async {
            storage
                .open(&cell(3), Some(&kept("root-1")), Some(LIMIT))
                .await
                .expect("a copy")
        }
    );
    assert_eq!(seen(&second), original);
    fs::write(second.join("overlay2/layer/program"), "poison").expect("written");
    fs::remove_file(second.join("overlay2/link")).expect("removed");
    assert_eq!(seen(&third), original, "a copy saw what was written to another");
    storage.forget(&kept("root-1")).await.expect("forgotten");
    assert_eq!(seen(&third), original, "a copy lives without what it began from");
    storage.keep(&cell(3), &kept("root-2")).await.expect("kept");
    let fourth = storage
        .open(&cell(4), Some(&kept("root-2")), Some(LIMIT))
        .await
        .expect("a copy of a copy");
    assert_eq!(seen(&fourth), original);
    for number in [2, 4] {
        storage.remove(&cell(number)).await.expect("removed");
    }
    storage.forget(&kept("root-2")).await.expect("forgotten");
    assert_eq!(storage.kept().await.expect("kept"), []);
}

async fn what_a_crash_left_is_found_by_its_name(place: &Place) {
    place.storage.open(&cell(5), None, Some(LIMIT)).await.expect("a disk");
    place.storage.open(&cell(6), None, Some(LIMIT)).await.expect("a disk");
    place.storage.keep(&cell(6), &kept("root-3")).await.expect("kept");
    // The next owner finds the mounts and devices of the one that was killed.
    let choice = match place.storage.facts().kind {
        "btrfs" => StorageChoice::Btrfs,
        "reflink" => StorageChoice::Reflink,
        _ => StorageChoice::Plain,
    };
    let next = open_storage(&place.state, choice, Some(4 << 30))
        .await
        .expect("it opens again");
    assert_eq!(next.cells().await.expect("cells"), [cell(5)]);
    assert_eq!(next.kept().await.expect("kept"), [kept("root-3")]);
    next.remove(&cell(5)).await.expect("removed");
    next.forget(&kept("root-3")).await.expect("forgotten");
    assert_eq!(next.cells().await.expect("cells"), []);
    let_go_of(&place.state.join("pool")).await;
}

async fn removing_is_idempotent(storage: &dyn Storage) {
    storage.open(&cell(7), None, Some(LIMIT)).await.expect("a disk");
    for _ in 0..2 {
        storage.remove(&cell(7)).await.expect("removed");
        storage.forget(&kept("never-1")).await.expect("there is none");
    }
}

async fn disks_come_and_go_side_by_side(storage: &dyn Storage) {
    let loops = (20..24).map(|number| async move {
        for _ in 0..5 {
            let opened = storage.open(&cell(number), None, Some(LIMIT)).await;
            let disk = opened.expect("a disk beside those that go");
            fs::write(disk.join("file"), "content").expect("written");
            storage.remove(&cell(number)).await.expect("removed");
        }
    });
    join_all(loops).await;
}

async fn sizes_are_told(storage: &dyn Storage) {
    let disk = storage.open(&cell(8), None, Some(LIMIT)).await.expect("a disk");
    fs::write(disk.join("large"), vec![3; 20 << 20]).expect("written");
    storage.keep(&cell(8), &kept("one-1")).await.expect("kept");
    let alone = storage.size_of(&kept("one-1")).await.expect("a size");
    assert!(alone.total_bytes >= 20 << 20, "{alone:?}");
    assert!(alone.own_bytes >= 20 << 20, "{alone:?}");
    storage
        .open(&cell(9), Some(&kept("one-1")), Some(LIMIT))
        .await
        .expect("a copy");
    storage.keep(&cell(9), &kept("two-1")).await.expect("kept");
    let copy = storage.size_of(&kept("two-1")).await.expect("a size");
    assert!(copy.total_bytes >= 20 << 20, "{copy:?}");
    if storage.facts().keeps == Keeps::Everything {
        assert!(copy.own_bytes < 2 << 20, "a copy shares everything: {copy:?}");
    }
    for name in ["one-1", "two-1"] {
        storage.forget(&kept(name)).await.expect("forgotten");
    }
}

async fn a_full_disk_is_one_cells_own(storage: &dyn Storage) {
    let greedy = storage.open(&cell(10), None, Some(LIMIT)).await.expect("a disk");
    let modest = storage.open(&cell(11), None, Some(LIMIT)).await.expect("a disk");
    assert!(!storage.is_full(&cell(10)).await, "an empty disk is full");
    let (written, error) = fill(&greedy, LIMIT * 2);
    let full = [Some(nix::libc::ENOSPC), Some(nix::libc::EDQUOT)];
    assert!(full.contains(&error), "wrote {written} bytes, then {error:?}");
    assert!(
        written > LIMIT / 2 && written <= LIMIT,
        "wrote {written} of {LIMIT} bytes"
    );
    assert!(storage.is_full(&cell(10)).await, "the full disk is not seen");
    assert!(!storage.is_full(&cell(11)).await);
    assert_eq!(fill(&modest, 16 << 20), (16 << 20, None), "the neighbour suffers");
    for number in [10, 11] {
        storage.remove(&cell(number)).await.expect("removed");
    }
}

/// Files take room even when they are empty: of inodes where there is a number of them, of bytes where there is none.
async fn a_disk_of_empty_files_is_one_cells_own(storage: &dyn Storage) {
    let greedy = storage.open(&cell(12), None, Some(FILES_LIMIT)).await.expect("a disk");
    let modest = storage.open(&cell(13), None, Some(FILES_LIMIT)).await.expect("a disk");
    let (made, error) = litter(&greedy, 1_000_000);
    let full = [Some(nix::libc::ENOSPC), Some(nix::libc::EDQUOT)];
    assert!(full.contains(&error), "made {made} files, then {error:?}");
    assert!(made > 1_000, "made {made} files only");
    assert!(storage.is_full(&cell(12)).await, "the full disk is not seen");
    assert!(!storage.is_full(&cell(13)).await);
    assert_eq!(litter(&modest, 100), (100, None), "the neighbour suffers");
    for number in [12, 13] {
        storage.remove(&cell(number)).await.expect("removed");
    }
}

/// Makes empty files with long names until that fails; says how many there are.
fn litter(disk: &Path, most: u32) -> (u32, Option<i32>) {
    for number in 0..most {
        if let Err(error) = fs::File::create(disk.join(format!("{number:0>240}"))) {
            return (number, error.raw_os_error());
        }
    }
    (most, None)
}

/// A machine with everything, and the same without the programs of btrfs.
#[tokio::test]
async fn the_best_that_a_machine_can_do_is_chosen_and_the_doctor_foresees_it() {
    let everything: fn(&str) -> bool = |_| true;
    let without_btrfs: fn(&str) -> bool = |tool| !tool.contains("btrfs");
    for (kind, beneath, tools) in [
        ("btrfs", "xfs", everything),
        ("reflink", "xfs", without_btrfs),
        ("plain", "ext4", without_btrfs),
    ] {
        let folder = tempfile::Builder::new().prefix("cs").tempdir().expect("a folder");
        let state = folder.path().join("state");
        fs::create_dir(&state).expect("a folder");
        mount_new(beneath, &state).await;
        let foreseen = foresee_with(&state, StorageChoice::Auto, tools).expect("something works everywhere");
        let opened = open_with(&state, StorageChoice::Auto, Some(1 << 30), tools).await;
        let place = Place {
            storage: opened.expect("it opens"),
            beneath: Some(state.clone()),
            state,
            _folder: folder,
        };
        assert_eq!(place.storage.facts().kind, kind, "on {beneath}");
        assert_eq!(*place.storage.facts(), foreseen, "on {beneath}");
    }
}

#[tokio::test]
async fn btrfs_in_a_file_conforms() {
    let place = place(StorageChoice::Btrfs, false).await;
    assert_eq!(place.storage.facts().kind, "btrfs");
    conforms(&place).await;
}

#[tokio::test]
async fn files_on_xfs_conform() {
    let place = place(StorageChoice::Reflink, true).await;
    assert_eq!(
        (place.storage.facts().kind, place.storage.facts().keeps),
        ("reflink", Keeps::Everything)
    );
    conforms(&place).await;
}

#[tokio::test]
async fn plain_files_conform() {
    let place = place(StorageChoice::Plain, false).await;
    assert_eq!(
        (place.storage.facts().kind, place.storage.facts().bounded),
        ("plain", true)
    );
    conforms(&place).await;
}

#[tokio::test]
async fn plain_folders_conform() {
    let mut place = place(StorageChoice::Plain, false).await;
    let folder = place.state.join("folders");
    place.storage = Arc::new(super::folders::Folders::open(&folder, "a test").expect("folders"));
    copies_are_exact_and_apart(place.storage.as_ref()).await;
    removing_is_idempotent(place.storage.as_ref()).await;
    sizes_are_told(place.storage.as_ref()).await;
}

/// Anybody may make subvolumes where he may write, and would have a disk of his own in them.
#[tokio::test]
async fn sec_28_a_subvolume_that_a_job_makes_counts_to_its_cell_and_goes_with_it() {
    let place = place(StorageChoice::Btrfs, false).await;
    let disk = place.storage.open(&cell(1), None, Some(LIMIT)).await.expect("a disk");
    let nested = disk.join("volume/mine");
    fs::create_dir(disk.join("volume")).expect("a folder");
    for subvolume in [&nested, &nested.join("deeper")] {
        run("btrfs", &["subvolume", "create", subvolume.to_str().expect("text")]);
    }
    let (written, error) = fill(&nested, LIMIT * 2);
    if super::btrfs::Quota::find(&place.state.join("pool")) == super::btrfs::Quota::Simple {
        assert!(
            error.is_some() && written <= LIMIT,
            "wrote {written} bytes past the bound"
        );
    }
    place
        .storage
        .remove(&cell(1))
        .await
        .expect("removed with all that is in it");
    assert!(!disk.exists());
}

/// Waits until no loop device has the file, or a file in the folder: the kernel frees the device of a lazy mount on its own
/// time, once the last user of the mount is gone.
async fn let_go_of(path: &Path) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let files = run("losetup", &["--list", "--noheadings", "--output", "BACK-FILE"]);
        let held: Vec<&str> = files.lines().filter(|file| Path::new(file).starts_with(path)).collect();
        if held.is_empty() {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "still attached: {held:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_storage_in_a_file_grows_before_it_is_full_and_lets_go_of_everything() {
    let folder = tempfile::Builder::new().prefix("cs").tempdir().expect("a folder");
    let state = folder.path();
    let small = Some(1 << 30);
    let storage = open_storage(state, StorageChoice::Btrfs, small)
        .await
        .expect("it opens");
    let file = state.join("pool.btrfs");
    let size = || fs::metadata(&file).expect("the file").len();
    assert_eq!(size(), 1 << 30);
    let disk = storage.open(&cell(1), None, None).await.expect("a disk");
    reserve(&disk.join("large"), "800MiB");
    storage.grow().await.expect("there is nothing to grow to");
    assert_eq!(size(), 1 << 30, "it grew past what it may");
    storage.close();
    assert_eq!(source_of(&state.join("pool")), None);
    let_go_of(&file).await;

    let storage = open_storage(state, StorageChoice::Btrfs, Some(3 << 30))
        .await
        .expect("it opens again");
    storage.grow().await.expect("it grows");
    assert!(size() > 1 << 30, "it did not grow");
    assert_eq!(storage.cells().await.expect("cells"), [cell(1)]);
    // The new room can be used.
    reserve(&disk.join("larger"), "400MiB");
    storage.close();
}

#[tokio::test]
async fn a_broken_file_is_made_anew() {
    let folder = tempfile::Builder::new().prefix("cs").tempdir().expect("a folder");
    fs::write(folder.path().join("pool.btrfs"), vec![9; 1 << 20]).expect("nonsense");
    let storage = open_storage(folder.path(), StorageChoice::Btrfs, Some(2 << 30))
        .await
        .expect("it opens");
    storage.open(&cell(1), None, Some(LIMIT)).await.expect("a disk");
    storage.close();
}

/// A checksum that is wrong for a while stands for whatever keeps a file system from being mounted and passes.
#[tokio::test]
async fn a_file_that_does_not_mount_for_now_keeps_its_roots_and_auto_takes_nothing_else() {
    let folder = tempfile::Builder::new().prefix("cs").tempdir().expect("a folder");
    let state = folder.path();
    let open = || open_storage(state, StorageChoice::Auto, Some(2 << 30));
    let storage = open_storage(state, StorageChoice::Btrfs, Some(2 << 30))
        .await
        .expect("it opens");
    storage.open(&cell(1), None, Some(LIMIT)).await.expect("a disk");
    storage.keep(&cell(1), &kept("root-1")).await.expect("kept");
    storage.close();
    let path = state.join("pool.btrfs");
    let_go_of(&path).await;

    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(&path)
        .expect("the file");
    let mut sum = [0];
    file.read_exact_at(&mut sum, 0x1_0000).expect("read");
    file.write_all_at(&[sum[0] ^ 1], 0x1_0000).expect("written");
    let error = open().await.expect_err("it does not mount").to_string();
    let told = ["pool.btrfs", "could not be mounted", "Nothing in it was changed"];
    assert!(told.iter().all(|part| error.contains(part)), "{error}");
    let fallen = fs::read_dir(state.join("pool")).expect("a folder").count();
    assert_eq!(fallen, 0, "another storage was begun");

    file.write_all_at(&sum, 0x1_0000).expect("written");
    let storage = open().await.expect("it opens again");
    assert_eq!(storage.facts().kind, "btrfs");
    assert_eq!(storage.kept().await.expect("kept"), [kept("root-1")]);
    storage.close();
}

#[tokio::test]
async fn a_file_whose_last_mount_still_has_a_user_is_mounted_by_the_device_that_it_has() {
    let folder = tempfile::Builder::new().prefix("cs").tempdir().expect("a folder");
    let state = folder.path();
    let open = || open_storage(state, StorageChoice::Btrfs, Some(2 << 30));
    let storage = open().await.expect("it opens");
    let disk = storage.open(&cell(1), None, Some(LIMIT)).await.expect("a disk");
    let mut user = fs::File::create(disk.join("file")).expect("a file");
    let device = source_of(&state.join("pool")).expect("it is mounted");
    storage.close();

    let storage = open().await.expect("it opens again");
    assert_eq!(
        source_of(&state.join("pool")),
        Some(device),
        "the kernel knows one file system"
    );
    assert_eq!(storage.cells().await.expect("cells"), [cell(1)]);
    user.write_all(b"late").expect("written");
    let seen = fs::read(disk.join("file")).expect("read");
    assert_eq!(seen, b"late", "both see the same");
    drop(user);
    storage.close();
    let storage = open().await.expect("it opens a third time");
    assert_eq!(fs::read(disk.join("file")).expect("read"), b"late");
    storage.close();
}
