//! What the embedded stores do in a second, on this machine: `cargo bench -p circle-store [-- --quick]`.
//!
//! Every figure is checked: a write that was counted is read back, a line that was appended is found.

#![expect(clippy::print_stdout, reason = "the table is the result")]

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use circle_store::leases::{Acquire, Leases};
use circle_store::logs::{Chunk, EmbeddedLogs, Entry, Followed, LogArchive, LogBus, Place, Read, StreamId};
use circle_store::records::{EmbeddedStore, Kind, NewDocument, Query, Store, kinds};
use serde_json::json;
use tokio::task::JoinSet;

const WRITERS: usize = 64;

#[tokio::main]
async fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let folder = tempfile::tempdir().expect("a folder");
    println!("{:<52} {:>14}", "what", "result");
    records(&folder.path().join("records"), if quick { 2_000 } else { 20_000 }).await;
    logs(&folder.path().join("logs"), if quick { 1_000_000 } else { 10_000_000 }).await;
    line("resident memory now", &format!("{:.1} MB", memory_mb("VmRSS:")));
    line(
        "resident memory at its highest",
        &format!("{:.1} MB", memory_mb("VmHWM:")),
    );
}

fn line(what: &str, result: &str) {
    println!("{what:<52} {result:>14}");
}

fn rate(count: usize, took: Duration) -> String {
    format!("{:.0} /s", count as f64 / took.as_secs_f64())
}

fn milliseconds(took: Duration) -> String {
    format!("{:.2} ms", took.as_secs_f64() * 1000.0)
}

/// Median and largest.
fn spread(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    line(&format!("{what}, p50"), &milliseconds(times[times.len() / 2]));
    line(&format!("{what}, p95"), &milliseconds(times[times.len() * 95 / 100]));
    line(&format!("{what}, largest"), &milliseconds(times[times.len() - 1]));
}

fn memory_mb(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with(field))
        .expect("a field of the status");
    let kilobytes: f64 = line
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok())
        .expect("a number");
    kilobytes / 1024.0
}

/// A run as the server writes it: about two kilobytes.
fn run(number: usize) -> NewDocument {
    let body = json!({
        "workspace": "ws_1", "service": format!("svc_{}", number % 50), "number": number,
        "trigger_key": format!("push {number}"), "state": {"name": "queued"}, "priority": 0,
        "created_at": number, "updated_at": number, "title": "A commit that changes something",
        "stages": (0..8).map(|stage| json!({"name": format!("stage {stage}"), "state": {"name": "waiting"},
            "image": "127.0.0.1:5000/tools@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}))
            .collect::<Vec<_>>(),
    });
    NewDocument {
        kind: Kind::Run,
        id: format!("run_{number:08}"),
        body,
    }
}

async fn records(folder: &Path, count: usize) {
    let store = Arc::new(EmbeddedStore::open(folder).expect("opened"));
    line(
        "resident memory with an empty store",
        &format!("{:.1} MB", memory_mb("VmRSS:")),
    );
    let alone = count / 10;
    let begun = Instant::now();
    for number in 0..alone {
        store.insert(run(number)).await.expect("inserted");
    }
    line("documents inserted by one writer", &rate(alone, begun.elapsed()));
    let begun = Instant::now();
    insert_by_many(&store, alone, count).await;
    line(
        &format!("documents inserted by {WRITERS} writers"),
        &rate(count - alone, begun.elapsed()),
    );
    assert_eq!(
        store.count(Query::over(kinds::RUN_CREATED)).await.expect("counted"),
        count as u64
    );
    let begun = Instant::now();
    replace_by_many(&store, count / 2).await;
    line(
        &format!("documents replaced by {WRITERS} writers"),
        &rate(count / 2, begun.elapsed()),
    );
    let leased = Query::over(kinds::RUN_READY).equal("leased");
    assert_eq!(store.count(leased).await.expect("counted"), count as u64 / 2);
    let mut times = Vec::new();
    for number in 0..200 {
        let query = Query::over(kinds::RUN_SERVICE)
            .equal(format!("svc_{}", number % 50))
            .descending();
        let begun = Instant::now();
        assert_eq!(
            store.find(query).await.expect("found").heads.len(),
            (count / 50).min(50)
        );
        times.push(begun.elapsed());
    }
    spread("a page of a service's runs", times);
    leases(&store).await;
}

async fn insert_by_many(store: &Arc<EmbeddedStore>, from: usize, to: usize) {
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            for number in (from + writer..to).step_by(WRITERS) {
                store.insert(run(number)).await.expect("inserted");
            }
        });
    }
    tasks.join_all().await;
}

async fn replace_by_many(store: &Arc<EmbeddedStore>, count: usize) {
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            for number in (writer..count).step_by(WRITERS) {
                let mut new = run(number);
                new.body["state"] = json!({"name": "leased", "fence": number});
                let stored = store.get(Kind::Run, &new.id).await.expect("read").expect("it is there");
                store.replace(new, stored.version).await.expect("replaced");
            }
        });
    }
    tasks.join_all().await;
}

