//! Many at once.

use std::convert::Infallible;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::JoinSet;

use super::Fixture;
use super::records::Port;
use super::samples::{a_run, with};
use crate::records::{Kind, NewDocument, Query, Record, Records, Store, StoreError, UpdateError, kinds};

type Place<'a> = &'a dyn Fixture<Port>;

const TASKS: usize = 16;
const ROUNDS: usize = 10;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Counter {
    name: String,
    count: usize,
}

impl Record for Counter {
    const KIND: Kind = Kind::Setting;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        self.name.clone()
    }
}

pub(super) async fn each_change_is_counted(place: Place<'_>) {
    let store = place.open().await;
    let document = NewDocument {
        kind: Kind::Setting,
        id: "counter".to_owned(),
        body: json!({"count": 0}),
    };
    store.insert(document).await.expect("inserted");
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for _ in 0..ROUNDS {
                add_one(&*store).await;
            }
        });
    }
    tasks.join_all().await;
    let stored = store
        .get(Kind::Setting, "counter")
        .await
        .expect("an answer")
        .expect("it is there");
    assert_eq!(stored.body, json!({"count": TASKS * ROUNDS}));
}

async fn add_one(store: &dyn Store) {
    let mut seen = store
        .get(Kind::Setting, "counter")
        .await
        .expect("an answer")
        .expect("it is there");
    loop {
        let count = seen.body["count"].as_u64().expect("a number") + 1;
        let wish = NewDocument {
            kind: Kind::Setting,
            id: seen.id.clone(),
            body: json!({"count": count}),
        };
        match store.replace(wish, seen.version).await {
            Ok(_) => return,
            Err(StoreError::Stale { current: Some(current) }) => seen = *current,
            Err(error) => panic!("neither won nor stale: {error:?}"),
        }
    }
}

pub(super) async fn one_insert_wins(place: Place<'_>) {
    let store = place.open().await;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let number = i64::try_from(task).expect("small");
            let document = with(a_run(&format!("run_{task}"), "svc", number), "trigger_key", "the same");
            store.insert(document).await
        });
    }
    let outcomes = tasks.join_all().await;
    let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(won, 1, "{outcomes:?}");
    for error in outcomes.into_iter().filter_map(Result::err) {
        assert!(
            matches!(
                error,
                StoreError::Conflict {
                    kind: Kind::Run,
                    index: "trigger"
                }
            ),
            "{error:?}"
        );
    }
    assert_eq!(store.count(Query::all(Kind::Run)).await.expect("an answer"), 1);
}

/// The way in which runs get their numbers: the largest plus one, again on conflict.
pub(super) async fn numbers_without_gaps(place: Place<'_>) {
    let store = place.open().await;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            loop {
                let newest = Query::over(kinds::RUN_NUMBER).equal("svc").descending().limit(1);
                let page = store.find(newest).await.expect("an answer");
                let number = page.heads.first().and_then(|head| head.number("/number")).unwrap_or(0) + 1;
                let document = with(
                    a_run(&format!("run_{task}"), "svc", number),
                    "trigger_key",
                    format!("t{task}"),
                );
                match store.insert(document).await {
                    Ok(_) => return,
                    Err(StoreError::Conflict { index: "number", .. }) => {}
                    Err(error) => panic!("neither won nor taken: {error:?}"),
                }
            }
        });
    }
    tasks.join_all().await;
    let page = store
        .find(Query::over(kinds::RUN_NUMBER).equal("svc"))
        .await
        .expect("an answer");
    let numbers: Vec<_> = page.heads.iter().filter_map(|head| head.number("/number")).collect();
    assert_eq!(numbers, (1..=TASKS as i64).collect::<Vec<_>>());
}

pub(super) async fn an_update_repeats(place: Place<'_>) {
    let records = Records::new(place.open().await);
    records
        .insert(&Counter {
            name: "typed".to_owned(),
            count: 0,
        })
        .await
        .expect("inserted");
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let records = records.clone();
        tasks.spawn(async move {
            for _ in 0..ROUNDS {
                let decide = |counter: &mut Counter| {
                    counter.count += 1;
                    Ok::<_, Infallible>(())
                };
                records.update("typed", decide).await.expect("updated within the tries");
            }
        });
    }
    tasks.join_all().await;
    let (counter, version) = records
        .load::<Counter>("typed")
        .await
        .expect("readable")
        .expect("it is there");
    assert_eq!(counter.count, TASKS * ROUNDS);
    let same = records
        .update("typed", |_: &mut Counter| Ok::<_, Infallible>("nothing"))
        .await
        .expect("no change");
    assert_eq!(
        (same.version, same.result),
        (version, "nothing"),
        "what changes nothing writes nothing"
    );
    let missing = records.update("none", |_: &mut Counter| Ok::<_, Infallible>(())).await;
    assert!(matches!(missing, Err(UpdateError::Missing { .. })), "{missing:?}");
}
