//! The suite of [`Store`](crate::records::Store).

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::samples::{a_run, ids, rewritten, with};
use super::{Case, Fixture, records_find as find, records_races as races};
use crate::records::{DOCUMENT_BYTES, Index, Kind, MAX_LIMIT, NewDocument, Query, Store, StoreError, Version, kinds};

/// What a fixture opens.
pub type Port = Arc<dyn Store>;
type Place<'a> = &'a dyn Fixture<Port>;

/// Every case.
pub const CASES: &[Case<Port>] = &[
    Case {
        name: "what is inserted is read",
        run: |place| Box::pin(what_is_inserted_is_read(place)),
    },
    Case {
        name: "an id is taken once in its kind",
        run: |place| Box::pin(an_id_is_taken_once(place)),
    },
    Case {
        name: "a unique key is taken once",
        run: |place| Box::pin(a_unique_key_is_taken_once(place)),
    },
    Case {
        name: "a unique key is free again",
        run: |place| Box::pin(a_unique_key_is_free_again(place)),
    },
    Case {
        name: "replacing needs the version",
        run: |place| Box::pin(replacing_needs_the_version(place)),
    },
    Case {
        name: "deleting needs the version",
        run: |place| Box::pin(deleting_needs_the_version(place)),
    },
    Case {
        name: "a refused replace changes nothing",
        run: |place| Box::pin(a_refused_replace_changes_nothing(place)),
    },
    Case {
        name: "versions grow beyond a deletion",
        run: |place| Box::pin(versions_grow_beyond_a_deletion(place)),
    },
    Case {
        name: "bounds are kept",
        run: |place| Box::pin(bounds_are_kept(place)),
    },
    Case {
        name: "wrong questions are refused",
        run: |place| Box::pin(wrong_questions_are_refused(place)),
    },
    Case {
        name: "a change wakes who waits",
        run: |place| Box::pin(a_change_wakes_who_waits(place)),
    },
    Case {
        name: "everything is there after opening again",
        run: |place| Box::pin(everything_is_there_again(place)),
    },
    Case {
        name: "heads carry what is declared",
        run: |place| Box::pin(find::heads_carry_what_is_declared(place)),
    },
    Case {
        name: "many at once and the first are what one by one gives",
        run: |place| Box::pin(find::many_at_once_and_the_first_are_what_one_by_one_gives(place)),
    },
    Case {
        name: "absent fields leave the index",
        run: |place| Box::pin(find::absent_fields_leave_the_index(place)),
    },
    Case {
        name: "equality and ranges",
        run: |place| Box::pin(find::equality_and_ranges(place)),
    },
    Case {
        name: "order is by fields, then by id",
        run: |place| Box::pin(find::order_is_by_fields_then_by_id(place)),
    },
    Case {
        name: "a moved document is found where it is",
        run: |place| Box::pin(find::a_moved_document(place)),
    },
    Case {
        name: "pages cover everything once",
        run: |place| Box::pin(find::pages_cover_everything_once(place)),
    },
    Case {
        name: "cursors stand while others insert",
        run: |place| Box::pin(find::cursors_stand(place)),
    },
    Case {
        name: "texts of all kinds keep apart",
        run: |place| Box::pin(find::texts_keep_apart(place)),
    },
    Case {
        name: "of racing changes each is counted",
        run: |place| Box::pin(races::each_change_is_counted(place)),
    },
    Case {
        name: "of racing inserts one wins",
        run: |place| Box::pin(races::one_insert_wins(place)),
    },
    Case {
        name: "numbers are given without gaps",
        run: |place| Box::pin(races::numbers_without_gaps(place)),
    },
    Case {
        name: "an update repeats its decision",
        run: |place| Box::pin(races::an_update_repeats(place)),
    },
];

async fn what_is_inserted_is_read(place: Place<'_>) {
    let store = place.open().await;
    assert_eq!(store.get(Kind::Run, "run_1").await.expect("an answer"), None);
    let document = a_run("run_1", "svc", 1);
    let version = store.insert(document.clone()).await.expect("inserted");
    let stored = store
        .get(Kind::Run, "run_1")
        .await
        .expect("an answer")
        .expect("it is there");
    assert_eq!((stored.version, &stored.body), (version, &document.body));
    assert_eq!(
        store.get(Kind::Service, "run_1").await.expect("an answer"),
        None,
        "kinds keep apart"
    );
}

async fn an_id_is_taken_once(place: Place<'_>) {
    let store = place.open().await;
    store.insert(a_run("run_1", "svc", 1)).await.expect("inserted");
    let error = store
        .insert(a_run("run_1", "svc", 2))
        .await
        .expect_err("the id is taken");
    assert!(
        matches!(
            error,
            StoreError::Conflict {
                kind: Kind::Run,
                index: "id"
            }
        ),
        "{error:?}"
    );
    let other = NewDocument {
        kind: Kind::Setting,
        id: "run_1".to_owned(),
        body: json!({}),
    };
    store.insert(other).await.expect("another kind has ids of its own");
}

