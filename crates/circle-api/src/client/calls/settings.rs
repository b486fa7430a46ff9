//! Services, registries, secrets of a workspace.

use circle_core::ids::SecretId;
use reqwest::Method;

use crate::client::{ApiError, Client};
use crate::resources::{
    CredentialSet, HookCreated, Page, PageQuery, RegistryChange, RegistryCreate, RegistryView, SecretSet, SecretView,
    ServiceChange, ServiceCreate, ServiceCreated, ServiceView,
};
use crate::routes::{self, fill};

impl Client {
    /// Services, by name.
    pub async fn services(&self, workspace: &str, page: &PageQuery) -> Result<Page<ServiceView>, ApiError> {
        self.read(&fill(routes::SERVICES, &[workspace]), page).await
    }

    /// One service.
    pub async fn service(&self, workspace: &str, service: &str) -> Result<ServiceView, ApiError> {
        self.read(&fill(routes::SERVICE, &[workspace, service]), &()).await
    }

    /// Links a repository.
    pub async fn create_service(&self, workspace: &str, wish: &ServiceCreate) -> Result<ServiceCreated, ApiError> {
        self.write(Method::POST, &fill(routes::SERVICES, &[workspace]), wish)
            .await
    }

    /// Changes a service.
    pub async fn change_service(
        &self,
        workspace: &str,
        service: &str,
        change: &ServiceChange,
    ) -> Result<ServiceView, ApiError> {
        self.write(Method::PATCH, &fill(routes::SERVICE, &[workspace, service]), change)
            .await
    }

    /// Removes a service; its active runs are cancelled.
    pub async fn remove_service(&self, workspace: &str, service: &str) -> Result<(), ApiError> {
        self.delete(&fill(routes::SERVICE, &[workspace, service])).await
    }

    /// Sets what opens the service's repository.
    pub async fn set_credential(
        &self,
        workspace: &str,
        service: &str,
        wish: &CredentialSet,
    ) -> Result<ServiceView, ApiError> {
        let path = fill(routes::SERVICE_CREDENTIAL, &[workspace, service]);
        self.write(Method::PUT, &path, wish).await
    }

    /// Forgets what opened the service's repository.
    pub async fn remove_credential(&self, workspace: &str, service: &str) -> Result<(), ApiError> {
        self.delete(&fill(routes::SERVICE_CREDENTIAL, &[workspace, service]))
            .await
    }

    /// A new hook secret; the old one ends at once.
    pub async fn renew_hook(&self, workspace: &str, service: &str) -> Result<HookCreated, ApiError> {
        let path = fill(routes::SERVICE_HOOK_SECRET, &[workspace, service]);
        self.write(Method::POST, &path, &serde_json::json!({})).await
    }

    /// Registries, by name.
    pub async fn registries(&self, workspace: &str, page: &PageQuery) -> Result<Page<RegistryView>, ApiError> {
        self.read(&fill(routes::REGISTRIES, &[workspace]), page).await
    }

    /// Makes a registry known.
    pub async fn create_registry(&self, workspace: &str, wish: &RegistryCreate) -> Result<RegistryView, ApiError> {
        self.write(Method::POST, &fill(routes::REGISTRIES, &[workspace]), wish)
            .await
    }

    /// Changes a registry.
    pub async fn change_registry(
        &self,
        workspace: &str,
        registry: &str,
        change: &RegistryChange,
    ) -> Result<RegistryView, ApiError> {
        self.write(Method::PATCH, &fill(routes::REGISTRY, &[workspace, registry]), change)
            .await
    }

    /// Forgets a registry and its password.
    pub async fn remove_registry(&self, workspace: &str, registry: &str) -> Result<(), ApiError> {
        self.delete(&fill(routes::REGISTRY, &[workspace, registry])).await
    }

    /// Secrets without their values, by scope and name.
    pub async fn secrets(&self, workspace: &str, page: &PageQuery) -> Result<Page<SecretView>, ApiError> {
        self.read(&fill(routes::SECRETS, &[workspace]), page).await
    }

    /// Makes or replaces a secret.
    pub async fn set_secret(&self, workspace: &str, wish: &SecretSet) -> Result<SecretView, ApiError> {
        self.write(Method::PUT, &fill(routes::SECRETS, &[workspace]), wish)
            .await
    }

    /// Forgets a secret.
    pub async fn remove_secret(&self, workspace: &str, secret: SecretId) -> Result<(), ApiError> {
        self.delete(&fill(routes::SECRET, &[workspace, &secret.to_string()]))
            .await
    }
}
