//! Finding: heads, sparse indexes, ranges, order, pages.

use serde_json::json;

use super::Fixture;
use super::records::Port;
use super::samples::{a_run, ids, rewritten, with};
use crate::records::{FindAll, Kind, NewDocument, Query, kinds};

type Place<'a> = &'a dyn Fixture<Port>;

pub(super) async fn heads_carry_what_is_declared(place: Place<'_>) {
    let store = place.open().await;
    let version = store.insert(a_run("run_1", "svc", 7)).await.expect("inserted");
    let page = store
        .find(Query::over(kinds::RUN_NUMBER).equal("svc").equal(7_i64))
        .await
        .expect("an answer");
    let [head] = &page.heads[..] else {
        panic!("one head, not {page:?}")
    };
    assert_eq!((head.id.as_str(), head.version), ("run_1", version));
    assert_eq!(
        (head.text("/state/name"), head.number("/number")),
        (Some("queued"), Some(7))
    );
    assert_eq!(
        head.fields.pointer("/stages"),
        None,
        "a list of stages is not declared for heads"
    );
    assert_eq!(head.fields.pointer("/outbox_due"), None, "null is left out");
    let by_id = store.find(Query::all(Kind::Run)).await.expect("an answer");
    assert_eq!(by_id.heads, page.heads);
}

pub(super) async fn many_at_once_and_the_first_are_what_one_by_one_gives(place: Place<'_>) {
    let store = place.open().await;
    for number in 1..=3 {
        let run = a_run(&format!("run_{number}"), "svc", number);
        store.insert(run).await.expect("inserted");
    }
    let one = |id: &'static str| {
        let store = store.clone();
        async move { store.get(Kind::Run, id).await.expect("an answer").expect("it is there") }
    };
    let wanted = ["run_3", "run_9", "run_1", "run_3"].map(str::to_owned).to_vec();
    let many = store.several(Kind::Run, wanted).await.expect("an answer");
    assert_eq!(many, [one("run_3").await, one("run_1").await, one("run_3").await]);
    assert_eq!(store.several(Kind::Run, Vec::new()).await.expect("an answer"), []);
    // Another kind's ids are another kind's.
    let other = store.several(Kind::Service, vec!["run_1".to_owned()]).await;
    assert_eq!(other.expect("an answer"), []);
    let of_service = || Query::over(kinds::RUN_NUMBER).equal("svc");
    let first = store.first(of_service()).await.expect("an answer");
    assert_eq!(first, Some(one("run_1").await));
    let last = store.first(of_service().descending()).await.expect("an answer");
    assert_eq!(last, Some(one("run_3").await));
    let none = store.first(Query::over(kinds::RUN_NUMBER).equal("other")).await;
    assert_eq!(none.expect("an answer"), None);
}

pub(super) async fn absent_fields_leave_the_index(place: Place<'_>) {
    let store = place.open().await;
    store
        .insert(a_run("run_1", "svc", 1))
        .await
        .expect("inserted with null");
    let mut without = a_run("run_2", "svc", 2);
    without.body.as_object_mut().expect("an object").remove("outbox_due");
    store.insert(without).await.expect("inserted without the field");
    store
        .insert(with(a_run("run_3", "svc", 3), "outbox_due", 30))
        .await
        .expect("inserted with a value");
    let due = || Query::over(kinds::RUN_OUTBOX).at_most(100_i64);
    assert_eq!(ids(&store.find(due()).await.expect("an answer")), ["run_3"]);
    let third = store
        .get(Kind::Run, "run_3")
        .await
        .expect("an answer")
        .expect("it is there");
    store
        .replace(rewritten(&third, "outbox_due", json!(null)), third.version)
        .await
        .expect("emptied");
    assert_eq!(store.count(due()).await.expect("an answer"), 0);
    assert_eq!(
        store.count(Query::over(kinds::RUN_CREATED)).await.expect("an answer"),
        3
    );
    // Two documents without a unique key do not collide.
    for id in ["wl_1", "wl_2"] {
        let workload = NewDocument {
            kind: Kind::Workload,
            id: id.to_owned(),
            body: json!({"digest": "sha256:0"}),
        };
        store.insert(workload).await.expect("no lock, no conflict");
    }
}

