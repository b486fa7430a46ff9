//! Documents that a path names without their workspace: the document tells the tenant, the tenant decides.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use circle_core::ids::{DeliveryId, HostId, RunId, WorkerId, WorkspaceId};
use circle_core::members::Role;
use circle_core::service::Workspace;
use circle_store::records::{Record, Version};

use super::Caller;
use super::tenant::{AtLeast, must, segment};
use crate::http::ApiError;
use crate::records::{Delivery, HostRecord, RunRecord, WorkerRecord, WorkspaceRecord};
use crate::server::Server;

/// A document of a workspace that has an address of its own.
pub(crate) trait Addressed: Record {
    /// Its part of the path, and the word for it in messages.
    const WHAT: &'static str;

    /// The id as the store writes it.
    fn parse(text: &str) -> Result<String, ApiError>;

    /// `None`: it is the server's own, for those to whom the whole server is open.
    fn workspace(&self) -> Option<WorkspaceId>;
}

macro_rules! addressed {
    ($($record:ty = $what:literal, $id:ty, $workspace:expr;)*) => {$(
        impl Addressed for $record {
            const WHAT: &'static str = $what;

            fn parse(text: &str) -> Result<String, ApiError> {
                let id: $id = text.parse().map_err(|error: circle_core::ids::IdError| ApiError::Invalid(error.to_string()))?;
                Ok(id.to_string())
            }

            fn workspace(&self) -> Option<WorkspaceId> {
                let of: fn(&Self) -> Option<WorkspaceId> = $workspace;
                of(self)
            }
        }
    )*};
}

addressed! {
    RunRecord = "run", RunId, |record| Some(record.0.workspace);
    Delivery = "delivery", DeliveryId, |record| Some(record.workspace);
    WorkerRecord = "worker", WorkerId, |record| record.workspace;
    HostRecord = "host", HostId, |record| record.workspace;
}

/// The document of the path, opened to somebody with a role in its workspace.
#[derive(Debug)]
pub(crate) struct Found<D: Addressed, R: AtLeast> {
    pub(crate) caller: Caller,
    pub(crate) document: D,
    /// The document's, as it was read for this request.
    pub(crate) version: Version,
    has: Role,
    role: PhantomData<R>,
}

impl<D: Addressed, R: AtLeast> FromRequestParts<Arc<Server>> for Found<D, R> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, server).await?;
        let id = D::parse(&segment(parts, server, D::WHAT).await?)?;
        caller.find(server, &id).await
    }
}

impl Caller {
    /// Opens a document by its id.
    pub(crate) async fn find<D: Addressed, R: AtLeast>(
        self,
        server: &Server,
        id: &str,
    ) -> Result<Found<D, R>, ApiError> {
        let missing = || ApiError::not_found(D::WHAT, id);
        let (document, version) = server.records.load::<D>(id).await?.ok_or_else(missing)?;
        let has = match document.workspace() {
            Some(workspace) => match owner(server, workspace).await? {
                Some(workspace) => self.open::<R>(&workspace, missing)?,
                // What a removed workspace left is the server's.
                None => self.open_instance(missing)?,
            },
            None => self.open_instance(missing)?,
        };
        Ok(Found {
            caller: self,
            document,
            version,
            has,
            role: PhantomData,
        })
    }

    /// Whether a document may be shown: it is of a workspace in which the caller has a role.
    pub(crate) async fn sees(&self, server: &Server, document: &impl Addressed) -> Result<bool, ApiError> {
        if self.is_instance() {
            return Ok(true);
        }
        let Some(workspace) = document.workspace() else {
            return Ok(false);
        };
        let workspace = owner(server, workspace).await?;
        Ok(workspace.is_some_and(|workspace| self.role_in(&workspace).is_some()))
    }

    fn open_instance(&self, missing: impl FnOnce() -> ApiError) -> Result<Role, ApiError> {
        if self.is_instance() {
            Ok(Role::Admin)
        } else {
            Err(missing())
        }
    }
}

impl<D: Addressed, R: AtLeast> Found<D, R> {
    /// For what needs more than its route does.
    pub(crate) fn must(&self, needs: Role) -> Result<(), ApiError> {
        must(self.has, needs)
    }
}

async fn owner(server: &Server, id: WorkspaceId) -> Result<Option<Workspace>, ApiError> {
    let found = server.records.load::<WorkspaceRecord>(&id.to_string()).await?;
    Ok(found.map(|(WorkspaceRecord(workspace), _)| workspace))
}
