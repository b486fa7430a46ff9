//! What a crash leaves: torn tails, a lost index, a run closed halfway. And what is no crash: damage.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use circle_store::logs::{
    Chunk, EmbeddedLogs, Entry, LogArchive, LogBus, LogError, Mark, MarksQuery, Place, Read, StreamId,
};
use serde_json::json;

use crate::fixtures::Folder;

fn open(folder: &Folder) -> EmbeddedLogs {
    EmbeddedLogs::open(folder.path()).expect("opened")
}

fn chunk(offset: usize, bytes: &[u8]) -> Entry {
    let (stream, bytes) = (StreamId::new("build", 1), Bytes::copy_from_slice(bytes));
    Entry::Chunk(Chunk {
        stream,
        sequence: 0,
        offset: offset as u64,
        bytes,
    })
}

fn mark(sequence: u64) -> Entry {
    let stream = StreamId::new("build", 1);
    Entry::Mark(Mark {
        stream,
        sequence,
        offset: 0,
        kind: "group".to_owned(),
        data: json!({"n": sequence}),
    })
}

fn live(folder: &Folder, name: &str) -> PathBuf {
    folder.path().join("live/run_1").join(name)
}

/// Three hundred kilobytes of numbered lines.
fn text() -> Vec<u8> {
    (0..30_000)
        .flat_map(|line| format!("line {line:04}\n").into_bytes())
        .collect()
}

async fn append(logs: &EmbeddedLogs, text: &[u8]) {
    for (place, part) in text.chunks(50_000).enumerate() {
        logs.append("run_1", vec![chunk(place * 50_000, part)])
            .await
            .expect("appended");
    }
}

async fn check(logs: &EmbeddedLogs, text: &[u8]) {
    let info = &logs.streams("run_1").await.expect("readable")[0];
    assert_eq!(info.length, text.len() as u64);
    for line in [0, 1, 9_999, 20_000] {
        let slice = logs
            .read(Read::new("run_1", "build", Place::Line(line)).limit_lines(1))
            .await
            .expect("readable");
        assert_eq!(slice.bytes, format!("line {line:04}\n").as_bytes());
    }
    let slice = logs
        .read(Read::new("run_1", "build", Place::Byte(0)))
        .await
        .expect("readable");
    assert!(slice.bytes == text, "the whole differs");
}

fn add_bytes(path: &Path, bytes: &[u8]) {
    OpenOptions::new()
        .append(true)
        .open(path)
        .expect("there")
        .write_all(bytes)
        .expect("written");
}

#[tokio::test]
async fn a_torn_tail_is_cut_off_wherever_it_is_torn() {
    let folder = Folder::new();
    let text = text();
    append(&open(&folder), &text).await;
    let path = live(&folder, "0000.log");
    let whole = std::fs::read(&path).expect("readable");
    open(&folder)
        .append("run_1", vec![chunk(text.len(), b"never acknowledged\n")])
        .await
        .expect("appended");
    let longer = std::fs::read(&path).expect("readable");
    for torn in whole.len()..longer.len() {
        std::fs::write(&path, &longer[..torn]).expect("written");
        check(&open(&folder), &text).await;
        assert_eq!(
            std::fs::metadata(&path).expect("there").len(),
            whole.len() as u64,
            "torn at {torn}"
        );
    }
    // A tail that the file system filled with zeros, and one of noise.
    for tail in [vec![0_u8; 5000], vec![0xA7; 5000]] {
        add_bytes(&path, &tail);
        let logs = open(&folder);
        check(&logs, &text).await;
        logs.append("run_1", vec![chunk(text.len(), b"x")])
            .await
            .expect("goes on behind the cut");
        std::fs::write(&path, &whole).expect("written");
    }
}

#[tokio::test]
async fn a_torn_index_is_built_again() {
    let folder = Folder::new();
    let text = text();
    append(&open(&folder), &text).await;
    let path = live(&folder, "0000.idx");
    let whole = std::fs::read(&path).expect("readable");
    assert_eq!(
        whole.len(),
        3 * 28,
        "an entry for every 64 KiB or more, at the beginning of an append"
    );
    let mut noise = whole.clone();
    noise[40..].fill(0x5A);
    for index in [Some(&whole[..30]), Some(&noise[..]), Some(&[]), None] {
        match index {
            Some(bytes) => std::fs::write(&path, bytes).expect("written"),
            None => std::fs::remove_file(&path).expect("removed"),
        }
        check(&open(&folder), &text).await;
        assert_eq!(std::fs::read(&path).expect("readable"), whole, "the same as before");
    }
}

