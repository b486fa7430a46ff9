//! From the names in a path to the documents behind them.

use circle_core::environment::{Environment, Target};
use circle_core::ids::WorkspaceId;
use circle_core::service::{Registry, Service, Workspace};
use circle_store::records::{Index, Query, Version, kinds};

use super::ApiError;
use crate::records::{EnvironmentRecord, RegistryRecord, ServiceRecord, TargetRecord, WorkspaceRecord};
use crate::server::Server;

impl Server {
    pub(crate) async fn workspace(&self, name: &str) -> Result<(Workspace, Version), ApiError> {
        let found = self
            .records
            .load_by::<WorkspaceRecord>(Query::over(kinds::WORKSPACE_NAME).equal(name))
            .await?;
        let (record, version) = found.ok_or_else(|| ApiError::not_found("workspace", name))?;
        Ok((record.0, version))
    }

    pub(crate) async fn service(&self, workspace: WorkspaceId, name: &str) -> Result<(Service, Version), ApiError> {
        let found = self
            .records
            .load_by::<ServiceRecord>(named(kinds::SERVICE_NAME, workspace, name))
            .await?;
        let (record, version) = found.ok_or_else(|| ApiError::not_found("service", name))?;
        Ok((record.0, version))
    }

    pub(crate) async fn registry(&self, workspace: WorkspaceId, name: &str) -> Result<(Registry, Version), ApiError> {
        let found = self
            .records
            .load_by::<RegistryRecord>(named(kinds::REGISTRY_NAME, workspace, name))
            .await?;
        let (record, version) = found.ok_or_else(|| ApiError::not_found("registry", name))?;
        Ok((record.0, version))
    }

    pub(crate) async fn target(&self, workspace: WorkspaceId, name: &str) -> Result<(Target, Version), ApiError> {
        let found = self
            .records
            .load_by::<TargetRecord>(named(kinds::TARGET_NAME, workspace, name))
            .await?;
        let (record, version) = found.ok_or_else(|| ApiError::not_found("target", name))?;
        Ok((record.0, version))
    }

    pub(crate) async fn environment(
        &self,
        workspace: WorkspaceId,
        name: &str,
    ) -> Result<(Environment, Version), ApiError> {
        let found = self
            .records
            .load_by::<EnvironmentRecord>(named(kinds::ENVIRONMENT_NAME, workspace, name))
            .await?;
        let (record, version) = found.ok_or_else(|| ApiError::not_found("environment", name))?;
        Ok((record.0, version))
    }

    /// The environments of a workspace.
    pub(crate) async fn environments(&self, workspace: WorkspaceId) -> Result<Vec<Environment>, ApiError> {
        let query = Query::over(kinds::ENVIRONMENT_NAME)
            .equal(workspace.to_string())
            .limit(MAX_ENVIRONMENTS);
        let page = self.records.find(query).await?;
        let records = self.records.load_page::<EnvironmentRecord>(&page).await?;
        Ok(records.into_iter().map(|(record, _)| record.0).collect())
    }
}

/// Environments of one workspace that are read.
const MAX_ENVIRONMENTS: usize = 200;

/// The document of a workspace with a name.
pub(crate) fn named(index: Index, workspace: WorkspaceId, name: &str) -> Query {
    Query::over(index).equal(workspace.to_string()).equal(name)
}
