//! How the present specification does, from the service and its tasks. Pure.

use circle_core::deployment::Rollout;
use serde_json::Value;

use super::spec::{force_of, image_of};

/// Failed tasks of a service that was never updated before its creation counts as failed: an update pauses by itself, a
/// creation is tried for ever.
const FAILURES_OF_A_NEW_SERVICE: usize = 2;

/// The verdict; `desired` is the number of tasks that should run.
pub(super) fn rollout(service: &Value, tasks: &[Value], desired: u64) -> Rollout {
    let Some(spec) = service.get("Spec") else {
        return Rollout::Failed {
            why: "the service has no specification".into(),
        };
    };
    let (present, past): (Vec<&Value>, Vec<&Value>) = tasks.iter().partition(|task| is_of(task, spec));
    let ready = count(&present, |task| wanted(task) && state(task) == "running");
    let others = count(&past, wanted);
    if ready >= desired && others == 0 {
        return Rollout::Healthy { ready, desired };
    }
    let reasons = reasons(&present);
    match update_state(service) {
        "paused" | "rollback_started" | "rollback_paused" | "rollback_completed" => {
            let said = service
                .pointer("/UpdateStatus/Message")
                .and_then(Value::as_str)
                .unwrap_or("the update was paused");
            Rollout::Failed {
                why: reasons.unwrap_or_else(|| said.to_owned()),
            }
        }
        "" if service.get("PreviousSpec").is_none_or(Value::is_null) => {
            let failures = count(&present, |task| matches!(state(task), "failed" | "rejected"));
            match reasons {
                Some(why) if failures >= FAILURES_OF_A_NEW_SERVICE as u64 && ready == 0 => Rollout::Failed { why },
                reasons => progressing(ready, desired, others, reasons),
            }
        }
        _ => progressing(ready, desired, others, reasons),
    }
}

/// What the newest tasks say of why they do not run.
pub(super) fn complaints(tasks: &[Value]) -> Vec<String> {
    let mut tasks: Vec<&Value> = tasks.iter().collect();
    tasks.sort_by(|one, other| created(other).cmp(created(one)));
    let mut said: Vec<String> = Vec::new();
    for task in tasks {
        let words = error(task).map(|why| format!("{}: {why}", state(task)));
        if let Some(words) = words.filter(|words| !said.contains(words)) {
            said.push(words);
        }
    }
    said.truncate(10);
    said
}

fn progressing(ready: u64, desired: u64, others: u64, reasons: Option<String>) -> Rollout {
    let mut note = format!("{ready} of {desired} run");
    if others > 0 {
        note.push_str(&format!(", {others} of another version"));
    }
    if let Some(reasons) = reasons {
        note.push_str(&format!(" ({reasons})"));
    }
    Rollout::Progressing { ready, desired, note }
}

/// A task belongs to the specification that it was made from.
fn is_of(task: &Value, spec: &Value) -> bool {
    let image = task.pointer("/Spec/ContainerSpec/Image").and_then(Value::as_str);
    let force = task.pointer("/Spec/ForceUpdate").and_then(Value::as_u64).unwrap_or(0);
    image == image_of(spec) && force == force_of(spec)
}

fn reasons(tasks: &[&Value]) -> Option<String> {
    let tasks: Vec<Value> = tasks.iter().map(|task| (*task).clone()).collect();
    complaints(&tasks).into_iter().next()
}

fn count(tasks: &[&Value], keep: impl Fn(&Value) -> bool) -> u64 {
    tasks.iter().filter(|task| keep(task)).count() as u64
}

fn wanted(task: &Value) -> bool {
    task.get("DesiredState").and_then(Value::as_str) == Some("running")
}

fn state(task: &Value) -> &str {
    task.pointer("/Status/State")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn error(task: &Value) -> Option<&str> {
    task.pointer("/Status/Err")
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

fn created(task: &Value) -> &str {
    task.get("CreatedAt").and_then(Value::as_str).unwrap_or_default()
}

fn update_state(service: &Value) -> &str {
    service
        .pointer("/UpdateStatus/State")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use circle_core::deployment::Rollout;
    use serde_json::{Value, json};

    use super::rollout;

    fn service(update: Option<&str>, updated: bool) -> Value {
        let mut service = json!({ "Spec": { "TaskTemplate": { "ContainerSpec": { "Image": "h/x@sha256:2" } } } });
        if updated {
            service["PreviousSpec"] = json!({});
        }
        if let Some(state) = update {
            service["UpdateStatus"] = json!({ "State": state, "Message": "update paused due to failure of task 1" });
        }
        service
    }

    fn task(version: u8, desired: &str, state: &str, error: &str) -> Value {
        json!({
            "Spec": { "ContainerSpec": { "Image": format!("h/x@sha256:{version}") } },
            "DesiredState": desired, "CreatedAt": format!("2026-01-0{version}"), "Status": { "State": state, "Err": error }
        })
    }

    fn word(service: &Value, tasks: &[Value]) -> &'static str {
        match rollout(service, tasks, 1) {
            Rollout::Healthy { .. } => "healthy",
            Rollout::Progressing { .. } => "progressing",
            Rollout::Failed { .. } => "failed",
        }
    }

    #[test]
    fn only_what_runs_of_the_present_specification_is_health() {
        let old = task(1, "running", "running", "");
        let new = task(2, "running", "running", "");
        let starting = task(2, "running", "starting", "");
        let leaving = task(1, "shutdown", "running", "");
        let cases = [
            // Right after the write: no status yet, no task yet, the old one runs.
            (None, vec![old.clone()], "progressing"),
            // "completed" is not health: the only task may be gone.
            (Some("completed"), vec![], "progressing"),
            (Some("completed"), vec![starting.clone()], "progressing"),
            (Some("updating"), vec![old.clone(), starting], "progressing"),
            (Some("updating"), vec![old.clone(), new.clone()], "progressing"),
            (Some("updating"), vec![leaving, new.clone()], "healthy"),
            (Some("completed"), vec![new.clone()], "healthy"),
            (
                Some("paused"),
                vec![old, task(2, "shutdown", "failed", "unhealthy container")],
                "failed",
            ),
            (Some("paused"), vec![new], "healthy"),
        ];
        for (place, (update, tasks, wanted)) in cases.into_iter().enumerate() {
            assert_eq!(word(&service(update, true), &tasks), wanted, "case {place}");
        }
    }

    #[test]
    fn a_new_service_that_never_starts_is_given_up_with_its_reason() {
        let rejected = task(2, "shutdown", "rejected", "No such image: h/x@sha256:2");
        assert_eq!(
            word(&service(None, false), std::slice::from_ref(&rejected)),
            "progressing",
            "one may be an accident"
        );
        let verdict = rollout(&service(None, false), &[rejected.clone(), rejected.clone()], 1);
        assert_eq!(
            verdict,
            Rollout::Failed {
                why: "rejected: No such image: h/x@sha256:2".into()
            }
        );
        assert_eq!(
            word(&service(None, true), &[rejected.clone(), rejected]),
            "progressing",
            "an update pauses by itself"
        );
    }

    #[test]
    fn nothing_wanted_is_healthy_with_nothing() {
        assert_eq!(
            rollout(&service(None, false), &[], 0),
            Rollout::Healthy { ready: 0, desired: 0 }
        );
    }
}
