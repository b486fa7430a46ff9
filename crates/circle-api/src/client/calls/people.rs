//! People: signing in, members, invitations, the audit.

use std::time::Duration;

use circle_core::ids::TokenId;
use reqwest::Method;

use crate::client::{ApiError, Client};
use crate::resources::people::{
    AccountView, AuditQuery, AuditView, IdentityProviderChange, IdentityProviderCheck, IdentityProviderCreate,
    IdentityProviderView, InvitationCreate, InvitationView, LinkCreated, MemberChange, MemberView, SignIn, SignedIn,
};
use crate::resources::{Page, PageQuery};
use crate::routes::{self, fill};

/// A year of a busy server is some million entries; whoever reads them slower than this is not there.
const EXPORT_LIMIT: Duration = Duration::from_secs(3600);

impl Client {
    /// Signs in; a program asks for a token.
    pub async fn sign_in(&self, wish: &SignIn) -> Result<SignedIn, ApiError> {
        self.write(Method::POST, routes::SESSION, wish).await
    }

    /// Who asks.
    pub async fn account(&self) -> Result<AccountView, ApiError> {
        self.read(routes::ACCOUNT, &()).await
    }

    /// Everybody in a workspace.
    pub async fn members(&self, workspace: &str) -> Result<Vec<MemberView>, ApiError> {
        self.read(&fill(routes::MEMBERS, &[workspace]), &()).await
    }

    /// Gives a member another role.
    pub async fn set_member(&self, workspace: &str, name: &str, wish: &MemberChange) -> Result<MemberView, ApiError> {
        self.write(Method::PUT, &fill(routes::MEMBER, &[workspace, name]), wish)
            .await
    }

    /// Takes somebody out of a workspace.
    pub async fn remove_member(&self, workspace: &str, name: &str) -> Result<(), ApiError> {
        self.delete(&fill(routes::MEMBER, &[workspace, name])).await
    }

    /// Invitations that nobody used yet.
    pub async fn invitations(&self, workspace: &str, page: &PageQuery) -> Result<Page<InvitationView>, ApiError> {
        self.read(&fill(routes::INVITATIONS, &[workspace]), page).await
    }

    /// A one-time link into a workspace.
    pub async fn invite(&self, workspace: &str, wish: &InvitationCreate) -> Result<LinkCreated, ApiError> {
        self.write(Method::POST, &fill(routes::INVITATIONS, &[workspace]), wish)
            .await
    }

    /// Takes an invitation back.
    pub async fn revoke_invitation(&self, workspace: &str, id: TokenId) -> Result<(), ApiError> {
        self.delete(&fill(routes::INVITATION, &[workspace, &id.to_string()]))
            .await
    }

    /// Who asked which change of a workspace, newest first.
    pub async fn workspace_audit(&self, workspace: &str, query: &AuditQuery) -> Result<Page<AuditView>, ApiError> {
        self.read(&fill(routes::WORKSPACE_AUDIT, &[workspace]), query).await
    }

    /// Who asked which change anywhere on the server, newest first.
    pub async fn audit(&self, query: &AuditQuery) -> Result<Page<AuditView>, ApiError> {
        self.read(routes::AUDIT, query).await
    }

    /// The whole audit of a workspace, or of the server, oldest first: lines of JSON, given to `take` as they come.
    ///
    /// # Errors
    /// Of the connection, and of `take`; then lines may be missing at the end, and the last may be cut.
    pub async fn audit_export<E: From<ApiError>>(
        &self,
        workspace: Option<&str>,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let path = match workspace {
            Some(workspace) => fill(routes::WORKSPACE_AUDIT_EXPORT, &[workspace]),
            None => routes::AUDIT_EXPORT.to_owned(),
        };
        let request = self.request(Method::GET, &path).timeout(EXPORT_LIMIT);
        let mut response = self.send(request).await?;
        while let Some(bytes) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            take(&bytes)?;
        }
        Ok(())
    }

    /// Systems by which people sign in.
    pub async fn identity_providers(&self, page: &PageQuery) -> Result<Page<IdentityProviderView>, ApiError> {
        self.read(routes::IDENTITY_PROVIDERS, page).await
    }

    /// Lets people sign in by another system.
    pub async fn create_identity_provider(
        &self,
        wish: &IdentityProviderCreate,
    ) -> Result<IdentityProviderView, ApiError> {
        self.write(Method::POST, routes::IDENTITY_PROVIDERS, wish).await
    }

    /// Changes the application, or who gets an account.
    pub async fn change_identity_provider(
        &self,
        name: &str,
        wish: &IdentityProviderChange,
    ) -> Result<IdentityProviderView, ApiError> {
        self.write(Method::PATCH, &fill(routes::IDENTITY_PROVIDER, &[name]), wish)
            .await
    }

    /// Looks at a system as far as it can be seen while nobody signs in.
    pub async fn check_identity_provider(&self, name: &str) -> Result<IdentityProviderCheck, ApiError> {
        self.write(
            Method::POST,
            &fill(routes::IDENTITY_PROVIDER_CHECK, &[name]),
            &serde_json::json!({}),
        )
        .await
    }

    /// Forgets a system by which nobody has to sign in.
    pub async fn remove_identity_provider(&self, name: &str) -> Result<(), ApiError> {
        self.delete(&fill(routes::IDENTITY_PROVIDER, &[name])).await
    }
}
