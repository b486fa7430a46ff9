//! Documents as the suites use them.

use serde_json::{Value, json};

use crate::records::{Kind, NewDocument, Page, Stored};

/// A run of a service with everything that its indexes want.
pub(super) fn a_run(id: &str, service: &str, number: i64) -> NewDocument {
    let body = json!({
        "workspace": "ws_1",
        "service": service,
        "number": number,
        "trigger_key": format!("trigger {number}"),
        "state": {"name": "queued", "since": 1},
        "priority": 0,
        "created_at": number * 10,
        "updated_at": number * 10,
        "outbox_due": null,
        "stages": ["checkout", "build"],
    });
    NewDocument {
        kind: Kind::Run,
        id: id.to_owned(),
        body,
    }
}

/// The same document with one field of the first level set.
pub(super) fn with(mut document: NewDocument, field: &str, value: impl Into<Value>) -> NewDocument {
    document.body[field] = value.into();
    document
}

/// What was read, as something to write.
pub(super) fn rewritten(stored: &Stored, field: &str, value: impl Into<Value>) -> NewDocument {
    let document = NewDocument {
        kind: stored.kind,
        id: stored.id.clone(),
        body: stored.body.clone(),
    };
    with(document, field, value)
}

pub(super) fn ids(page: &Page) -> Vec<&str> {
    page.heads.iter().map(|head| head.id.as_str()).collect()
}
