//! Resource limits of containers and builds: a job may set them, and raises none beyond its cell's.
//!
//! An engine with the capability `SYS_RESOURCE` gives a container more open files than its cell has, and scheduling in real time, which
//! would starve the machine.

use serde_json::{Value, json};

use super::Refusal;
use super::rules::{Rule, Rules, judge, shown};

/// Limits that hold for what the cell bounds anyway: memory, processes, disk.
const HARMLESS: [&str; 11] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nproc",
    "rss",
    "sigpending",
    "stack",
];
const ULIMIT: Rules = &[("Name", Rule::Any), ("Soft", Rule::Any), ("Hard", Rule::Any)];

/// Writes a list of limits anew. Open files beyond the cell's bound become the bound, as compose files ask for round numbers that no
/// test needs.
pub(super) fn judge_ulimits(value: &Value, open_files: Option<u32>) -> Result<Value, Refusal> {
    let Some(items) = value.as_array() else {
        return if value.is_null() {
            Ok(Value::Null)
        } else {
            Err(Refusal::new("`Ulimits` is no list"))
        };
    };
    items.iter().map(|item| one(item, open_files)).collect()
}

fn one(item: &Value, open_files: Option<u32>) -> Result<Value, Refusal> {
    let mut limit = judge("a limit", item, ULIMIT)?;
    let name = limit.get("Name").and_then(Value::as_str).unwrap_or_default();
    // The engine reads it in any case.
    let name = name.to_ascii_lowercase();
    if name == "nofile" {
        if let Some(most) = open_files {
            for bound in ["Soft", "Hard"] {
                // Below nothing means without a limit.
                let wish = limit.get(bound).and_then(Value::as_i64).filter(|wish| *wish >= 0);
                limit.insert(bound.to_owned(), json!(wish.unwrap_or(i64::MAX).min(i64::from(most))));
            }
        }
    } else if !HARMLESS.contains(&name.as_str()) {
        return Err(Refusal::new(format!("the limit `{}` is not allowed", shown(&name))));
    }
    limit.insert("Name".to_owned(), json!(name));
    Ok(Value::Object(limit))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::judge_ulimits;

    fn judged(value: &Value) -> Option<Value> {
        judge_ulimits(value, Some(256)).ok()
    }

    #[test]
    fn sec_28_a_job_raises_no_limit_beyond_its_cells() {
        for (wish, given) in [
            (json!({"Name": "nofile", "Soft": 100, "Hard": 200}), (100, 200)),
            (json!({"name": "NOFILE", "soft": 1024, "hard": 65_536}), (256, 256)),
            (json!({"Name": "nofile", "Soft": -1, "Hard": -1}), (256, 256)),
            (json!({"Name": "nofile", "Hard": 64}), (256, 64)),
        ] {
            let written = json!([{"Name": "nofile", "Soft": given.0, "Hard": given.1}]);
            assert_eq!(judged(&json!([wish])), Some(written), "{wish}");
        }
        for name in ["rtprio", "RtPrio", "nice", "rttime", "later", ""] {
            let wish = json!([{"Name": name, "Soft": 99, "Hard": 99}]);
            assert_eq!(judged(&wish), None, "{name}");
        }
        let twice = json!([{"Name": "nofile", "Hard": 1, "hard": 4096}]);
        assert_eq!(judged(&twice), None);
        for odd in [json!("nofile=1:1"), json!([1]), json!({"Name": "core"})] {
            assert_eq!(judged(&odd), None, "{odd}");
        }
    }

    #[test]
    fn what_the_cell_bounds_anyway_is_left_to_the_job() {
        let memlock = json!([{"Name": "memlock", "Soft": -1, "Hard": -1}]);
        assert_eq!(judged(&memlock), Some(memlock.clone()));
        assert_eq!(judged(&Value::Null), Some(Value::Null));
        let many = json!([{"Name": "nofile", "Soft": 9_000, "Hard": 9_000}]);
        assert_eq!(judge_ulimits(&many, None), Ok(many.clone()), "no bound is known");
    }
}