#[tokio::test]
async fn torn_marks_are_cut_off() {
    let folder = Folder::new();
    let logs = open(&folder);
    logs.append("run_1", vec![chunk(0, b"one\n"), mark(0), mark(1)])
        .await
        .expect("appended");
    drop(logs);
    let path = live(&folder, "marks");
    let whole = std::fs::read(&path).expect("readable");
    for torn in [whole.len() - 1, whole.len() / 2 + 1] {
        std::fs::write(&path, &whole[..torn]).expect("written");
        let logs = open(&folder);
        assert_eq!(logs.streams("run_1").await.expect("readable")[0].marks, 1);
        logs.append("run_1", vec![mark(0), mark(1)]).await.expect("sent again");
        let marks = logs.marks("run_1", MarksQuery::default()).await.expect("readable");
        assert_eq!(marks.iter().map(|at| at.mark.sequence).collect::<Vec<_>>(), [0, 1]);
    }
}

#[tokio::test]
async fn a_stream_without_a_whole_header_never_was() {
    let folder = Folder::new();
    open(&folder)
        .append("run_1", vec![chunk(0, b"one\n")])
        .await
        .expect("appended");
    for torn in [&b""[..], b"\x01\x02\x03"] {
        std::fs::write(live(&folder, "0001.log"), torn).expect("written");
        let logs = open(&folder);
        let streams = logs.streams("run_1").await.expect("readable");
        assert_eq!(streams.len(), 1, "{streams:?}");
        assert!(!live(&folder, "0001.log").exists());
    }
}

#[tokio::test]
async fn a_run_closed_halfway_is_finished_by_closing_it_again() {
    let folder = Folder::new();
    let text = text();
    append(&open(&folder), &text).await;
    // Closed, but nothing compressed yet; a part of a file from the time of the crash.
    std::fs::write(live(&folder, "closed"), b"").expect("written");
    std::fs::write(live(&folder, "0000.part"), b"half a block").expect("written");
    let logs = open(&folder);
    let unfinished = logs.unfinished().await.expect("listed");
    assert_eq!(
        unfinished
            .iter()
            .map(|run| (run.run.as_str(), run.closed))
            .collect::<Vec<_>>(),
        [("run_1", true)]
    );
    assert_eq!(
        logs.append("run_1", vec![chunk(text.len(), b"x")]).await,
        Err(LogError::Closed)
    );
    check(&logs, &text).await;
    let kept = std::fs::read(live(&folder, "0000.log")).expect("readable");
    logs.close("run_1").await.expect("finished");
    assert_eq!(logs.unfinished().await.expect("listed"), []);
    check(&logs, &text).await;
    drop(logs);
    // Compressed and in place, but the original not yet removed and the run not yet moved.
    let done = std::fs::read_dir(folder.path().join("done"))
        .expect("there")
        .next()
        .expect("a shard")
        .expect("readable");
    std::fs::rename(done.path().join("run_1"), folder.path().join("live/run_1")).expect("moved back");
    std::fs::write(live(&folder, "0000.log"), kept).expect("written");
    let logs = open(&folder);
    check(&logs, &text).await;
    assert!(!live(&folder, "0000.log").exists(), "the compressed one counts");
    logs.close("run_1").await.expect("finished");
    check(&logs, &text).await;
}

#[tokio::test]
async fn damage_in_the_middle_is_told_and_not_served() {
    let folder = Folder::new();
    let text = text();
    append(&open(&folder), &text).await;
    let path = live(&folder, "0000.log");
    let mut bytes = std::fs::read(&path).expect("readable");
    bytes[60_000] ^= 0x10;
    std::fs::write(&path, &bytes).expect("written");
    let logs = open(&folder);
    let error = logs
        .read(Read::new("run_1", "build", Place::Byte(55_000)))
        .await
        .expect_err("a flipped bit");
    assert!(
        matches!(&error, LogError::Corrupt { reason } if reason.contains("0000.log")),
        "{error:?}"
    );
    let before = Read::new("run_1", "build", Place::Byte(0)).limit_bytes(1000);
    assert_eq!(
        logs.read(before).await.expect("what lies before is whole").bytes,
        text[..1000]
    );
    let behind = Read::new("run_1", "build", Place::Byte(250_000)).limit_bytes(1000);
    assert_eq!(
        logs.read(behind).await.expect("what lies behind is whole").bytes,
        text[250_000..251_000]
    );
    assert!(
        matches!(logs.close("run_1").await, Err(LogError::Corrupt { .. })),
        "damage is not compressed away"
    );
}

#[tokio::test]
async fn one_folder_one_process() {
    let folder = Folder::new();
    let logs = open(&folder);
    let error = EmbeddedLogs::open(folder.path()).expect_err("in use").to_string();
    assert!(
        error.contains(&format!("in use by process {}", std::process::id())),
        "{error}"
    );
    drop(logs);
    open(&folder);
}
