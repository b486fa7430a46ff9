//! Forges of a workspace.

use reqwest::Method;

use crate::client::{ApiError, Client};
use crate::resources::{
    ForgeCheck, ForgeCheckRequest, ForgeCreate, ForgeLinkCreate, ForgeOauthBegin, ForgeOauthBegun, ForgeOauthFinish,
    ForgeRepositoryQuery, ForgeRepositoryView, ForgeToken, ForgeView, Page, PageQuery, ServiceView,
};
use crate::routes::{self, fill};

impl Client {
    /// Forges, by name.
    pub async fn forges(&self, workspace: &str, page: &PageQuery) -> Result<Page<ForgeView>, ApiError> {
        self.read(&fill(routes::FORGES, &[workspace]), page).await
    }

    /// Connects a forge.
    pub async fn create_forge(&self, workspace: &str, wish: &ForgeCreate) -> Result<ForgeView, ApiError> {
        self.write(Method::POST, &fill(routes::FORGES, &[workspace]), wish)
            .await
    }

    /// Another token for a forge.
    pub async fn set_forge_token(
        &self,
        workspace: &str,
        forge: &str,
        wish: &ForgeToken,
    ) -> Result<ForgeView, ApiError> {
        self.write(Method::PUT, &fill(routes::FORGE, &[workspace, forge]), wish)
            .await
    }

    /// Forgets a forge and its token.
    pub async fn remove_forge(&self, workspace: &str, forge: &str) -> Result<(), ApiError> {
        self.delete(&fill(routes::FORGE, &[workspace, forge])).await
    }

    /// How token and hooks stand.
    pub async fn check_forge(&self, workspace: &str, forge: &str, repair: bool) -> Result<ForgeCheck, ApiError> {
        let path = fill(routes::FORGE_CHECK, &[workspace, forge]);
        self.write(Method::POST, &path, &ForgeCheckRequest { repair }).await
    }

    /// Repositories of the token's owner.
    pub async fn forge_repositories(
        &self,
        workspace: &str,
        forge: &str,
        query: &ForgeRepositoryQuery,
    ) -> Result<Page<ForgeRepositoryView>, ApiError> {
        self.read(&fill(routes::FORGE_REPOSITORIES, &[workspace, forge]), query)
            .await
    }

    /// Links a repository and makes its hook.
    pub async fn link_repository(
        &self,
        workspace: &str,
        forge: &str,
        wish: &ForgeLinkCreate,
    ) -> Result<ServiceView, ApiError> {
        self.write(Method::POST, &fill(routes::FORGE_SERVICES, &[workspace, forge]), wish)
            .await
    }

    /// Where to let Circle in.
    pub async fn begin_forge_oauth(
        &self,
        workspace: &str,
        wish: &ForgeOauthBegin,
    ) -> Result<ForgeOauthBegun, ApiError> {
        self.write(Method::POST, &fill(routes::FORGE_OAUTH, &[workspace]), wish)
            .await
    }

    /// Connects a forge with the code that came of it.
    pub async fn finish_forge_oauth(&self, workspace: &str, wish: &ForgeOauthFinish) -> Result<ForgeView, ApiError> {
        self.write(Method::PUT, &fill(routes::FORGE_OAUTH, &[workspace]), wish)
            .await
    }
}
