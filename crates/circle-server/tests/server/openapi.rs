//! The description is the code's, and the committed copy is it.

use std::path::Path;

/// Writes the copy instead of comparing it.
const UPDATE: &str = "CIRCLE_UPDATE_OPENAPI";

#[test]
fn the_committed_description_is_not_stale() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json");
    let mut made = circle_server::openapi().to_pretty_json().expect("JSON");
    made.push('\n');
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &made).expect("written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "openapi.json is stale: run the tests of circle-server with {UPDATE}=1 and commit it"
    );
}

#[test]
fn it_is_openapi_3_1_and_every_operation_has_a_name_of_its_own() {
    let api = serde_json::to_value(circle_server::openapi()).expect("JSON");
    assert!(
        api["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1")),
        "{}",
        api["openapi"]
    );
    let mut names = Vec::new();
    for (_, item) in api["paths"].as_object().expect("paths") {
        let operations = item.as_object().expect("operations").values();
        names.extend(operations.filter_map(|one| one["operationId"].as_str().map(str::to_owned)));
    }
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(all > 40, "only {all} operations");
}
