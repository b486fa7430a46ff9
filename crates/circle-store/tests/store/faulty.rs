//! The decorators do what their plans say, and what stands above can live with it.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use circle_store::faulty::{FaultyLeases, FaultyLogs, FaultyStore, How, Plan};
use circle_store::leases::{Acquire, LeaseError, Leases};
use circle_store::logs::{Chunk, EmbeddedLogs, Entry, LogArchive, LogBus, LogError, StreamId};
use circle_store::records::{EmbeddedStore, Kind, NewDocument, Record, Records, Store, StoreError, UpdateError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;

use crate::fixtures::Folder;

fn setting(id: &str) -> NewDocument {
    NewDocument {
        kind: Kind::Setting,
        id: id.to_owned(),
        body: json!({}),
    }
}

fn faulty_store(folder: &Folder) -> (FaultyStore, Plan) {
    let plan = Plan::default();
    let store = EmbeddedStore::open(folder.path()).expect("opened");
    (FaultyStore::new(Arc::new(store), plan.clone()), plan)
}

#[tokio::test]
async fn a_write_fails_before_or_after_it_took_effect() {
    let folder = Folder::new();
    let (store, plan) = faulty_store(&folder);
    plan.add("insert", 1, How::Before);
    plan.add("insert", 3, How::After);
    let outcomes = [
        store.insert(setting("a")).await.is_ok(),
        store.insert(setting("b")).await.is_ok(),
        store.insert(setting("c")).await.is_ok(),
    ];
    assert_eq!(outcomes, [false, true, false]);
    let mut there = Vec::new();
    for id in ["a", "b", "c"] {
        there.push(store.get(Kind::Setting, id).await.expect("readable").is_some());
    }
    assert_eq!(there, [false, true, true], "the answer of c was lost, not c");
    assert_eq!((plan.count("insert"), plan.count("get"), plan.count("*")), (3, 3, 6));
}

#[tokio::test]
async fn a_paused_call_waits_for_the_test() {
    let folder = Folder::new();
    let (store, plan) = faulty_store(&folder);
    let gate = Arc::new(Notify::new());
    plan.add("*", 2, How::Pause(Arc::clone(&gate)));
    let first = store.insert(setting("a")).await.expect("not paused");
    let mut paused = Box::pin(store.delete(Kind::Setting, "a", first));
    let outside = tokio::select! {
        biased;
        done = &mut paused => panic!("it did not wait: {done:?}"),
        stored = store.get(Kind::Setting, "a") => stored.expect("readable"),
    };
    assert!(outside.is_some(), "it has not taken effect");
    gate.notify_one();
    paused.await.expect("deleted");
}

#[derive(Debug, Serialize, Deserialize)]
struct Counter {
    count: u32,
}

impl Record for Counter {
    const KIND: Kind = Kind::Setting;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        "counter".to_owned()
    }
}

#[tokio::test]
async fn an_update_whose_answer_was_lost_says_so_and_does_not_count_twice_by_itself() {
    let folder = Folder::new();
    let (store, plan) = faulty_store(&folder);
    let records = Records::new(Arc::new(store));
    records.insert(&Counter { count: 0 }).await.expect("inserted");
    plan.add("replace", 1, How::After);
    let mut add = |counter: &mut Counter| {
        counter.count += 1;
        Ok::<_, Infallible>(())
    };
    let lost = records.update("counter", &mut add).await;
    assert!(
        matches!(&lost, Err(UpdateError::Record(error)) if error.to_string().contains("does not answer")),
        "{lost:?}"
    );
    let (counter, _) = records
        .load::<Counter>("counter")
        .await
        .expect("readable")
        .expect("it is there");
    assert_eq!(counter.count, 1, "whoever decides to repeat reads first");
    let temporary = StoreError::Unavailable { reason: String::new() }.is_temporary();
    assert!(temporary);
}

#[tokio::test]
async fn an_append_whose_answer_was_lost_is_sent_again() {
    let folder = Folder::new();
    let plan = Plan::default();
    let logs = Arc::new(EmbeddedLogs::open(folder.path()).expect("opened"));
    let logs = FaultyLogs::new(logs.clone(), logs, plan.clone());
    plan.add("append", 1, How::After);
    plan.add("append", 2, How::Before);
    let send = || {
        let chunk = Chunk {
            stream: StreamId::new("build", 1),
            sequence: 0,
            offset: 0,
            bytes: Bytes::from("one\n"),
        };
        logs.append("run_1", vec![Entry::Chunk(chunk)])
    };
    assert!(matches!(send().await, Err(LogError::Unavailable { .. })));
    assert!(matches!(send().await, Err(LogError::Unavailable { .. })));
    send().await.expect("the third time");
    assert_eq!(logs.streams("run_1").await.expect("readable")[0].length, 4);
}

#[tokio::test]
async fn an_acquisition_whose_answer_was_lost_is_repeated() {
    let folder = Folder::new();
    let plan = Plan::default();
    let store = EmbeddedStore::open(folder.path()).expect("opened");
    let leases = FaultyLeases::new(Arc::new(store.leases().await.expect("loaded")), plan.clone());
    plan.add("acquire", 1, How::After);
    let wish = |holder: &str| Acquire {
        name: "run/1".to_owned(),
        holder: holder.to_owned(),
        ttl_ms: 100,
    };
    let lost = leases.acquire(wish("one"), 0).await;
    assert!(matches!(lost, Err(LeaseError::Unavailable { .. })), "{lost:?}");
    leases.acquire(wish("two"), 0).await.expect_err("it took effect");
    leases
        .acquire(wish("one"), 0)
        .await
        .expect("the same holder simply asks again");
}
