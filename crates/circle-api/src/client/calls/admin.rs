//! The server, workers, tokens, workspaces.

use circle_core::ids::{TokenId, WorkerId};
use reqwest::Method;

use crate::client::{ApiError, Client, Download};
use crate::resources::{
    EnrolmentCreate, EnrolmentCreated, GoldenRootView, GoldenRootsPrune, MasterKeysView, Page, PageQuery, ServerView,
    TokenCreate, TokenCreated, TokenView, WorkerView, WorkspaceChange, WorkspaceCreate, WorkspaceView,
};
use crate::routes::{self, fill};

impl Client {
    /// The server about itself.
    pub async fn server(&self) -> Result<ServerView, ApiError> {
        self.read(routes::SERVER, &()).await
    }

    /// The keys under which the server seals.
    pub async fn master_keys(&self) -> Result<MasterKeysView, ApiError> {
        self.read(routes::MASTER_KEYS, &()).await
    }

    /// Makes a new key that seals from now on.
    pub async fn rotate_master_key(&self) -> Result<MasterKeysView, ApiError> {
        self.write(Method::POST, routes::MASTER_KEYS, &serde_json::json!({}))
            .await
    }

    /// Ends an old key.
    pub async fn remove_master_key(&self, id: &str) -> Result<(), ApiError> {
        self.delete(&fill(routes::MASTER_KEY, &[id])).await
    }

    /// Begins a backup; its bytes are the answer's.
    pub async fn back_up(&self) -> Result<Download, ApiError> {
        self.download(Method::POST, routes::BACKUP).await
    }

    /// Workers, by name.
    pub async fn workers(&self, page: &PageQuery) -> Result<Page<WorkerView>, ApiError> {
        self.read(routes::WORKERS, page).await
    }

    /// A one-time token for a new worker.
    pub async fn enrol_worker(&self, wish: &EnrolmentCreate) -> Result<EnrolmentCreated, ApiError> {
        self.write(Method::POST, routes::WORKER_ENROLMENTS, wish).await
    }

    /// Lets a worker finish and take nothing new.
    pub async fn drain_worker(&self, worker: WorkerId) -> Result<WorkerView, ApiError> {
        self.write(
            Method::POST,
            &fill(routes::WORKER_DRAIN, &[&worker.to_string()]),
            &serde_json::json!({}),
        )
        .await
    }

    /// The golden roots of a worker, as it says now.
    pub async fn worker_roots(&self, worker: WorkerId) -> Result<Vec<GoldenRootView>, ApiError> {
        self.read(&fill(routes::WORKER_ROOTS, &[&worker.to_string()]), &())
            .await
    }

    /// Removes golden roots of a worker; tells which they were.
    pub async fn prune_worker_roots(
        &self,
        worker: WorkerId,
        wish: &GoldenRootsPrune,
    ) -> Result<Vec<GoldenRootView>, ApiError> {
        let path = fill(routes::WORKER_ROOTS_PRUNE, &[&worker.to_string()]);
        self.write(Method::POST, &path, wish).await
    }

    /// Ends a worker's credential.
    pub async fn revoke_worker(&self, worker: WorkerId) -> Result<(), ApiError> {
        self.delete(&fill(routes::WORKER, &[&worker.to_string()])).await
    }

    /// Tokens without their values.
    pub async fn tokens(&self, page: &PageQuery) -> Result<Page<TokenView>, ApiError> {
        self.read(routes::TOKENS, page).await
    }

    /// A new administrator's token.
    pub async fn create_token(&self, wish: &TokenCreate) -> Result<TokenCreated, ApiError> {
        self.write(Method::POST, routes::TOKENS, wish).await
    }

    /// Ends a token.
    pub async fn revoke_token(&self, token: TokenId) -> Result<(), ApiError> {
        self.delete(&fill(routes::TOKEN, &[&token.to_string()])).await
    }

    /// Workspaces, by name.
    pub async fn workspaces(&self, page: &PageQuery) -> Result<Page<WorkspaceView>, ApiError> {
        self.read(routes::WORKSPACES, page).await
    }

    /// One workspace.
    pub async fn workspace(&self, name: &str) -> Result<WorkspaceView, ApiError> {
        self.read(&fill(routes::WORKSPACE, &[name]), &()).await
    }

    /// A new workspace.
    pub async fn create_workspace(&self, wish: &WorkspaceCreate) -> Result<WorkspaceView, ApiError> {
        self.write(Method::POST, routes::WORKSPACES, wish).await
    }

    /// Changes a workspace's policy.
    pub async fn change_workspace(&self, workspace: &str, change: &WorkspaceChange) -> Result<WorkspaceView, ApiError> {
        self.write(Method::PATCH, &fill(routes::WORKSPACE, &[workspace]), change)
            .await
    }

    /// Removes an empty workspace.
    pub async fn remove_workspace(&self, workspace: &str) -> Result<(), ApiError> {
        self.delete(&fill(routes::WORKSPACE, &[workspace])).await
    }
}
