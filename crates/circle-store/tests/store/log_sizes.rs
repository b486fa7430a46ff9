//! Logs of any shape: one line of 50 MB, a million short lines, and readers in between.

use std::time::{Duration, Instant};

use bytes::Bytes;
use circle_store::logs::{
    BATCH_BYTES, CHUNK_BYTES, Chunk, EmbeddedLogs, Entry, LogArchive, LogBus, Place, Read, StreamId,
};

use crate::fixtures::Folder;

/// How long any place may take to open, even in this unoptimised build on a busy machine.
const OPEN_LIMIT: Duration = Duration::from_millis(200);

async fn append(logs: &EmbeddedLogs, text: &Bytes) {
    for start in (0..text.len()).step_by(BATCH_BYTES) {
        let end = text.len().min(start + BATCH_BYTES);
        let chunks = (start..end).step_by(CHUNK_BYTES).map(|offset| {
            let bytes = text.slice(offset..end.min(offset + CHUNK_BYTES));
            Entry::Chunk(Chunk {
                stream: StreamId::new("build", 1),
                sequence: 0,
                offset: offset as u64,
                bytes,
            })
        });
        logs.append("run_1", chunks.collect()).await.expect("appended");
    }
}

/// Reads a screenful and says how long the fastest of three took: the machine has other work too.
async fn open_at(logs: &EmbeddedLogs, place: Place, wanted: &[u8]) {
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        let begun = Instant::now();
        let read = Read::new("run_1", "build", place)
            .limit_lines(100)
            .limit_bytes(16 * 1024);
        let slice = logs.read(read).await.expect("readable");
        fastest = fastest.min(begun.elapsed());
        assert!(
            slice.bytes.starts_with(wanted),
            "{place:?} begins with {:?}",
            &slice.bytes[..20.min(slice.bytes.len())]
        );
    }
    assert!(fastest < OPEN_LIMIT, "{place:?} took {fastest:?}");
}

#[tokio::test]
async fn a_line_of_fifty_megabytes_opens_anywhere() {
    let folder = Folder::new();
    let logs = EmbeddedLogs::open(folder.path()).expect("opened");
    let mut text = b"before\n".to_vec();
    text.resize(50 * 1024 * 1024, b'x');
    text.extend(b"\nafter\nlast");
    let text = Bytes::from(text);
    append(&logs, &text).await;
    for closed in [false, true] {
        if closed {
            logs.close("run_1").await.expect("closed");
        }
        open_at(&logs, Place::Line(0), b"before\nxxx").await;
        open_at(&logs, Place::Line(1), b"xxx").await;
        open_at(&logs, Place::Byte(40_000_000), b"xxx").await;
        open_at(&logs, Place::Line(2), b"after\nlast").await;
        open_at(&logs, Place::Line(3), b"last").await;
    }
}

#[tokio::test]
async fn a_million_short_lines_open_anywhere() {
    let folder = Folder::new();
    let logs = EmbeddedLogs::open(folder.path()).expect("opened");
    let text: Bytes = (0..1_000_000)
        .flat_map(|line| format!("{line}\n").into_bytes())
        .collect();
    append(&logs, &text).await;
    for closed in [false, true] {
        if closed {
            logs.close("run_1").await.expect("closed");
        }
        for line in [0, 1, 99_999, 500_000, 999_999] {
            open_at(&logs, Place::Line(line), format!("{line}\n").as_bytes()).await;
        }
    }
    let info = &logs.streams("run_1").await.expect("readable")[0];
    assert_eq!((info.lines, info.length), (1_000_000, text.len() as u64));
}
