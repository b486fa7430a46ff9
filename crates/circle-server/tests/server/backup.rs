//! A server is backed up while it works, and restored elsewhere as it was.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use circle_api::resources::{SecretScope, SecretSet};
use circle_api::routes::{self, DEFAULT_WORKSPACE};
use circle_api::worker::SecretValue;
use circle_core::ids::RunId;
use circle_core::names::VariableName;
use circle_server::backup::{BackupError, Checked, FORMAT, Keys, check, restore};
use reqwest::Method;
use tempfile::TempDir;

use crate::support::{Circle, Job, Options, Played, Repo, until};

const PIPELINE: &str =
    "pre_build:\n  image: busybox\n  commands: [make]\n  outputs: [out]\n  secrets: [TOKEN]\nbuild: {}\n";
const LINE: &[u8] = b"0123456789abcde\n";

async fn set_secret(circle: &Circle) {
    let wish = SecretSet {
        scope: SecretScope::Workspace,
        name: VariableName::new("TOKEN").expect("a name"),
        value: SecretValue::new("worth-to-be-kept"),
        limits: None,
    };
    circle.api.set_secret(DEFAULT_WORKSPACE, &wish).await.expect("set");
}

/// Takes a backup as the command line does.
async fn backup(circle: &Circle, to: &Path) -> Checked {
    let mut pieces = circle.api.back_up().await.expect("begun");
    let mut file = std::fs::File::create_new(to).expect("a new file");
    while let Some(piece) = pieces.next().await.expect("a piece") {
        file.write_all(&piece).expect("written");
    }
    check(to).expect("whole")
}

fn key_of(circle: &Circle) -> Keys {
    Keys::File(circle.folder.path().join("server/master-key"))
}

/// An empty data folder, and the place of the server in it.
fn empty() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = folder.path().join("server");
    (folder, server)
}

async fn log_of(circle: &Circle, run: RunId) -> Vec<u8> {
    let answer = circle.get(&format!("/api/v1/runs/{run}/log/checkout")).await;
    if answer.status() == 404 {
        return Vec::new();
    }
    answer.bytes().await.expect("a log").to_vec()
}

/// A run of a branch of its own, so that none waits for another.
async fn begun(circle: &Circle, repo: &Repo, worker: &Played, branch: &str) -> Job {
    repo.push_file("of", branch, branch).await;
    let run = circle.trigger_branch("shop", Some(branch)).await;
    worker.claim(run).await
}

/// Prints lines of one job until told to end, while both are alive; answers how many bytes were acknowledged.
async fn print_until(job: &Job, other: &Job, enough: &AtomicBool) -> u64 {
    let (mut place, mut count) = (0, 0);
    while !enough.load(Ordering::Relaxed) {
        let sent = job.log(job.chunk("checkout", (count, place), LINE)).await;
        assert_eq!(sent.status(), 200);
        (place, count) = (place + LINE.len() as u64, count + 1);
        for alive in [job, other] {
            let beat = alive.request(Method::POST, "heartbeat").json(&serde_json::json!({}));
            assert_eq!(beat.send().await.expect("an answer").status(), 200);
        }
    }
    place
}

