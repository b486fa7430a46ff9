//! Logs are copied while they grow, and nothing is moved meanwhile.

use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use circle_store::logs::embedded::LogFile;
use circle_store::logs::{
    Chunk, EmbeddedLogs, Entry, LogArchive, LogBus, LogError, Mark, MarksQuery, Place, Read, StreamId,
};
use futures_util::FutureExt;

use crate::fixtures::Folder;

fn chunk(attempt: u32, offset: u64, bytes: &'static [u8]) -> Entry {
    Entry::Chunk(Chunk {
        stream: StreamId::new("build", attempt),
        sequence: 0,
        offset,
        bytes: Bytes::from_static(bytes),
    })
}

fn mark() -> Entry {
    Entry::Mark(Mark {
        stream: StreamId::new("build", 1),
        sequence: 0,
        offset: 0,
        kind: "group".to_owned(),
        data: serde_json::json!({}),
    })
}

fn copy(files: &[LogFile], to: &Path) {
    for file in files {
        let path = to.join(&file.name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        let mut bytes = Vec::new();
        let from = std::fs::File::open(&file.path).expect("there");
        from.take(file.bytes).read_to_end(&mut bytes).expect("read");
        std::fs::write(path, bytes).expect("written");
    }
}

async fn read(logs: &EmbeddedLogs, run: &str) -> Bytes {
    let slice = logs.read(Read::new(run, "build", Place::Byte(0))).await;
    Bytes::from(slice.expect("a log").bytes.to_vec())
}

#[tokio::test]
async fn a_copy_of_a_growing_log_ends_where_it_was_listed_and_goes_on() {
    let (folder, other) = (Folder::new(), Folder::new());
    let logs = EmbeddedLogs::open(folder.path()).expect("opened");
    logs.append("run_1", vec![chunk(1, 0, b"one\n"), mark()])
        .await
        .expect("appended");
    let still = logs.hold_still().await.expect("held");
    let files = still.files("run_1", false).await.expect("listed");
    logs.append("run_1", vec![chunk(1, 4, b"two\n")])
        .await
        .expect("it grows");
    // Closing waits: its mark is made, and no file is moved under the copy's hands.
    let closing = logs.close("run_1");
    let mut closing = Box::pin(closing);
    while !folder.path().join("live/run_1/closed").exists() {
        assert!(closing.as_mut().now_or_never().is_none(), "it is held");
        tokio::task::yield_now().await;
    }
    assert_eq!(still.files("run_1", false).await.expect("listed").len(), files.len());
    let with_end = still.files("run_1", true).await.expect("listed");
    assert!(
        with_end.iter().any(|file| file.name.ends_with("closed")),
        "{with_end:?}"
    );
    copy(&files, other.path());
    drop(still);
    closing.await.expect("closed");
    assert!(!folder.path().join("live/run_1").exists(), "it is moved afterwards");

    let copied = EmbeddedLogs::open(other.path()).expect("opened");
    assert_eq!(read(&copied, "run_1").await, "one\n");
    assert_eq!(
        copied.marks("run_1", MarksQuery::default()).await.expect("marks").len(),
        1
    );
    copied
        .append("run_1", vec![chunk(2, 0, b"again\n")])
        .await
        .expect("it goes on");
    assert_eq!(read(&copied, "run_1").await, "again\n");
}

#[tokio::test]
async fn a_copy_of_a_closed_log_is_closed_and_of_none_is_nothing() {
    let (folder, other) = (Folder::new(), Folder::new());
    let logs = EmbeddedLogs::open(folder.path()).expect("opened");
    logs.append("run_1", vec![chunk(1, 0, b"one\n")])
        .await
        .expect("appended");
    logs.close("run_1").await.expect("closed");
    let still = logs.hold_still().await.expect("held");
    assert_eq!(still.files("run_2", true).await.expect("listed"), []);
    copy(&still.files("run_1", true).await.expect("listed"), other.path());
    let copied = EmbeddedLogs::open(other.path()).expect("opened");
    assert_eq!(read(&copied, "run_1").await, "one\n");
    let refused = copied.append("run_1", vec![chunk(2, 0, b"no\n")]).await;
    assert_eq!(refused.expect_err("closed"), LogError::Closed);
}
