//! The workspace that a new server has.

use circle_api::routes::DEFAULT_WORKSPACE;
use circle_core::ids::WorkspaceId;
use circle_core::names::Slug;
use circle_core::service::{Workspace, WorkspacePolicy};
use circle_store::records::{Kind, Query, RecordError, StoreError};
use uuid::Uuid;

use super::ApiError;
use crate::records::WorkspaceRecord;
use crate::server::Server;
use crate::time::now;

/// Makes it when there is none at all.
pub(crate) async fn make_default_workspace(server: &Server) -> Result<(), ApiError> {
    if server.records.count(Query::all(Kind::Workspace)).await? > 0 {
        return Ok(());
    }
    let name = Slug::new(DEFAULT_WORKSPACE).map_err(|error| ApiError::Internal(error.to_string()))?;
    let workspace = Workspace {
        id: WorkspaceId::from_uuid(Uuid::now_v7()),
        name,
        policy: WorkspacePolicy::default(),
        max_parallel: Workspace::MOST_PARALLEL,
        members: Vec::new(),
        created_at: now(),
    };
    match server.records.insert(&WorkspaceRecord(workspace)).await {
        Ok(_) | Err(RecordError::Store(StoreError::Conflict { .. })) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
