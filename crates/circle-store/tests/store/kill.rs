//! `kill -9` at any moment: whatever was acknowledged is there when the folder opens again.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use circle_store::leases::{Acquire, EmbeddedLeases, Leases};
use circle_store::logs::{Chunk, EmbeddedLogs, Entry, LogArchive, LogBus, Mark, MarksQuery, Place, Read, StreamId};
use circle_store::records::{EmbeddedStore, Kind, NewDocument, Store, StoreError, Version};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const FOLDER: &str = "CIRCLE_STORE_KILL_FOLDER";
const ROUNDS: usize = 20;
/// How long the child may be silent, on a busy machine.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
const WRITERS: usize = 4;
/// What the child acquires in turn, and the documents that it writes then.
const LEASES: [&str; 5] = ["lease_0", "lease_1", "lease_2", "lease_3", "lease_4"];
/// How much of the end of a stream is looked at after each kill; the whole is after the last.
const TAIL_BYTES: u64 = 200_000;

#[test]
fn what_was_acknowledged_survives_twenty_kills() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acknowledged = Acknowledged::default();
    for round in 0..ROUNDS {
        // Kill after so many answers: at the very first, in the thick of it, and with much behind it.
        let answers = 1 + (round * 61) % 200;
        let mut child = start_child(folder.path());
        let said = listen(&mut child);
        for answer in 0..answers {
            let line = said.recv_timeout(ANSWER_LIMIT);
            let line =
                line.unwrap_or_else(|error| panic!("round {round}: {error} after {answer} of {answers} answers"));
            acknowledged.take(&line);
        }
        child.kill().expect("killed");
        // What it said before the signal reached it counts too; a line cut in two was not said.
        said.iter().for_each(|line| acknowledged.take(&line));
        child.wait().expect("reaped");
        check(folder.path(), &acknowledged, round);
    }
    assert!(
        acknowledged.records.len() > ROUNDS && acknowledged.streams.len() == WRITERS,
        "{acknowledged:?}"
    );
}

/// What the child was told.
#[derive(Debug, Default)]
struct Acknowledged {
    records: BTreeMap<String, u64>,
    streams: BTreeMap<String, (u64, u64)>,
    closed: Vec<String>,
    fence: u64,
}

impl Acknowledged {
    fn take(&mut self, line: &str) {
        let Some(line) = line.strip_prefix("ack ").and_then(|line| line.strip_suffix(" .")) else {
            return;
        };
        let words: Vec<&str> = line.split(' ').collect();
        let number = |place: usize| words[place].parse::<u64>().expect("a number");
        match words[0] {
            "record" => _ = self.records.insert(words[1].to_owned(), number(2)),
            "stream" => _ = self.streams.insert(words[1].to_owned(), (number(2), number(3))),
            "closed" => self.closed.push(words[1].to_owned()),
            "fence" => self.fence = self.fence.max(number(1)),
            other => panic!("the child said {other}"),
        }
    }
}

/// Hands over what the child says until its end.
fn listen(child: &mut Child) -> Receiver<String> {
    let output = child.stdout.take().expect("piped");
    let (lines, said) = sync_channel(1000);
    std::thread::spawn(move || {
        let all = BufReader::new(output).lines().map_while(Result::ok);
        all.take_while(|line| lines.send(line.clone()).is_ok()).for_each(drop);
    });
    said
}