async fn a_unique_key_is_taken_once(place: Place<'_>) {
    let store = place.open().await;
    store.insert(a_run("run_1", "svc", 1)).await.expect("inserted");
    let same_number = with(a_run("run_2", "svc", 1), "trigger_key", "another");
    let error = store.insert(same_number).await.expect_err("the number is taken");
    assert!(
        matches!(
            error,
            StoreError::Conflict {
                kind: Kind::Run,
                index: "number"
            }
        ),
        "{error:?}"
    );
    store
        .insert(a_run("run_2", "other", 1))
        .await
        .expect("another service counts for itself");
    store.insert(a_run("run_3", "svc", 2)).await.expect("another number");
    let third = store
        .get(Kind::Run, "run_3")
        .await
        .expect("an answer")
        .expect("it is there");
    let error = store
        .replace(rewritten(&third, "number", 1), third.version)
        .await
        .expect_err("taken");
    assert!(
        matches!(
            error,
            StoreError::Conflict {
                kind: Kind::Run,
                index: "number"
            }
        ),
        "{error:?}"
    );
}

async fn a_unique_key_is_free_again(place: Place<'_>) {
    let store = place.open().await;
    let version = store.insert(a_run("run_1", "svc", 1)).await.expect("inserted");
    let stored = store
        .get(Kind::Run, "run_1")
        .await
        .expect("an answer")
        .expect("it is there");
    let kept = store
        .replace(rewritten(&stored, "priority", 5), version)
        .await
        .expect("its own keys are its own");
    store.delete(Kind::Run, "run_1", kept).await.expect("deleted");
    store
        .insert(a_run("run_2", "svc", 1))
        .await
        .expect("the number is free");
    let second = store
        .get(Kind::Run, "run_2")
        .await
        .expect("an answer")
        .expect("it is there");
    let moved = rewritten(&rewritten_stored(&second, "number", 7), "trigger_key", "seven");
    store.replace(moved, second.version).await.expect("moved");
    store
        .insert(a_run("run_3", "svc", 1))
        .await
        .expect("the number is free again");
}

fn rewritten_stored(stored: &crate::records::Stored, field: &str, value: i64) -> crate::records::Stored {
    crate::records::Stored {
        body: rewritten(stored, field, value).body,
        ..stored.clone()
    }
}

async fn replacing_needs_the_version(place: Place<'_>) {
    let store = place.open().await;
    let first = store.insert(a_run("run_1", "svc", 1)).await.expect("inserted");
    let stored = store
        .get(Kind::Run, "run_1")
        .await
        .expect("an answer")
        .expect("it is there");
    let second = store
        .replace(rewritten(&stored, "priority", 1), first)
        .await
        .expect("the version fits");
    assert!(second > first);
    let error = store
        .replace(rewritten(&stored, "priority", 2), first)
        .await
        .expect_err("the version is old");
    let StoreError::Stale { current: Some(current) } = error else {
        panic!("not Stale with a document: {error:?}")
    };
    assert_eq!((current.version, &current.body["priority"]), (second, &json!(1)));
    let error = store
        .replace(a_run("run_9", "svc", 9), first)
        .await
        .expect_err("there is none");
    assert!(matches!(error, StoreError::Stale { current: None }), "{error:?}");
}

async fn deleting_needs_the_version(place: Place<'_>) {
    let store = place.open().await;
    let version = store.insert(a_run("run_1", "svc", 1)).await.expect("inserted");
    let error = store
        .delete(Kind::Run, "run_1", Version(version.0 + 1))
        .await
        .expect_err("another version");
    assert!(matches!(error, StoreError::Stale { current: Some(_) }), "{error:?}");
    store.delete(Kind::Run, "run_1", version).await.expect("deleted");
    assert_eq!(store.get(Kind::Run, "run_1").await.expect("an answer"), None);
    assert_eq!(
        store.count(Query::over(kinds::RUN_SERVICE)).await.expect("an answer"),
        0,
        "the index forgot it too"
    );
    let error = store.delete(Kind::Run, "run_1", version).await.expect_err("it is gone");
    assert!(matches!(error, StoreError::Stale { current: None }), "{error:?}");
}

async fn a_refused_replace_changes_nothing(place: Place<'_>) {
    let store = place.open().await;
    store.insert(a_run("run_1", "svc", 1)).await.expect("inserted");
    let version = store.insert(a_run("run_2", "svc", 2)).await.expect("inserted");
    // Its trigger and state are free to take, its number is not: none of them may move.
    let second = store
        .get(Kind::Run, "run_2")
        .await
        .expect("an answer")
        .expect("it is there");
    let mut wish = rewritten(&second, "number", 1);
    wish.body["state"]["name"] = json!("running");
    wish.body["trigger_key"] = json!("new");
    store.replace(wish, version).await.expect_err("the number is taken");
    assert_eq!(store.get(Kind::Run, "run_2").await.expect("an answer"), Some(second));
    let queued = store
        .find(Query::over(kinds::RUN_STATE).equal("queued"))
        .await
        .expect("an answer");
    assert_eq!(ids(&queued), ["run_1", "run_2"]);
    let running = store
        .count(Query::over(kinds::RUN_STATE).equal("running"))
        .await
        .expect("an answer");
    assert_eq!(running, 0);
}