pub(super) async fn equality_and_ranges(place: Place<'_>) {
    let store = place.open().await;
    for number in 1..=9 {
        let service = if number % 2 == 0 { "even" } else { "odd" };
        store
            .insert(a_run(&format!("run_{number}"), service, number))
            .await
            .expect("inserted");
    }
    let odd = || Query::over(kinds::RUN_SERVICE).equal("odd");
    let found = |query: Query| {
        let store = store.clone();
        async move {
            let page = store.find(query.clone()).await.expect("an answer");
            let count = store.count(query).await.expect("an answer");
            assert_eq!(count, page.heads.len() as u64, "count and find agree");
            page.heads
                .into_iter()
                .map(|head| head.number("/number").expect("a number"))
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(found(odd()).await, [1, 3, 5, 7, 9]);
    assert_eq!(found(odd().descending()).await, [9, 7, 5, 3, 1]);
    assert_eq!(found(odd().at_least(50_i64)).await, [5, 7, 9]);
    assert_eq!(found(odd().greater_than(50_i64)).await, [7, 9]);
    assert_eq!(found(odd().at_most(50_i64)).await, [1, 3, 5]);
    assert_eq!(found(odd().less_than(50_i64)).await, [1, 3]);
    assert_eq!(
        found(odd().at_least(30_i64).less_than(70_i64).descending()).await,
        [5, 3]
    );
    assert_eq!(found(odd().at_least(70_i64).at_most(30_i64)).await, [0_i64; 0]);
    assert_eq!(
        found(Query::over(kinds::RUN_SERVICE)).await,
        [2, 4, 6, 8, 1, 3, 5, 7, 9]
    );
    assert_eq!(
        found(Query::over(kinds::RUN_SERVICE).equal("od")).await,
        [0_i64; 0],
        "a beginning is not equal"
    );
    assert_eq!(found(Query::over(kinds::RUN_CREATED).at_most(-1_i64)).await, [0_i64; 0]);
}

pub(super) async fn order_is_by_fields_then_by_id(place: Place<'_>) {
    let store = place.open().await;
    for (id, number, created) in [("run_c", 1, -5), ("run_a", 2, -5), ("run_b", 3, 300), ("run_d", 4, -70)] {
        store
            .insert(with(a_run(id, "svc", number), "created_at", created))
            .await
            .expect("inserted");
    }
    let page = store.find(Query::over(kinds::RUN_CREATED)).await.expect("an answer");
    assert_eq!(ids(&page), ["run_d", "run_a", "run_c", "run_b"]);
    let page = store
        .find(Query::over(kinds::RUN_CREATED).descending())
        .await
        .expect("an answer");
    assert_eq!(ids(&page), ["run_b", "run_c", "run_a", "run_d"]);
    let page = store
        .find(Query::all(Kind::Run).descending().limit(2))
        .await
        .expect("an answer");
    assert_eq!(ids(&page), ["run_d", "run_c"]);
}

pub(super) async fn a_moved_document(place: Place<'_>) {
    let store = place.open().await;
    store.insert(a_run("run_1", "svc", 1)).await.expect("inserted");
    for state in ["leased", "running", "succeeded"] {
        let stored = store
            .get(Kind::Run, "run_1")
            .await
            .expect("an answer")
            .expect("it is there");
        let wish = rewritten(&stored, "state", json!({"name": state}));
        store.replace(wish, stored.version).await.expect("moved");
        for asked in ["queued", "leased", "running", "succeeded"] {
            let count = store
                .count(Query::over(kinds::RUN_READY).equal(asked))
                .await
                .expect("an answer");
            assert_eq!(
                count,
                u64::from(asked == state),
                "asked for {asked} while it is {state}"
            );
        }
    }
}

pub(super) async fn pages_cover_everything_once(place: Place<'_>) {
    let store = place.open().await;
    for number in 1..=23 {
        // Few different values: most of the order is by id.
        let document = with(
            a_run(&format!("run_{number:02}"), "svc", number),
            "created_at",
            number % 3,
        );
        store.insert(document).await.expect("inserted");
    }
    for limit in [1, 5, 23, 24] {
        for query in [
            Query::over(kinds::RUN_CREATED),
            Query::all(Kind::Run),
            Query::over(kinds::RUN_CREATED).descending(),
        ] {
            let whole = store.find(query.clone()).await.expect("an answer");
            assert_eq!(whole.next, None, "all 23 fit one page");
            let mut walked = Vec::new();
            let mut pages = FindAll::new(&*store, query.limit(limit));
            while let Some(heads) = pages.next().await.expect("an answer") {
                assert!(
                    (1..=limit).contains(&heads.len()),
                    "a page of {} with limit {limit}",
                    heads.len()
                );
                walked.extend(heads);
            }
            assert_eq!(walked, whole.heads, "limit {limit}");
        }
    }
    let none = store
        .find(Query::over(kinds::RUN_CREATED).equal(77_i64))
        .await
        .expect("an answer");
    assert_eq!((none.heads.len(), none.next), (0, None));
}

pub(super) async fn cursors_stand(place: Place<'_>) {
    let store = place.open().await;
    for number in [10, 20, 30, 40] {
        store
            .insert(a_run(&format!("run_{number}"), "svc", number))
            .await
            .expect("inserted");
    }
    let query = || Query::over(kinds::RUN_SERVICE).equal("svc").limit(2);
    let first = store.find(query()).await.expect("an answer");
    assert_eq!(ids(&first), ["run_10", "run_20"]);
    // Before the cursor, behind it, and the very document that it names goes away.
    store.insert(a_run("run_05", "svc", 5)).await.expect("inserted");
    store.insert(a_run("run_25", "svc", 25)).await.expect("inserted");
    store
        .delete(Kind::Run, "run_20", first.heads[1].version)
        .await
        .expect("deleted");
    let second = store.find(query().after(first.next)).await.expect("an answer");
    assert_eq!(ids(&second), ["run_25", "run_30"]);
    let text = second.next.expect("one more").as_text().to_owned();
    assert!(
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)),
        "{text} in a URL"
    );
    let third = store
        .find(query().after(Some(crate::records::Cursor::from_text(text))))
        .await
        .expect("an answer");
    assert_eq!((ids(&third), third.next.is_none()), (vec!["run_40"], true));
}

pub(super) async fn texts_keep_apart(place: Place<'_>) {
    let store = place.open().await;
    let names = [
        "",
        "a",
        "a\0",
        "a\0b",
        "ab",
        "a b",
        "\u{10FFFF}",
        "é",
        "'; DROP TABLE doc; --",
    ];
    for (place, name) in names.iter().enumerate() {
        let body = json!({"workspace": "w", "name": name, "scope": "s"});
        let secret = NewDocument {
            kind: Kind::Secret,
            id: format!("sec_{place}"),
            body,
        };
        store.insert(secret).await.expect("each name is another");
    }
    for (place, name) in names.iter().enumerate() {
        let query = Query::over(kinds::SECRET_NAME).equal("w").equal("s").equal(*name);
        let page = store.find(query).await.expect("an answer");
        assert_eq!(ids(&page), [format!("sec_{place}")], "{name:?}");
    }
    let shifted = Query::over(kinds::SECRET_NAME).equal("ws").equal("").equal("a");
    assert_eq!(
        store.count(shifted).await.expect("an answer"),
        0,
        "fields do not run into each other"
    );
}
