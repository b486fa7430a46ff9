//! From the names in a path to the documents behind them: a [`Tenant`] says in which workspace they are looked for.

use circle_core::environment::{Environment, Target};
use circle_core::service::{Registry, Service};
use circle_store::records::{Version, kinds};

use super::ApiError;
use crate::auth::Tenant;
use crate::records::{EnvironmentRecord, RegistryRecord, ServiceRecord, TargetRecord};
use crate::server::Server;

impl Server {
    pub(crate) async fn service(&self, tenant: Tenant, name: &str) -> Result<(Service, Version), ApiError> {
        let found = self
            .records
            .load_by::<ServiceRecord>(tenant.over(kinds::SERVICE_NAME).equal(name))
            .await?;
        let (record, version) = found.ok_or_else(|| ApiError::not_found("service", name))?;
        Ok((record.0, version))
    }

    pub(crate) async fn registry(&self, tenant: Tenant, name: &str) -> Result<(Registry, Version), ApiError> {
        let found = self
            .records
            .load_by::<RegistryRecord>(tenant.over(kinds::REGISTRY_NAME).equal(name))
            .await?;
        let (record, version) = found.ok_or_else(|| ApiError::not_found("registry", name))?;
        Ok((record.0, version))
    }

    pub(crate) async fn target(&self, tenant: Tenant, name: &str) -> Result<(Target, Version), ApiError> {
        let found = self
            .records
            .load_by::<TargetRecord>(tenant.over(kinds::TARGET_NAME).equal(name))
            .await?;
        let (record, version) = found.ok_or_else(|| ApiError::not_found("target", name))?;
        Ok((record.0, version))
    }

    pub(crate) async fn environment(&self, tenant: Tenant, name: &str) -> Result<(Environment, Version), ApiError> {
        let found = self
            .records
            .load_by::<EnvironmentRecord>(tenant.over(kinds::ENVIRONMENT_NAME).equal(name))
            .await?;
        let (record, version) = found.ok_or_else(|| ApiError::not_found("environment", name))?;
        Ok((record.0, version))
    }

    /// The environments of a workspace.
    pub(crate) async fn environments(&self, tenant: Tenant) -> Result<Vec<Environment>, ApiError> {
        let query = tenant.over(kinds::ENVIRONMENT_NAME).limit(MAX_ENVIRONMENTS);
        let page = self.records.find(query).await?;
        let records = self.records.load_page::<EnvironmentRecord>(&page).await?;
        Ok(records.into_iter().map(|(record, _)| record.0).collect())
    }
}

/// Environments of one workspace that are read.
const MAX_ENVIRONMENTS: usize = 200;
