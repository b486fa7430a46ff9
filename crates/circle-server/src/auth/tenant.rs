//! The one place where a workspace is opened to somebody.
//!
//! What lies in a workspace is found by a [`Tenant`], and only the checks here make one: [`Within`] for a route with the
//! workspace in its path, [`Found`](super::Found) for one with a document of a workspace, and the ways below for loops and for
//! callers who prove themselves otherwise. Whoever has no role in a workspace gets the answer of one that is not there.

use std::collections::HashMap;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use circle_core::ids::WorkspaceId;
use circle_core::members::Role;
use circle_core::run::Run;
use circle_core::service::{Service, Workspace};
use circle_store::records::{Index, Query, Version, kinds};

use super::Caller;
use crate::http::ApiError;
use crate::records::WorkspaceRecord;
use crate::server::Server;

/// A workspace that was opened to whoever holds this.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tenant(WorkspaceId);

impl Tenant {
    /// For the loops of the server and for workers, who have the service from what was opened to them.
    pub(crate) fn of_service(service: &Service) -> Self {
        Self(service.workspace)
    }

    /// For the loops of the server and for workers, whose lease names the run.
    pub(crate) fn of_run(run: &Run) -> Self {
        Self(run.workspace)
    }

    /// For a hook, which proves itself by its signature before anything of the workspace is told.
    pub(crate) async fn of_hook(server: &Server, name: &str) -> Result<Self, ApiError> {
        let (workspace, _) = load(server, name).await?;
        Ok(Self(workspace.id))
    }

    /// Which.
    pub(crate) fn id(self) -> WorkspaceId {
        self.0
    }

    /// Only this workspace's documents of an index that begins with the workspace.
    pub(crate) fn over(self, index: Index) -> Query {
        Query::over(index).equal(self.0.to_string())
    }

    /// Whether a document that says so is this workspace's.
    pub(crate) fn owns(self, workspace: WorkspaceId) -> bool {
        self.0 == workspace
    }
}

/// A role that a route wants, as a type.
pub(crate) trait AtLeast: Debug + Send + Sync + 'static {
    const ROLE: Role;
}

macro_rules! roles {
    ($($name:ident)*) => {$(
        #[doc = concat!("`", stringify!($name), "` or more.")]
        #[derive(Debug)]
        pub(crate) struct $name;

        impl AtLeast for $name {
            const ROLE: Role = Role::$name;
        }
    )*};
}

roles! { Viewer Developer Releaser Admin }

/// Somebody who has a role in the workspace of the path.
#[derive(Debug)]
pub(crate) struct Within<R: AtLeast> {
    pub(crate) caller: Caller,
    pub(crate) workspace: Workspace,
    /// The workspace's, as it was read for this request.
    pub(crate) version: Version,
    pub(crate) tenant: Tenant,
    pub(crate) has: Role,
    role: PhantomData<R>,
}

impl<R: AtLeast> FromRequestParts<Arc<Server>> for Within<R> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, server).await?;
        let name = segment(parts, server, "workspace").await?;
        caller.enter(server, &name).await
    }
}

impl Caller {
    /// Opens a workspace that the request names elsewhere than in its path.
    pub(crate) async fn enter<R: AtLeast>(self, server: &Server, name: &str) -> Result<Within<R>, ApiError> {
        let (workspace, version) = load(server, name).await?;
        let has = self.open::<R>(&workspace, || ApiError::not_found("workspace", name))?;
        let tenant = Tenant(workspace.id);
        Ok(Within {
            caller: self,
            workspace,
            version,
            tenant,
            has,
            role: PhantomData,
        })
    }

    /// Opens the workspace of a document; `missing` is what somebody without any role is told.
    pub(super) fn open<R: AtLeast>(
        &self,
        workspace: &Workspace,
        missing: impl FnOnce() -> ApiError,
    ) -> Result<Role, ApiError> {
        let has = self.role_in(workspace).ok_or_else(missing)?;
        self.note_opened(workspace.id);
        must(has, R::ROLE)?;
        Ok(has)
    }
}

/// Refuses less than a role.
pub(super) fn must(has: Role, needs: Role) -> Result<(), ApiError> {
    if has >= needs {
        Ok(())
    } else {
        Err(ApiError::Role { has, needs })
    }
}

async fn load(server: &Server, name: &str) -> Result<(Workspace, Version), ApiError> {
    let query = Query::over(kinds::WORKSPACE_NAME).equal(name);
    let found = server.records.load_by::<WorkspaceRecord>(query).await?;
    let (WorkspaceRecord(workspace), version) = found.ok_or_else(|| ApiError::not_found("workspace", name))?;
    Ok((workspace, version))
}

/// A part of the path by its name.
pub(super) async fn segment(parts: &mut Parts, server: &Arc<Server>, name: &str) -> Result<String, ApiError> {
    let path = Path::<HashMap<String, String>>::from_request_parts(parts, server).await;
    let Path(mut values) = path.map_err(|_| ApiError::NoRoute)?;
    values.remove(name).ok_or(ApiError::NoRoute)
}
