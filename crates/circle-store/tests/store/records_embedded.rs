//! What is the SQLite adapter's alone.

use std::os::unix::fs::PermissionsExt;

use circle_store::records::{EmbeddedStore, Kind, NewDocument, Query, Store, StoreError, kinds};
use rusqlite::Connection;
use serde_json::json;
use tokio::task::JoinSet;

use crate::fixtures::Folder;

fn run(number: i64) -> NewDocument {
    let body = json!({"service": "svc", "number": number, "created_at": number, "title": "a run"});
    NewDocument {
        kind: Kind::Run,
        id: format!("run_{number:03}"),
        body,
    }
}

#[test]
fn one_folder_one_process() {
    let folder = Folder::new();
    let store = EmbeddedStore::open(folder.path()).expect("opened");
    let error = EmbeddedStore::open(folder.path()).expect_err("in use").to_string();
    assert!(
        error.contains(&format!("in use by process {}", std::process::id())),
        "{error}"
    );
    drop(store);
    EmbeddedStore::open(folder.path()).expect("given back");
}

#[tokio::test]
async fn an_index_that_was_declared_later_is_built_when_the_store_opens() {
    let folder = Folder::new();
    let store = EmbeddedStore::open(folder.path()).expect("opened");
    for number in 0..50 {
        store.insert(run(number)).await.expect("inserted");
    }
    let before = store
        .find(Query::over(kinds::RUN_SERVICE).equal("svc"))
        .await
        .expect("an answer");
    drop(store);
    // As an older program left it: one index and the heads were declared otherwise, one is declared no more.
    let database = Connection::open(folder.path().join("circle.db")).expect("a database");
    let older = "UPDATE catalog SET declared = 'ordered /created_at' WHERE name = 'service' AND kind = 'run';
        DELETE FROM entry WHERE idx = (SELECT num FROM catalog WHERE name = 'service' AND kind = 'run');
        UPDATE catalog SET declared = '/service' WHERE name = '#head' AND kind = 'run';
        UPDATE doc SET head = '{}';
        INSERT INTO catalog (num, kind, name, declared) VALUES (999, 'run', 'gone', 'ordered /x');
        INSERT INTO entry (idx, key, id) VALUES (999, x'00', 'run_001');";
    database.execute_batch(older).expect("changed");
    drop(database);
    let store = EmbeddedStore::open(folder.path()).expect("opened");
    let after = store
        .find(Query::over(kinds::RUN_SERVICE).equal("svc"))
        .await
        .expect("an answer");
    assert_eq!((after.heads.len(), &after), (50, &before));
    drop(store);
    let database = Connection::open(folder.path().join("circle.db")).expect("a database");
    let left: i64 = database
        .query_row("SELECT count(*) FROM entry WHERE idx = 999", [], |row| row.get(0))
        .expect("counted");
    assert_eq!(left, 0, "entries of an index that is declared no more");
}

#[tokio::test]
async fn an_index_that_cannot_be_unique_says_which_documents_are_in_the_way() {
    let folder = Folder::new();
    let store = EmbeddedStore::open(folder.path()).expect("opened");
    store.insert(run(1)).await.expect("inserted");
    store.insert(run(2)).await.expect("inserted");
    drop(store);
    let database = Connection::open(folder.path().join("circle.db")).expect("a database");
    let older = "UPDATE catalog SET declared = 'ordered /number' WHERE name = 'number' AND kind = 'run';
        UPDATE doc SET body = replace(body, '\"number\":2', '\"number\":1');";
    database.execute_batch(older).expect("changed");
    drop(database);
    let error = EmbeddedStore::open(folder.path())
        .expect_err("two runs with one number")
        .to_string();
    assert!(
        error.contains("run_001 and run_002") && error.contains("number"),
        "{error}"
    );
}

#[tokio::test]
async fn a_newer_database_is_refused_with_a_sentence() {
    let folder = Folder::new();
    drop(EmbeddedStore::open(folder.path()).expect("opened"));
    let database = Connection::open(folder.path().join("circle.db")).expect("a database");
    database
        .execute("INSERT INTO migration (number) VALUES (999)", [])
        .expect("changed");
    drop(database);
    let error = EmbeddedStore::open(folder.path())
        .expect_err("from the future")
        .to_string();
    assert!(error.contains("newer version of Circle (layout 999"), "{error}");
}

#[tokio::test]
async fn what_is_no_database_is_called_damaged() {
    let folder = Folder::new();
    std::fs::write(
        folder.path().join("circle.db"),
        "no database, but long enough to look at: ".repeat(100),
    )
    .expect("written");
    let error = EmbeddedStore::open(folder.path()).expect_err("no database").to_string();
    assert!(
        error.contains("damaged") && error.contains("restore a backup"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_conflict_in_a_shared_commit_hurts_nobody_else() {
    let folder = Folder::new();
    let store = EmbeddedStore::open(folder.path()).expect("opened");
    let mut tasks = JoinSet::new();
    for number in 0..200_i64 {
        let store = store.clone();
        // Every second one wants a number that its neighbour has.
        let mut document = run(number);
        document.body["number"] = json!(number / 2);
        tasks.spawn(async move { store.insert(document).await });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 100);
    let conflicts = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(StoreError::Conflict { index: "number", .. })));
    assert_eq!(conflicts.count(), 100);
    for query in [
        Query::all(Kind::Run),
        Query::over(kinds::RUN_CREATED),
        Query::over(kinds::RUN_NUMBER),
    ] {
        assert_eq!(
            store.count(query).await.expect("an answer"),
            100,
            "no half of a refused one is left"
        );
    }
}

#[tokio::test]
async fn a_call_that_was_given_up_is_carried_out_or_not_but_whole() {
    let folder = Folder::new();
    let store = EmbeddedStore::open(folder.path()).expect("opened");
    for number in 0..50 {
        let insert = store.insert(run(number));
        tokio::select! {
            biased;
            inserted = insert => drop(inserted.expect("inserted")),
            () = tokio::task::yield_now() => {}
        }
    }
    drop(store);
    let store = EmbeddedStore::open(folder.path()).expect("opened");
    let all = store.count(Query::all(Kind::Run)).await.expect("an answer");
    assert_eq!(
        store.count(Query::over(kinds::RUN_CREATED)).await.expect("an answer"),
        all
    );
}

#[tokio::test]
async fn a_backup_is_a_store_of_its_own() {
    let folder = Folder::new();
    let copy = Folder::new();
    let store = EmbeddedStore::open(folder.path()).expect("opened");
    for number in 0..20 {
        store.insert(run(number)).await.expect("inserted");
    }
    store.back_up(&copy.path().join("circle.db")).await.expect("written");
    let mode = std::fs::metadata(copy.path().join("circle.db"))
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "for this user alone");
    store.insert(run(20)).await.expect("goes on");
    store
        .back_up(&copy.path().join("circle.db"))
        .await
        .expect_err("nothing is overwritten");
    let restored = EmbeddedStore::open(copy.path()).expect("opened");
    assert_eq!(restored.count(Query::all(Kind::Run)).await.expect("an answer"), 20);
    let original = store.get(Kind::Run, "run_007").await.expect("readable");
    assert_eq!(restored.get(Kind::Run, "run_007").await.expect("readable"), original);
}

#[test]
fn a_folder_that_is_made_is_for_this_user_alone() {
    let folder = Folder::new();
    let made = folder.path().join("data/records");
    EmbeddedStore::open(&made).expect("opened");
    for folder in [made.as_path(), made.parent().expect("data")] {
        let mode = std::fs::metadata(folder).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
    }
}