async fn leases(store: &EmbeddedStore) {
    let leases = store.leases().await.expect("loaded");
    let wish = |number: usize| Acquire {
        name: format!("run/{number}"),
        holder: "bench".to_owned(),
        ttl_ms: 1000,
    };
    let lease = leases.acquire(wish(0), 0).await.expect("free");
    let begun = Instant::now();
    for now_ms in 0..100_000 {
        leases.renew("run/0", lease.fence, 1000, now_ms).await.expect("held");
    }
    line("leases renewed", &rate(100_000, begun.elapsed()));
}

/// Lines as a compiler writes them, numbered so that each can be known again.
fn lines(from: usize, to: usize) -> Bytes {
    let mut text = String::new();
    for number in from..to {
        let _ = writeln!(
            text,
            "{number:08} cc -O2 -c src/module_{}.c -o build/module.o",
            number % 700
        );
    }
    Bytes::from(text)
}

async fn logs(folder: &Path, count: usize) {
    let logs = EmbeddedLogs::open(folder).expect("opened");
    let (bytes, took) = append_lines(&logs, count).await;
    line(
        &format!("{count} lines appended, each batch on disk"),
        &format!("{:.2} s", took.as_secs_f64()),
    );
    line(
        "appended",
        &format!("{:.0} MB/s", bytes as f64 / 1e6 / took.as_secs_f64()),
    );
    open_places(&logs, count, "any line of a live log opened").await;
    let begun = Instant::now();
    logs.close("run_1").await.expect("closed");
    line("the log compressed", &format!("{:.2} s", begun.elapsed().as_secs_f64()));
    line(
        "its size on disk",
        &format!("{:.1} %", folder_bytes(folder) as f64 * 100.0 / bytes as f64),
    );
    open_places(&logs, count, "any line of a closed log opened").await;
    let info = logs.streams("run_1").await.expect("read");
    assert_eq!(info[0].lines, count as u64, "a line was lost");
    follow(&logs).await;
}

async fn append_lines(logs: &EmbeddedLogs, count: usize) -> (u64, Duration) {
    const LINES: usize = 1000;
    const CHUNKS: usize = 16;
    let (mut offset, mut took) = (0_u64, Duration::ZERO);
    for from in (0..count).step_by(LINES * CHUNKS) {
        let mut batch = Vec::new();
        for from in (from..count.min(from + LINES * CHUNKS)).step_by(LINES) {
            let bytes = lines(from, count.min(from + LINES));
            let length = bytes.len() as u64;
            batch.push(Entry::Chunk(Chunk {
                stream: StreamId::new("build", 1),
                sequence: offset,
                offset,
                bytes,
            }));
            offset += length;
        }
        let begun = Instant::now();
        logs.append("run_1", batch).await.expect("appended");
        took += begun.elapsed();
    }
    (offset, took)
}

async fn open_places(logs: &EmbeddedLogs, count: usize, what: &str) {
    let mut times = Vec::new();
    let mut number = 12_345_usize;
    for _ in 0..500 {
        number = (number * 1_103_515_245 + 12_345) % count;
        let begun = Instant::now();
        let read = Read::new("run_1", "build", Place::Line(number as u64)).limit_lines(100);
        let slice = logs.read(read).await.expect("read");
        times.push(begun.elapsed());
        assert!(
            slice.bytes == lines(number, count.min(number + 100)),
            "line {number} is another"
        );
    }
    spread(what, times);
}

fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder)
        .expect("readable")
        .map(|entry| entry.expect("readable"));
    let sizes = entries.map(|entry| {
        let metadata = entry.metadata().expect("readable");
        if metadata.is_dir() {
            folder_bytes(&entry.path())
        } else {
            metadata.len()
        }
    });
    sizes.sum()
}

async fn follow(logs: &EmbeddedLogs) {
    let mut follow = logs.follow("run_2", "build", 0).await.expect("followed");
    let mut times = Vec::new();
    let mut offset = 0;
    for number in 0..2000 {
        let bytes = lines(number, number + 1);
        let length = bytes.len() as u64;
        let chunk = Chunk {
            stream: StreamId::new("build", 1),
            sequence: offset,
            offset,
            bytes: bytes.clone(),
        };
        let begun = Instant::now();
        let (appended, followed) = tokio::join!(logs.append("run_2", vec![Entry::Chunk(chunk)]), follow.next());
        times.push(begun.elapsed());
        appended.expect("appended");
        let Followed::Bytes { slice, .. } = followed.expect("read") else {
            panic!("the stream goes on")
        };
        assert_eq!(slice.bytes, bytes);
        offset += length;
    }
    spread("a line appended, on disk, and with its follower", times);
}
