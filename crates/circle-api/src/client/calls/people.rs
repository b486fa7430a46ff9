//! People: signing in, members, invitations, the audit.

use circle_core::ids::TokenId;
use reqwest::Method;

use crate::client::{ApiError, Client};
use crate::resources::people::{
    AccountView, AuditQuery, AuditView, InvitationCreate, InvitationView, LinkCreated, MemberChange, MemberView,
    SignIn, SignedIn,
};
use crate::resources::{Page, PageQuery};
use crate::routes::{self, fill};

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
}