fn start_child(folder: &Path) -> Child {
    let executable = std::env::current_exe().expect("this test's path");
    Command::new(executable)
        .args(["--exact", "kill::child", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started again")
}

fn check(folder: &Path, acknowledged: &Acknowledged, round: usize) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let last = round + 1 == ROUNDS;
    let from = |length: u64| if last { 0 } else { length.saturating_sub(TAIL_BYTES) };
    runtime.block_on(async {
        let (store, logs) = open(folder);
        for (id, version) in &acknowledged.records {
            let stored = store.get(Kind::Setting, id).await.expect("readable");
            let found = stored.map_or(0, |stored| stored.version.0);
            assert!(
                found >= *version,
                "round {round}: {id} has version {found}, {version} was acknowledged"
            );
        }
        for (run, (length, marks)) in &acknowledged.streams {
            let info = logs.streams(run).await.expect("readable").remove(0);
            assert!(
                info.length >= *length,
                "round {round}: {run} has {} bytes of {length}",
                info.length
            );
            assert!(
                info.marks >= *marks,
                "round {round}: {run} has {} marks of {marks}",
                info.marks
            );
            let found = logs.marks(
                run,
                MarksQuery {
                    skip: usize::try_from(info.marks).expect("few") - 1,
                    ..MarksQuery::default()
                },
            );
            assert_eq!(found.await.expect("readable").len(), 1, "the last mark of {run}");
            check_bytes(&logs, run, from(info.length), info.length).await;
        }
        let newest = if last {
            0
        } else {
            acknowledged.closed.len().saturating_sub(3)
        };
        for run in &acknowledged.closed[newest..] {
            let info = logs.streams(run).await.expect("readable").remove(0);
            assert!(info.complete, "round {round}: {run} was closed");
            check_bytes(&logs, run, 0, info.length).await;
        }
        let leases = store.leases().await.expect("loaded");
        for name in LEASES {
            let Some(stored) = store.get(Kind::Setting, name).await.expect("readable") else {
                continue;
            };
            let written = stored.body["fence"].as_u64().expect("a fence");
            let held = leases
                .current(name)
                .await
                .expect("an answer")
                .map(|lease| lease.fence.0);
            assert!(
                held >= Some(written),
                "round {round}: {name} has fence {held:?}, and what its holder wrote says {written}"
            );
        }
        let wish = Acquire {
            name: "after the kill".to_owned(),
            holder: "parent".to_owned(),
            ttl_ms: 1,
        };
        let lease = leases.acquire(wish, 1).await.expect("free or its own");
        assert!(
            lease.fence.0 > acknowledged.fence,
            "round {round}: {} after {}",
            lease.fence,
            acknowledged.fence
        );
    });
}

async fn check_bytes(logs: &EmbeddedLogs, run: &str, from: u64, length: u64) {
    let mut offset = from;
    while offset < length {
        let slice = logs
            .read(Read::new(run, "build", Place::Byte(offset)))
            .await
            .expect("readable");
        assert!(!slice.bytes.is_empty(), "{run} ends at {offset} of {length}");
        assert!(
            slice.bytes == pattern(offset, slice.bytes.len()),
            "{run} differs behind {offset}"
        );
        offset = slice.next_offset();
    }
}

/// What stands at an offset of every stream.
fn pattern(offset: u64, length: usize) -> Bytes {
    let byte = |place: u64| {
        if place % 41 == 40 {
            b'\n'
        } else {
            b'a' + u8::try_from(place % 23).expect("a letter")
        }
    };
    (offset..).map(byte).take(length).collect()
}

fn open(folder: &Path) -> (EmbeddedStore, EmbeddedLogs) {
    let store = EmbeddedStore::open(&folder.join("records")).expect("the records open");
    (store, EmbeddedLogs::open(&folder.join("logs")).expect("the logs open"))
}

fn say(text: std::fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    // The parent may be gone by the time this is said.
    let _ = writeln!(out, "ack {text} .").and_then(|()| out.flush());
}

#[test]
#[ignore = "the other half of what_was_acknowledged_survives_twenty_kills"]
fn child() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("started by the parent"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let (store, logs) = open(&folder);
        let leases = Arc::new(store.leases().await.expect("loaded"));
        let mut tasks = JoinSet::new();
        for writer in 0..WRITERS {
            tasks.spawn(write_records(store.clone(), writer));
            tasks.spawn(write_logs(logs.clone(), writer));
        }
        tasks.spawn(close_runs(logs.clone()));
        tasks.spawn(take_leases(store.clone(), leases));
        while let Some(ended) = tasks.join_next().await {
            ended.expect("no writer fails");
        }
    });
}

/// Acquires, and writes what a holder writes before it acts.
async fn take_leases(store: EmbeddedStore, leases: Arc<EmbeddedLeases>) {
    for (now, name) in (0..).zip(LEASES.into_iter().cycle()) {
        let wish = Acquire {
            name: name.to_owned(),
            holder: "child".to_owned(),
            ttl_ms: 5,
        };
        let lease = leases.acquire(wish, now).await.expect("its own");
        put(&store, name, json!({"fence": lease.fence})).await;
        say(format_args!("fence {}", lease.fence));
    }
}

async fn write_records(store: EmbeddedStore, writer: usize) {
    for number in 0.. {
        let id = format!("setting_{writer}_{}", number % 50);
        let body = json!({"number": number, "text": "x".repeat(number % 3000)});
        let version = put(&store, &id, body).await;
        say(format_args!("record {id} {version}"));
    }
}

/// Inserts a document that nobody else writes, or puts it in the place of the one before.
async fn put(store: &EmbeddedStore, id: &str, body: Value) -> Version {
    let new = NewDocument {
        kind: Kind::Setting,
        id: id.to_owned(),
        body,
    };
    match store.insert(new.clone()).await {
        Ok(version) => version,
        Err(StoreError::Conflict { .. }) => {
            let stored = store.get(Kind::Setting, id).await.expect("readable");
            let version = stored.expect("it is there").version;
            store.replace(new, version).await.expect("nobody else writes it")
        }
        Err(error) => panic!("{error}"),
    }
}

async fn write_logs(logs: EmbeddedLogs, writer: usize) {
    let run = format!("run_{writer}");
    let known = logs.streams(&run).await.expect("readable");
    let (mut offset, mut marks) = known.first().map_or((0, 0), |info| (info.length, info.marks));
    for number in 0_usize.. {
        let length = [1, 41, 900, 5_000, 70_000][(number + writer) % 5];
        let stream = StreamId::new("build", 1);
        let mark = Mark {
            stream: stream.clone(),
            sequence: marks,
            offset,
            kind: "group".to_owned(),
            data: json!(number),
        };
        let chunk = Chunk {
            stream,
            sequence: offset,
            offset,
            bytes: pattern(offset, length),
        };
        logs.append(&run, vec![Entry::Mark(mark), Entry::Chunk(chunk)])
            .await
            .expect("appended");
        offset += length as u64;
        marks += 1;
        say(format_args!("stream {run} {offset} {marks}"));
    }
}

async fn close_runs(logs: EmbeddedLogs) {
    for unfinished in logs.unfinished().await.expect("listed") {
        if unfinished.closed {
            logs.close(&unfinished.run)
                .await
                .expect("what a kill has cut short is finished");
        }
    }
    for number in 0.. {
        let run = format!("short_{}_{number}", std::process::id());
        let stream = StreamId::new("build", 1);
        let chunk = Chunk {
            stream,
            sequence: 0,
            offset: 0,
            bytes: pattern(0, 100_000),
        };
        logs.append(&run, vec![Entry::Chunk(chunk)]).await.expect("appended");
        logs.close(&run).await.expect("closed");
        say(format_args!("closed {run}"));
    }
}