async fn versions_grow_beyond_a_deletion(place: Place<'_>) {
    let store = place.open().await;
    let first = store.insert(a_run("run_1", "svc", 1)).await.expect("inserted");
    store.delete(Kind::Run, "run_1", first).await.expect("deleted");
    drop(store);
    let store = place.open().await;
    let again = store.insert(a_run("run_1", "svc", 1)).await.expect("inserted again");
    assert!(again > first, "{again} must not be taken for {first}");
    store
        .replace(a_run("run_1", "svc", 2), first)
        .await
        .expect_err("a version from before the deletion");
}

async fn bounds_are_kept(place: Place<'_>) {
    let store = place.open().await;
    let big = with(a_run("run_1", "svc", 1), "title", "");
    let room = DOCUMENT_BYTES - big.body.to_string().len();
    let fits = with(big.clone(), "notes", "x".repeat(room - r#","notes":"""#.len()));
    assert_eq!(fits.body.to_string().len(), DOCUMENT_BYTES);
    store.insert(fits).await.expect("as large as may be");
    let larger = with(a_run("run_2", "svc", 2), "notes", "x".repeat(DOCUMENT_BYTES));
    let error = store.insert(larger).await.expect_err("too large");
    assert!(
        matches!(
            error,
            StoreError::TooLarge {
                what: "document",
                limit: DOCUMENT_BYTES,
                ..
            }
        ),
        "{error:?}"
    );
    let long_key = with(a_run("run_3", "svc", 3), "trigger_key", "k".repeat(2000));
    let error = store.insert(long_key).await.expect_err("a key of two thousand bytes");
    assert!(
        matches!(error, StoreError::TooLarge { what: "index key", .. }),
        "{error:?}"
    );
    for id in ["".to_owned(), "x".repeat(1000)] {
        store
            .insert(a_run(&id, "svc", 4))
            .await
            .expect_err("no id, or too long a one");
    }
    let list = NewDocument {
        kind: Kind::Setting,
        id: "s".to_owned(),
        body: json!([]),
    };
    store.insert(list).await.expect_err("a body is an object");
    assert_eq!(store.count(Query::all(Kind::Run)).await.expect("an answer"), 1);
}

async fn wrong_questions_are_refused(place: Place<'_>) {
    let store = place.open().await;
    let unknown = Index {
        kind: Kind::Run,
        name: "colour",
        fields: &["/colour"],
        unique: false,
    };
    let error = store.find(Query::over(unknown)).await.expect_err("no such index");
    assert!(
        matches!(
            error,
            StoreError::UnknownIndex {
                kind: Kind::Run,
                index: "colour"
            }
        ),
        "{error:?}"
    );
    let too_many = Query::over(kinds::RUN_CREATED).equal(1_i64).equal(2_i64);
    let ranged = Query::over(kinds::RUN_CREATED).equal(1_i64).at_least(2_i64);
    let limits = [0, MAX_LIMIT + 1].map(|limit| Query::over(kinds::RUN_CREATED).limit(limit));
    let cursor = crate::records::Cursor::from_text("<script>");
    let foreign = Query::over(kinds::RUN_CREATED).after(Some(cursor));
    for query in [too_many, ranged, foreign].into_iter().chain(limits) {
        let error = store.find(query.clone()).await.expect_err("a wrong question");
        assert!(matches!(error, StoreError::Invalid { .. }), "{query:?}: {error:?}");
    }
}

async fn a_change_wakes_who_waits(place: Place<'_>) {
    let store = place.open().await;
    let mut changes = store.changes(Kind::Run);
    let waiting = tokio::time::timeout(Duration::from_secs(20), changes.changed());
    let (woken, inserted) = tokio::join!(waiting, store.insert(a_run("run_1", "svc", 1)));
    inserted.expect("inserted");
    woken.expect("woken by the insert");
}

async fn everything_is_there_again(place: Place<'_>) {
    let store = place.open().await;
    for number in 1..=20 {
        store
            .insert(a_run(&format!("run_{number:02}"), "svc", number))
            .await
            .expect("inserted");
    }
    let before = store
        .find(Query::over(kinds::RUN_SERVICE).equal("svc"))
        .await
        .expect("an answer");
    drop(store);
    let store = place.open().await;
    let after = store
        .find(Query::over(kinds::RUN_SERVICE).equal("svc"))
        .await
        .expect("an answer");
    assert_eq!(before, after);
    let last = store
        .get(Kind::Run, "run_20")
        .await
        .expect("an answer")
        .expect("it is there");
    let newer = store
        .replace(rewritten(&last, "priority", 1), last.version)
        .await
        .expect("its version still fits");
    assert!(newer > last.version);
}
