//! Outputs of stages, by digest, for reruns.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use circle_api::worker::Stored;
use circle_core::ids::RunId;
use circle_core::run::StoredOutput;
use circle_store::records::{Record, RecordError, StoreError};
use futures_util::TryStreamExt;

use crate::auth::RunLease;
use crate::http::{ApiError, Segments, output_tar};
use crate::records::{BlobOwner, BlobRecord};
use crate::server::Server;
use crate::time::now_ms;

/// Keeps a tar; the same again replaces it.
pub(super) async fn keep(
    State(server): State<Arc<Server>>,
    lease: RunLease,
    Segments((_, stage)): Segments<(RunId, String)>,
    body: Body,
) -> Result<Json<Stored>, ApiError> {
    if !lease.run.stages.iter().any(|known| known.name == stage) {
        return Err(ApiError::not_found("stage", stage));
    }
    let bytes = body.into_data_stream().map_err(std::io::Error::other);
    let info = server
        .blobs
        .put(Box::pin(bytes), server.config.output_limit_bytes)
        .await?;
    let digest = info.digest.to_string();
    let record = BlobRecord {
        owner: BlobOwner::Stage {
            run: lease.run.id,
            stage,
        },
        digest: digest.clone(),
        size: info.size,
        created_at: now_ms(),
    };
    match server.records.insert(&record).await {
        Ok(_) => {}
        Err(RecordError::Store(StoreError::Conflict { .. })) => replace(&server, &record).await?,
        Err(error) => return Err(error.into()),
    }
    Ok(Json(Stored {
        output: StoredOutput {
            digest,
            bytes: info.size,
        },
    }))
}

/// The tar of a stage of this run: of a stage taken over, or stored before.
pub(super) async fn fetch(
    State(server): State<Arc<Server>>,
    lease: RunLease,
    Segments((_, stage)): Segments<(RunId, String)>,
) -> Result<Response, ApiError> {
    output_tar(&server, &lease.run, &stage).await
}

async fn replace(server: &Server, record: &BlobRecord) -> Result<(), ApiError> {
    let set = |known: &mut BlobRecord| {
        *known = record.clone();
        Ok::<(), Infallible>(())
    };
    match server.records.update(&record.id(), set).await {
        Ok(_) => Ok(()),
        Err(error) => Err(ApiError::Unavailable(error.to_string())),
    }
}
