//! Hosts.

use circle_core::ids::HostId;
use reqwest::Method;

use crate::client::{ApiError, Client};
use crate::resources::host::{HostChange, HostCreate, HostRemoveQuery, HostView};
use crate::resources::{Page, PageQuery};
use crate::routes::{self, fill};

impl Client {
    /// Hosts, by name.
    pub async fn hosts(&self, page: &PageQuery) -> Result<Page<HostView>, ApiError> {
        self.read(routes::HOSTS, page).await
    }

    /// Registers a host.
    pub async fn create_host(&self, wish: &HostCreate) -> Result<HostView, ApiError> {
        self.write(Method::POST, routes::HOSTS, wish).await
    }

    /// One host.
    pub async fn host(&self, host: HostId) -> Result<HostView, ApiError> {
        self.read(&fill(routes::HOST, &[&host.to_string()]), &()).await
    }

    /// Changes how much goes to a host, and with which keys.
    pub async fn change_host(&self, host: HostId, change: &HostChange) -> Result<HostView, ApiError> {
        let path = fill(routes::HOST, &[&host.to_string()]);
        self.write(Method::PATCH, &path, change).await
    }

    /// Lets the server look at a host again.
    pub async fn check_host(&self, host: HostId) -> Result<HostView, ApiError> {
        let path = fill(routes::HOST_CHECK, &[&host.to_string()]);
        self.write(Method::POST, &path, &serde_json::json!({})).await
    }

    /// Forgets a host when nothing is left there, or at once.
    pub async fn remove_host(&self, host: HostId, query: &HostRemoveQuery) -> Result<(), ApiError> {
        let force = if query.force { "?force=true" } else { "" };
        let path = fill(routes::HOST, &[&host.to_string()]);
        self.delete(&format!("{path}{force}")).await
    }
}
