//! Targets, environments, what was deployed to them.

use reqwest::Method;

use crate::client::{ApiError, Client};
use crate::resources::{
    DeploymentView, EnvironmentChange, EnvironmentCreate, EnvironmentView, Page, PageQuery, TargetChange, TargetCreate,
    TargetView, WorkloadBind,
};
use crate::routes::{self, fill};

impl Client {
    /// Targets, by name.
    pub async fn targets(&self, workspace: &str, page: &PageQuery) -> Result<Page<TargetView>, ApiError> {
        self.read(&fill(routes::TARGETS, &[workspace]), page).await
    }

    /// Makes a target known.
    pub async fn create_target(&self, workspace: &str, wish: &TargetCreate) -> Result<TargetView, ApiError> {
        self.write(Method::POST, &fill(routes::TARGETS, &[workspace]), wish)
            .await
    }

    /// Changes how a target is reached.
    pub async fn change_target(
        &self,
        workspace: &str,
        target: &str,
        change: &TargetChange,
    ) -> Result<TargetView, ApiError> {
        self.write(Method::PATCH, &fill(routes::TARGET, &[workspace, target]), change)
            .await
    }

    /// Forgets a target that no environment uses.
    pub async fn remove_target(&self, workspace: &str, target: &str) -> Result<(), ApiError> {
        self.delete(&fill(routes::TARGET, &[workspace, target])).await
    }

    /// Environments, by name.
    pub async fn environments(&self, workspace: &str, page: &PageQuery) -> Result<Page<EnvironmentView>, ApiError> {
        self.read(&fill(routes::ENVIRONMENTS, &[workspace]), page).await
    }

    /// One environment.
    pub async fn environment(&self, workspace: &str, environment: &str) -> Result<EnvironmentView, ApiError> {
        self.read(&fill(routes::ENVIRONMENT, &[workspace, environment]), &())
            .await
    }

    /// Makes an environment.
    pub async fn create_environment(
        &self,
        workspace: &str,
        wish: &EnvironmentCreate,
    ) -> Result<EnvironmentView, ApiError> {
        self.write(Method::POST, &fill(routes::ENVIRONMENTS, &[workspace]), wish)
            .await
    }

    /// Changes an environment.
    pub async fn change_environment(
        &self,
        workspace: &str,
        environment: &str,
        change: &EnvironmentChange,
    ) -> Result<EnvironmentView, ApiError> {
        self.write(
            Method::PATCH,
            &fill(routes::ENVIRONMENT, &[workspace, environment]),
            change,
        )
        .await
    }

    /// Removes an environment; what runs on the target stays.
    pub async fn remove_environment(&self, workspace: &str, environment: &str) -> Result<(), ApiError> {
        self.delete(&fill(routes::ENVIRONMENT, &[workspace, environment])).await
    }

    /// Says which workload a service is there.
    pub async fn bind_workload(
        &self,
        workspace: &str,
        (environment, service): (&str, &str),
        wish: &WorkloadBind,
    ) -> Result<EnvironmentView, ApiError> {
        self.write(
            Method::PUT,
            &fill(routes::WORKLOAD, &[workspace, environment, service]),
            wish,
        )
        .await
    }

    /// The service is not deployed there any more; what runs on the target stays.
    pub async fn unbind_workload(&self, workspace: &str, (environment, service): (&str, &str)) -> Result<(), ApiError> {
        self.delete(&fill(routes::WORKLOAD, &[workspace, environment, service]))
            .await
    }

    /// What was deployed to an environment, newest first.
    pub async fn deployments(
        &self,
        workspace: &str,
        environment: &str,
        page: &PageQuery,
    ) -> Result<Page<DeploymentView>, ApiError> {
        self.read(&fill(routes::ENVIRONMENT_DEPLOYMENTS, &[workspace, environment]), page)
            .await
    }
}