async fn run_with_output(circle: &Circle, repo: &Repo, worker: &Played) -> RunId {
    let mut job = begun(circle, repo, worker, "ended").await;
    assert_eq!(
        job.log(job.chunk("checkout", (0, 0), b"what was printed\n"))
            .await
            .status(),
        200
    );
    job.stage("checkout", None).await;
    job.stage_with("pre_build", "a tar").await;
    job.stage("build", None).await;
    job.stage("push", None).await;
    job.tell(circle_core::run::WorkerEvent::PartSucceeded).await;
    circle.ended(job.run()).await;
    job.run()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_working_server_is_the_server_at_one_moment() {
    // A lease keeps its time in the copy: short enough to wait for.
    let options = Options {
        lease_ms: 6_000,
        ..Options::default()
    };
    let (circle, repo) = (Circle::start_with(options).await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    set_secret(&circle).await;
    let worker = Played::enrol(&circle, "w", 8).await;
    let ended = run_with_output(&circle, &repo, &worker).await;
    let printing = begun(&circle, &repo, &worker, "printing").await;
    assert_eq!(
        printing.log(printing.chunk("checkout", (0, 0), LINE)).await.status(),
        200
    );
    let waiting = circle.trigger_branch("shop", Some("printing")).await;
    let (folder, server) = empty();
    let file = folder.path().join("all.tar");

    // Runs begin, print and end all the while, so that logs are closed too.
    let enough = AtomicBool::new(false);
    let working = async {
        let mut runs = Vec::new();
        for number in 0.. {
            let mut job = begun(&circle, &repo, &worker, &format!("busy-{number}")).await;
            job.log(job.chunk("checkout", (0, 0), LINE)).await;
            job.succeed().await;
            runs.push(job.run());
            if enough.load(Ordering::Relaxed) {
                break;
            }
        }
        runs
    };
    let backing_up = async {
        until("some runs to end", || count(&circle), |count| *count > 5).await;
        let checked = backup(&circle, &file).await;
        enough.store(true, Ordering::Relaxed);
        checked
    };
    let growing = begun(&circle, &repo, &worker, "growing").await;
    let printed = async { (growing.run(), print_until(&growing, &printing, &enough).await) };
    let (checked, busy, (more, acknowledged)) = tokio::join!(backing_up, working, printed);
    assert_eq!((checked.head.format, checked.keys.len()), (FORMAT, 1));
    assert_eq!(checked.keys[0].values, 2, "the hook's secret and the one that was set");
    assert!(
        !circle.folder.path().join("server/backup").exists(),
        "the copy of the store is removed"
    );

    restore(&file, &server, &key_of(&circle), None).expect("restored");
    let copy = Circle::start_on_with(folder, options).await;
    // Tokens of before are known, and the machine has one of its own.
    assert_ne!(copy.token, circle.token);
    let known = copy
        .http
        .get(format!("{}{}", copy.url, routes::MASTER_KEYS))
        .bearer_auth(&circle.token);
    assert_eq!(known.send().await.expect("an answer").status(), 200);
    // What had ended is the same in everything.
    let (before, after) = (circle.run(ended).await, copy.run(ended).await);
    assert_eq!((before.run, before.stages), (after.run, after.stages));
    assert_eq!(log_of(&copy, ended).await, b"what was printed\n");
    // The log that grew is as long as what was acknowledged before, and nothing of it is other.
    let (before, after) = (log_of(&circle, more).await, log_of(&copy, more).await);
    assert!(
        before.len() as u64 >= acknowledged && before.starts_with(&after) && !after.is_empty(),
        "{} {}",
        before.len(),
        after.len()
    );
    for run in busy {
        let answer = copy.get(&format!("/api/v1/runs/{run}")).await;
        if answer.status() == 200 && copy.run(run).await.verdict.is_some() {
            assert_eq!(log_of(&copy, run).await, LINE, "run {run} had ended");
        }
    }
    // A run that was going is lost to its worker, and goes on with another; so does what waited behind it.
    until(
        "the run to wait again",
        || copy.run(printing.run()),
        |view| view.run.state.word() == "queued",
    )
    .await;
    let other = Played::enrol(&copy, "other", 8).await;
    let mut again = other.claim(printing.run()).await;
    assert_eq!(
        (again.assignment.attempt, again.secret("TOKEN")),
        (2, "worth-to-be-kept")
    );
    assert_eq!(
        again
            .log(again.chunk("checkout", (0, 0), b"once more\n"))
            .await
            .status(),
        200
    );
    again.succeed().await;
    assert_eq!(copy.ended(printing.run()).await.run.state.word(), "succeeded");
    assert_eq!(log_of(&copy, printing.run()).await, b"once more\n");
    other.claim(waiting).await.fail("enough was seen").await;
    // Stored outputs are there for a rerun.
    assert!(blobs(&copy).contains(&b"a tar".to_vec()));
}

async fn count(circle: &Circle) -> usize {
    let runs = circle
        .api
        .runs(DEFAULT_WORKSPACE, &Default::default())
        .await
        .expect("runs");
    runs.items.iter().filter(|run| run.state.word() == "succeeded").count()
}

fn blobs(circle: &Circle) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut folders = vec![circle.folder.path().join("server/blobs/sha256")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry"))
        {
            match entry.path().is_dir() {
                true => folders.push(entry.path()),
                false => found.push(std::fs::read(entry.path()).expect("a blob")),
            }
        }
    }
    found
}

/// A small backup of a server with one run, and the key that it needs.
async fn small(folder: &Path) -> (Circle, PathBuf) {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    set_secret(&circle).await;
    let worker = Played::enrol(&circle, "w", 8).await;
    run_with_output(&circle, &repo, &worker).await;
    let file = folder.join("small.tar");
    backup(&circle, &file).await;
    (circle, file)
}

/// Name, begin and length of every entry.
fn entries(file: &Path) -> Vec<(String, u64, u64)> {
    let mut archive = tar::Archive::new(std::fs::File::open(file).expect("there"));
    let entries = archive.entries().expect("a tar");
    let place = |entry: std::io::Result<tar::Entry<'_, std::fs::File>>| {
        let entry = entry.expect("an entry");
        let name = entry.path().expect("a name").display().to_string();
        (name, entry.raw_file_position(), entry.size())
    };
    entries.map(place).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flipped_bit_and_every_cut_is_found_before_anything_is_in_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let (circle, file) = small(folder.path()).await;
    let whole = std::fs::read(&file).expect("there");
    let found = entries(&file);
    let has = |part: &str| found.iter().any(|(name, ..)| name.starts_with(part));
    assert!(
        has("records/circle.db") && has("logs/") && has("blobs/") && has("SHA256SUMS"),
        "{found:?}"
    );
    let target = folder.path().join("server");
    for (name, begin, length) in &found {
        // A bit of the header, and the first, a middle and the last byte of what is in it.
        let inside = [0, length / 2, length.saturating_sub(1)].map(|place| begin + place);
        let places = [begin - 512]
            .into_iter()
            .chain(inside.into_iter().filter(|_| *length > 0));
        for place in places {
            let mut copy = whole.clone();
            copy[usize::try_from(place).expect("small")] ^= 0x10;
            let broken = folder.path().join("broken.tar");
            std::fs::write(&broken, copy).expect("written");
            let error = restore(&broken, &target, &key_of(&circle), None).expect_err("it is damaged");
            assert!(!target.exists(), "{name} at {place}: {error}");
            let told = error.to_string();
            let is_named = matches!(error, BackupError::Damaged { .. } | BackupError::NoBackup { .. });
            assert!(is_named && told.contains("broken.tar"), "{name} at {place}: {told}");
        }
    }
    for (_, begin, length) in &found {
        for end in [begin - 100, begin + length / 2] {
            let short = folder.path().join("short.tar");
            std::fs::write(&short, &whole[..usize::try_from(end).expect("small")]).expect("written");
            let error = restore(&short, &target, &key_of(&circle), None).expect_err("it is cut off");
            assert!(!target.exists() && !error.to_string().is_empty(), "{error}");
        }
    }
    restore(&file, &target, &key_of(&circle), None).expect("the one that was not touched");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_24_a_restore_wants_the_key_and_an_empty_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let (circle, file) = small(folder.path()).await;
    let archive = std::fs::read(&file).expect("there");
    let data = circle.folder.path().join("server");
    for secret in ["master-key", "admin-token"] {
        let text = std::fs::read_to_string(data.join(secret)).expect("there");
        let value = text.trim().rsplit(' ').next().expect("a value").as_bytes();
        assert!(
            !archive.windows(value.len()).any(|part| part == value),
            "{secret} is in the backup"
        );
    }
    assert!(!archive.windows(16).any(|part| part == b"worth-to-be-kept"));
    let id = circle.api.master_keys().await.expect("keys").keys[0].id.clone();

    let target = folder.path().join("server");
    let refused = |keys: Keys| restore(&file, &target, &keys, None).expect_err("refused").to_string();
    let without = refused(Keys::InPlace);
    assert!(without.contains(&id) && without.contains("--master-key"), "{without}");
    let other = Circle::start().await;
    let wrong = refused(key_of(&other));
    assert!(wrong.contains(&id), "{wrong}");
    let missing = refused(Keys::File(folder.path().join("no-key")));
    assert!(missing.contains("no-key"), "{missing}");
    assert!(!target.exists());

    std::fs::create_dir(&target).expect("made");
    std::fs::write(target.join("records"), "").expect("something");
    let full = refused(key_of(&circle));
    assert!(full.contains("not empty") && full.contains("records"), "{full}");
    std::fs::remove_file(target.join("records")).expect("removed");
    // A key that lies there already is taken.
    std::fs::copy(data.join("master-key"), target.join("master-key")).expect("copied");
    restore(&file, &target, &Keys::InPlace, None).expect("restored");
    let twice = refused(Keys::InPlace);
    assert!(twice.contains("not empty"), "{twice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_newer_circle_and_a_file_of_somebody_else_are_refused() {
    let (folder, server) = empty();
    let file = folder.path().join("other.tar");
    std::fs::write(&file, "no tar at all").expect("written");
    let none = restore(&file, &server, &Keys::InPlace, None)
        .expect_err("no backup")
        .to_string();
    assert!(
        none.contains("no backup of Circle") || none.contains("ends early"),
        "{none}"
    );
    let mut archive = tar::Builder::new(std::fs::File::create(&file).expect("made"));
    let head =
        serde_json::json!({ "format": FORMAT + 1, "circle": "9.9.9", "made_at": "2030-01-01T00:00:00Z", "more": 1 });
    let text = head.to_string();
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o600);
    archive
        .append_data(&mut header, "backup.json", text.as_bytes())
        .expect("appended");
    archive.finish().expect("written");
    let newer = restore(&file, &server, &Keys::InPlace, None)
        .expect_err("newer")
        .to_string();
    assert!(newer.contains("restore it with Circle 9.9.9"), "{newer}");
    assert!(!server.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_does_not_start_on_half_a_restore() {
    let mut circle = Circle::start().await;
    circle.stop().await;
    std::fs::create_dir(circle.folder.path().join("server/restoring")).expect("made");
    let told = circle.refuses_to_start().await;
    assert!(told.contains("restore") && told.contains("restoring"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_backup_at_a_time_and_one_that_nobody_takes_ends() {
    let (circle, folder) = (Circle::start().await, tempfile::tempdir().expect("a folder"));
    set_secret(&circle).await;
    let first = circle.api.back_up().await.expect("begun");
    let second = circle.api.back_up().await.expect_err("one at a time");
    assert_eq!(second.status(), Some(409), "{second}");
    // Whoever hangs up ends the work, and leaves nothing.
    drop(first);
    let staging = circle.folder.path().join("server/backup");
    let begin = || async { circle.api.back_up().await.ok() };
    let mut third = until("the first to end", begin, Option::is_some).await.expect("begun");
    while third.next().await.expect("a piece").is_some() {}
    until("the copy to be removed", || async { staging.exists() }, |there| !there).await;
    backup(&circle, &folder.path().join("all.tar")).await;
    let kept = circle
        .http
        .post(format!("{}{}", circle.url, routes::BACKUP))
        .bearer_auth(&circle.token);
    let answer = kept.header("idempotency-key", "once").send().await.expect("an answer");
    assert_eq!(answer.status(), 400);
}
