//! Stores that are fuller than a measurement could make them by itself: copies of what was really made.

use anyhow::Result;
use circle_core::ids::{RunId, ServiceId};
use circle_store::records::{EmbeddedStore, Kind, NewDocument, Store, Stored};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};
use uuid::Uuid;

/// Documents that are written at the same time.
const WRITES: usize = 256;

/// Writes them all.
pub(crate) async fn write(store: &EmbeddedStore, documents: impl Iterator<Item = NewDocument>) -> Result<()> {
    let writes = stream::iter(documents.map(|document| store.insert(document)));
    Ok(writes
        .buffer_unordered(WRITES)
        .try_for_each(|_| async { Ok(()) })
        .await?)
}

/// The same run once more: of a service, with a number and the key of a trigger that no other run has.
pub(crate) fn copy_of_run(run: &Stored, service: ServiceId, (number, key): (u64, &str)) -> NewDocument {
    let mut body = run.body.clone();
    let id = RunId::from_uuid(Uuid::now_v7());
    set(
        &mut body,
        &[
            ("/run/id", json!(id)),
            ("/run/service", json!(service)),
            ("/run/number", json!(number)),
            ("/run/trigger/key", json!(key)),
            ("/service", json!(service)),
            ("/number", json!(number)),
            ("/trigger_key", json!(key)),
        ],
    );
    NewDocument {
        kind: Kind::Run,
        id: id.to_string(),
        body,
    }
}

/// Writes values over what stands at these pointers.
pub(crate) fn set(body: &mut Value, values: &[(&str, Value)]) {
    for (pointer, value) in values {
        if let Some(place) = body.pointer_mut(pointer) {
            *place = value.clone();
        }
    }
}
