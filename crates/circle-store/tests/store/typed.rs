//! Records: schema numbers, upgrades, and finding one by a unique key.

use std::sync::Arc;

use circle_store::records::{
    EmbeddedStore, Kind, NewDocument, Query, Record, RecordError, Records, SCHEMA_FIELD, StoreError, UpgradeError,
    kinds,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::fixtures::Folder;

/// As it is today: schema 2 split one name in two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Worker {
    id: String,
    name: String,
    zone: String,
}

impl Record for Worker {
    const KIND: Kind = Kind::Worker;
    const SCHEMA: u32 = 2;

    fn id(&self) -> String {
        self.id.clone()
    }

    fn upgrade(from: u32, mut body: Value) -> Result<Value, UpgradeError> {
        let refuse = |reason: &str| UpgradeError {
            from,
            to: Self::SCHEMA,
            reason: reason.to_owned(),
        };
        if from != 1 {
            return Err(refuse("only schema 1 was ever released"));
        }
        let name = body["name"].as_str().ok_or_else(|| refuse("no name"))?;
        let (zone, name) = name
            .split_once('/')
            .map(|(zone, name)| (zone.to_owned(), name.to_owned()))
            .ok_or_else(|| refuse("no zone"))?;
        body["name"] = json!(name);
        body["zone"] = json!(zone);
        Ok(body)
    }
}

fn open(folder: &Folder) -> Records {
    Records::new(Arc::new(EmbeddedStore::open(folder.path()).expect("opened")))
}

async fn put(records: &Records, id: &str, mut body: Value) {
    body["id"] = json!(id);
    records
        .store()
        .insert(NewDocument {
            kind: Kind::Worker,
            id: id.to_owned(),
            body,
        })
        .await
        .expect("inserted");
}

