//! Edits of a service's specification. Pure; every field that is not named here stays.

use serde_json::{Map, Value, json};

use super::image::digest_of;

/// The run that wrote the specification, for people who look at the service.
pub(super) const RUN_LABEL: &str = "circle.io/run";
/// The deployment that wrote it.
pub(super) const DEPLOYMENT_LABEL: &str = "circle.io/deployment";
/// A task that dies so soon after its start pauses the update, in nanoseconds.
const MONITOR_NS: u64 = 15_000_000_000;

/// The specification with another image, Circle's marks, and an update that stops at the first failure: the manager
/// must neither go on nor go back by itself.
pub(super) fn with_image(spec: &Value, image: &str, mark: &str, run: &str) -> Value {
    let mut spec = spec.clone();
    let before = image_of(&spec).unwrap_or_default().to_owned();
    set(&mut spec, &["TaskTemplate", "ContainerSpec", "Image"], json!(image));
    set(&mut spec, &["Labels", RUN_LABEL], json!(run));
    set(&mut spec, &["Labels", DEPLOYMENT_LABEL], json!(mark));
    if digest_of(&before) == digest_of(image) {
        // The same image again is no change to the manager, unless it is forced.
        let forced = force_of(&spec) + 1;
        set(&mut spec, &["TaskTemplate", "ForceUpdate"], json!(forced));
    }
    let update = spec.pointer("/UpdateConfig").cloned().unwrap_or(Value::Null);
    let monitor = update
        .get("Monitor")
        .and_then(Value::as_u64)
        .unwrap_or(0)
        .max(MONITOR_NS);
    if update.get("Parallelism").is_none() {
        set(&mut spec, &["UpdateConfig", "Parallelism"], json!(1));
    }
    set(&mut spec, &["UpdateConfig", "Monitor"], json!(monitor));
    set(&mut spec, &["UpdateConfig", "FailureAction"], json!("pause"));
    set(&mut spec, &["UpdateConfig", "MaxFailureRatio"], json!(0));
    spec
}

/// The specification with its image by digest.
pub(super) fn with_pinned(spec: &Value, image: &str) -> Value {
    let mut spec = spec.clone();
    set(&mut spec, &["TaskTemplate", "ContainerSpec", "Image"], json!(image));
    spec
}

/// The image of a service's specification, or of a task's when `template` begins there.
pub(super) fn image_of(spec: &Value) -> Option<&str> {
    spec.pointer("/TaskTemplate/ContainerSpec/Image")?.as_str()
}

/// How often the specification was forced.
pub(super) fn force_of(spec: &Value) -> u64 {
    spec.pointer("/TaskTemplate/ForceUpdate")
        .and_then(Value::as_u64)
        .unwrap_or(0)
}

/// The deployment that wrote the specification.
pub(super) fn mark_of(spec: &Value) -> Option<String> {
    spec.get("Labels")?.get(DEPLOYMENT_LABEL)?.as_str().map(str::to_owned)
}

/// Sets a field, and makes the objects above it where they are missing.
fn set(value: &mut Value, path: &[&str], to: Value) {
    let Some((last, above)) = path.split_last() else { return };
    let mut place = value;
    for name in above {
        let next = object(place).entry(*name).or_insert_with(|| json!({}));
        place = next;
    }
    object(place).insert((*last).to_owned(), to);
}

fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = json!({});
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("it was just made an object"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{force_of, image_of, mark_of, with_image};

    #[test]
    fn only_what_is_named_changes() {
        let before = json!({
            "Name": "shop",
            "Labels": { "team": "blue" },
            "NewInTheNextEngine": { "kept": true },
            "TaskTemplate": { "ContainerSpec": { "Image": "h/x@sha256:1", "Env": ["A=1"] }, "ForceUpdate": 3 },
            "UpdateConfig": { "Parallelism": 2, "Order": "start-first", "Monitor": 60_000_000_000_u64, "FailureAction": "rollback" }
        });
        let after = with_image(&before, "h/x@sha256:2", "dep_1", "run_1");
        assert_eq!(
            after,
            json!({
                "Name": "shop",
                "Labels": { "team": "blue", "circle.io/run": "run_1", "circle.io/deployment": "dep_1" },
                "NewInTheNextEngine": { "kept": true },
                "TaskTemplate": { "ContainerSpec": { "Image": "h/x@sha256:2", "Env": ["A=1"] }, "ForceUpdate": 3 },
                "UpdateConfig": {
                    "Parallelism": 2, "Order": "start-first", "Monitor": 60_000_000_000_u64, "FailureAction": "pause", "MaxFailureRatio": 0
                }
            })
        );
        assert_eq!(mark_of(&after).as_deref(), Some("dep_1"));
    }

    #[test]
    fn the_same_image_is_forced_and_missing_objects_are_made() {
        let before = json!({ "Labels": null, "TaskTemplate": { "ContainerSpec": { "Image": "h/x:1@sha256:1" } } });
        let after = with_image(&before, "h/x@sha256:1", "dep_1", "run_1");
        assert_eq!(force_of(&after), 1);
        assert_eq!(image_of(&after), Some("h/x@sha256:1"));
        assert_eq!(after["UpdateConfig"]["Monitor"], json!(15_000_000_000_u64));
        assert_eq!(after["UpdateConfig"]["Parallelism"], json!(1));
    }
}
