//! A store of another version of Circle: older is read, newer is left alone.

use circle_store::records::{EmbeddedStore, Kind, NewDocument, Store};
use serde_json::Value;

use crate::support::Circle;

/// Changes what the store of a stopped server says of its shapes.
async fn edit(circle: &Circle, change: impl FnOnce(&mut Value)) -> Value {
    let store = EmbeddedStore::open(&circle.folder.path().join("server/records")).expect("the store");
    let stored = store
        .get(Kind::Setting, "format")
        .await
        .expect("read")
        .expect("it was noted");
    let (mut body, before) = (stored.body.clone(), stored.body);
    change(&mut body);
    let new = NewDocument {
        kind: Kind::Setting,
        id: "format".into(),
        body,
    };
    store.replace(new, stored.version).await.expect("written");
    before
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_newer_shapes_or_unknown_kinds_is_refused_with_the_version_that_wrote_it() {
    let mut circle = Circle::start().await;
    circle.stop().await;
    let before = edit(&circle, |format| {
        format["circle"] = "9.9.9".into();
        format["schemas"]["run"] = 99.into();
    })
    .await;
    let told = circle.refuses_to_start().await;
    for word in ["Circle 9.9.9", "run documents", "99", "backup"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    edit(&circle, |format| {
        *format = before;
        format["schemas"]["wormhole"] = 1.into();
    })
    .await;
    let told = circle.refuses_to_start().await;
    assert!(told.contains("wormhole"), "{told}");
    // It was left as it was: the version that knows it can go on.
    edit(&circle, |format| {
        assert_eq!(format["schemas"]["wormhole"], 1);
        format["schemas"].as_object_mut().expect("an object").remove("wormhole");
    })
    .await;
    circle.restart().await.api.health().await.expect("it answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_older_shapes_is_taken_and_noted() {
    let mut circle = Circle::start().await;
    circle.stop().await;
    let before = edit(&circle, |format| {
        format["circle"] = "0.0.1".into();
        format["schemas"] = serde_json::json!({ "run": 1, "token": 1 });
    })
    .await;
    let mut circle = circle.restart().await;
    circle.stop().await;
    let mut seen = Value::Null;
    edit(&circle, |format| seen = format.clone()).await;
    assert_eq!(seen, before);
}
