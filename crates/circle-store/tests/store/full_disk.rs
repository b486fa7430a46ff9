//! A full disk: said plainly, nothing acknowledged is lost, and when there is room again everything goes on.
//!
//! Each test runs its other half in a mount namespace of its own, on a small tmpfs: nothing is left behind.

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use circle_store::leases::{Acquire, Leases};
use circle_store::logs::{
    Chunk, EmbeddedLogs, Entry, LogArchive, LogBus, LogError, Mark, MarksQuery, Place, Read, StreamId,
};
use circle_store::records::{EmbeddedStore, Kind, NewDocument, Query, Store, StoreError};
use serde_json::json;

const FOLDER: &str = "CIRCLE_STORE_SMALL_DISK";
/// Room on the disk; what fills it up before is taken away to make room again.
const DISK_BYTES: usize = 24 * 1024 * 1024;
const BALLAST_BYTES: usize = 8 * 1024 * 1024;

#[test]
fn a_full_disk_stops_the_logs_and_loses_nothing() {
    on_small_disk("full_disk::logs_half");
}

#[test]
fn a_full_disk_stops_the_records_and_loses_nothing() {
    on_small_disk("full_disk::records_half");
}

fn on_small_disk(half: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let script = format!(r#"mount -t tmpfs -o size={DISK_BYTES} tmpfs "${FOLDER}" && exec "$0" "$@""#);
    let executable = std::env::current_exe().expect("this test's path");
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .arg(executable)
        .args(["--exact", half, "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .expect("unshare of util-linux is there");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn small_disk() -> PathBuf {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("started by the parent"));
    std::fs::write(folder.join("ballast"), vec![0; BALLAST_BYTES]).expect("there is room at first");
    folder
}

fn make_room(folder: &Path) {
    std::fs::remove_file(folder.join("ballast")).expect("removed");
}

/// Bytes of one append: many records, so that some of them fit when the whole does not.
const PART: u64 = 1_000_000;
const PART_BYTES: usize = 1_000_000;

/// What the append of a number is full of; no `\n`, of which a slice takes only so many.
fn byte_of(number: u64) -> u8 {
    b"abcdefghijklmnopqrstuvw"[usize::try_from(number).expect("small") % 23]
}

fn entries(stage: &str, offset: u64, number: u64) -> Vec<Entry> {
    let stream = StreamId::new(stage, 1);
    let bytes = Bytes::from(vec![byte_of(number); PART_BYTES]);
    let mark = Mark {
        stream: stream.clone(),
        sequence: number,
        offset,
        kind: "group".to_owned(),
        data: json!(number),
    };
    vec![
        Entry::Mark(mark),
        Entry::Chunk(Chunk {
            stream,
            sequence: number,
            offset,
            bytes,
        }),
    ]
}

#[tokio::test]
#[ignore = "the other half of a_full_disk_stops_the_logs_and_loses_nothing"]
async fn logs_half() {
    let folder = small_disk();
    let logs = EmbeddedLogs::open(&folder.join("logs")).expect("opened");
    let mut kept = 0;
    let error = loop {
        match logs.append("run_1", entries("build", kept * PART, kept)).await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 1000, "a disk of {DISK_BYTES} bytes took {kept} appends");
    };
    assert_eq!(error, LogError::Full);
    assert!(kept > 10, "only {kept} appends fitted");
    // Still full, and a new stream or run does not fit either; what is there is read all the same.
    assert_eq!(
        logs.append("run_1", entries("build", kept * PART, kept)).await,
        Err(LogError::Full)
    );
    assert_eq!(logs.append("run_1", entries("redis", 0, 0)).await, Err(LogError::Full));
    assert_eq!(logs.append("run_2", entries("build", 0, 0)).await, Err(LogError::Full));
    check_logs(&logs, kept).await;
    drop(logs);
    let logs = EmbeddedLogs::open(&folder.join("logs")).expect("opened on a full disk");
    check_logs(&logs, kept).await;
    make_room(&folder);
    for number in kept..kept + 5 {
        logs.append("run_1", entries("build", number * PART, number))
            .await
            .expect("there is room again");
    }
    check_logs(&logs, kept + 5).await;
    logs.close("run_1").await.expect("closed");
    check_logs(&logs, kept + 5).await;
}

async fn check_logs(logs: &EmbeddedLogs, kept: u64) {
    let streams = logs.streams("run_1").await.expect("readable");
    assert_eq!(streams.len(), 1, "{streams:?}");
    assert_eq!((streams[0].length, streams[0].marks), (kept * PART, kept));
    for number in 0..kept {
        let read = Read::new("run_1", "build", Place::Byte(number * PART)).limit_bytes(PART_BYTES);
        let slice = logs.read(read).await.expect("readable");
        assert!(slice.bytes.len() == PART_BYTES && slice.bytes.iter().all(|byte| *byte == byte_of(number)));
    }
    let marks = logs.marks("run_1", MarksQuery::default()).await.expect("readable");
    assert_eq!(marks.len() as u64, kept);
}

#[tokio::test]
#[ignore = "the other half of a_full_disk_stops_the_records_and_loses_nothing"]
async fn records_half() {
    let folder = small_disk();
    let store = EmbeddedStore::open(&folder.join("records")).expect("opened");
    let document = |number: usize| {
        let body = json!({"number": number, "text": "x".repeat(100_000)});
        NewDocument {
            kind: Kind::Setting,
            id: format!("setting_{number}"),
            body,
        }
    };
    let mut kept = 0;
    let error = loop {
        match store.insert(document(kept)).await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 1000, "a disk of {DISK_BYTES} bytes took {kept} documents");
    };
    assert!(matches!(error, StoreError::Full), "{error:?}");
    assert!(kept > 20, "only {kept} documents fitted");
    check_records(&store, kept).await;
    // What a holder would write does not fit: then it does not hold either, and a later holder has a larger fence.
    let leases = store.leases().await.expect("loaded");
    let wish = |holder: &str| Acquire {
        name: "the part of a run".to_owned(),
        holder: holder.to_owned(),
        ttl_ms: 60_000,
    };
    let lease = leases.acquire(wish("one"), 0).await.expect("free");
    assert_eq!(
        leases
            .renew(&lease.name, lease.fence, 60_000, 1)
            .await
            .expect("held")
            .fence,
        lease.fence
    );
    store.insert(document(kept)).await.expect_err("still full");
    assert_eq!(leases.current(&lease.name).await.expect("an answer"), None);
    make_room(&folder);
    let later = leases.acquire(wish("two"), 2).await.expect("nobody holds it");
    assert!(later.fence > lease.fence);
    for number in kept..kept + 20 {
        store.insert(document(number)).await.expect("there is room again");
    }
    check_records(&store, kept + 20).await;
    drop((store, leases));
    let store = EmbeddedStore::open(&folder.join("records")).expect("opened again");
    check_records(&store, kept + 20).await;
}

async fn check_records(store: &EmbeddedStore, kept: usize) {
    assert_eq!(
        store.count(Query::all(Kind::Setting)).await.expect("an answer"),
        kept as u64
    );
    for number in 0..kept {
        let stored = store
            .get(Kind::Setting, &format!("setting_{number}"))
            .await
            .expect("readable");
        assert_eq!(stored.expect("it is there").body["number"], json!(number));
    }
}