#[tokio::test]
async fn an_older_document_is_upgraded_when_read_and_written_with_its_next_change() {
    let folder = Folder::new();
    let records = open(&folder);
    put(&records, "wrk_1", json!({SCHEMA_FIELD: 1, "name": "north/builder"})).await;
    let (worker, version) = records
        .load::<Worker>("wrk_1")
        .await
        .expect("readable")
        .expect("it is there");
    assert_eq!(
        worker,
        Worker {
            id: "wrk_1".to_owned(),
            name: "builder".to_owned(),
            zone: "north".to_owned()
        }
    );
    let stored = records
        .store()
        .get(Kind::Worker, "wrk_1")
        .await
        .expect("readable")
        .expect("it is there");
    assert_eq!(
        (stored.version, &stored.body[SCHEMA_FIELD]),
        (version, &json!(1)),
        "reading writes nothing"
    );
    records.replace(&worker, version).await.expect("replaced");
    let stored = records
        .store()
        .get(Kind::Worker, "wrk_1")
        .await
        .expect("readable")
        .expect("it is there");
    assert_eq!(
        stored.body,
        json!({SCHEMA_FIELD: 2, "id": "wrk_1", "name": "builder", "zone": "north"})
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_its_reason() {
    let folder = Folder::new();
    let records = open(&folder);
    put(&records, "wrk_newer", json!({SCHEMA_FIELD: 3, "name": "a"})).await;
    put(&records, "wrk_none", json!({"name": "b"})).await;
    put(&records, "wrk_zoneless", json!({SCHEMA_FIELD: 1, "name": "c"})).await;
    put(&records, "wrk_shape", json!({SCHEMA_FIELD: 2, "name": "d", "zone": 7})).await;
    let error = |id: &'static str| {
        let records = records.clone();
        async move { records.load::<Worker>(id).await.expect_err("unreadable") }
    };
    let newer = error("wrk_newer").await;
    assert!(
        matches!(newer, RecordError::Newer { found: 3, known: 2, .. }),
        "{newer}"
    );
    assert!(newer.to_string().contains("start the newer version"), "{newer}");
    assert!(matches!(
        error("wrk_none").await,
        RecordError::Upgrade {
            source: UpgradeError { from: 0, .. },
            ..
        }
    ));
    assert!(matches!(
        error("wrk_zoneless").await,
        RecordError::Upgrade {
            source: UpgradeError { from: 1, .. },
            ..
        }
    ));
    assert!(matches!(error("wrk_shape").await, RecordError::Shape { .. }));
}

#[tokio::test]
async fn a_record_is_loaded_by_its_unique_key() {
    let folder = Folder::new();
    let records = open(&folder);
    let worker = Worker {
        id: "wrk_1".to_owned(),
        name: "builder".to_owned(),
        zone: "north".to_owned(),
    };
    records.insert(&worker).await.expect("inserted");
    let found = records
        .load_by::<Worker>(Query::over(kinds::WORKER_NAME).equal("builder"))
        .await
        .expect("an answer");
    assert_eq!(found.map(|(worker, _)| worker), Some(worker));
    let none = records
        .load_by::<Worker>(Query::over(kinds::WORKER_NAME).equal("other"))
        .await
        .expect("an answer");
    assert_eq!(none, None);
    let many = records
        .load_by::<Worker>(Query::over(kinds::WORKER_STATE).equal("idle"))
        .await;
    assert!(
        matches!(many, Err(RecordError::Store(StoreError::Invalid { .. }))),
        "{many:?}"
    );
}

#[tokio::test]
async fn what_was_read_before_is_changed_only_if_it_is_still_so() {
    #[derive(Debug, thiserror::Error)]
    #[error("not in this zone")]
    struct NotHere;
    let folder = Folder::new();
    let records = open(&folder);
    let first = Worker {
        id: "w".to_owned(),
        name: "one".to_owned(),
        zone: "a".to_owned(),
    };
    let version = records.insert(&first).await.expect("inserted");
    let mut decided = 0;
    let mut rename = |worker: &mut Worker| {
        decided += 1;
        worker.name.push('!');
        Ok::<_, NotHere>(())
    };
    let known = (first.clone(), version);
    let updated = records.update_known(known.clone(), &mut rename).await.expect("renamed");
    assert_eq!(updated.record.name, "one!");
    // The same knowledge again is old now: what is there is taken.
    let updated = records.update_known(known.clone(), &mut rename).await.expect("renamed");
    assert_eq!((updated.record.name.as_str(), decided), ("one!!", 3));
    let moved = Worker {
        zone: "b".to_owned(),
        ..updated.record
    };
    records.replace(&moved, updated.version).await.expect("moved");
    // Refused, or nothing to do, by what was read: the newest state has the last word.
    let in_b = |worker: &mut Worker| {
        let name = format!("{} of b", worker.name);
        (worker.zone == "b").then(|| worker.name = name).ok_or(NotHere)
    };
    assert_eq!(
        records
            .update_known(known.clone(), in_b)
            .await
            .expect("it is in b")
            .record
            .name,
        "one!! of b"
    );
    let leave = |_: &mut Worker| Ok::<_, NotHere>(());
    assert_eq!(
        records.update_known(known, leave).await.expect("as it is").record.zone,
        "b"
    );
}

#[tokio::test]
async fn the_first_that_fits_is_found_on_whatever_page_it_stands() {
    let folder = Folder::new();
    let records = open(&folder);
    for number in 0..25 {
        let body = json!({SCHEMA_FIELD: 2, "name": format!("w{number:02}"), "zone": "north"});
        put(&records, &format!("wrk_{number}"), body).await;
    }
    let page_by_page = || Query::over(kinds::WORKER_NAME).limit(10);
    for (name, expected) in [("w00", true), ("w24", true), ("w25", false)] {
        let found = records
            .first_that(page_by_page(), |worker: &Worker| worker.name == name)
            .await;
        let found = found.expect("readable").map(|worker| worker.name);
        assert_eq!(found.as_deref(), expected.then_some(name));
    }
}
