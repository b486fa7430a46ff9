//! Members of a workspace and invitations into it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::people::{InvitationCreate, InvitationView, LinkCreated, MemberChange, MemberView};
use circle_api::resources::{Page, PageQuery};
use circle_api::routes;
use circle_core::ids::{TokenId, UserId};
use circle_core::members::{Limit, Member, MemberError};
use circle_core::names::Slug;
use circle_core::service::Workspace;
use circle_store::records::{Query, kinds};

use super::page::page;
use super::validate::Faults;
use crate::auth::{Admin, Viewer, Within, end_all, mint};
use crate::http::{ApiError, Body, Params, Segments};
use crate::records::{TokenKind, TokenRecord, UserRecord, WorkspaceRecord};
use crate::server::Server;
use crate::time::{from_ms, now, now_ms};

/// An invitation works for a week when nothing is said, in seconds.
const DEFAULT_INVITATION_S: u64 = 7 * 86_400;

/// Everybody in the workspace, by their entry.
#[utoipa::path(get, path = routes::MEMBERS, tag = "members", operation_id = "list_members", params(("workspace" = String, Path)), responses((status = 200, body = Vec<MemberView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    within: Within<Viewer>,
) -> Result<Json<Vec<MemberView>>, ApiError> {
    let mut all = Vec::with_capacity(within.workspace.members.len());
    for member in within.workspace.members {
        let found = server.records.load::<UserRecord>(&member.user.to_string()).await?;
        all.extend(found.map(|(user, _)| view(member, user.name)));
    }
    Ok(Json(all))
}

/// Gives a member another role; their sessions end. Only an administrator of the server adds somebody without an invitation.
#[utoipa::path(put, path = routes::MEMBER, tag = "members", operation_id = "set_member", params(("workspace" = String, Path), ("member" = String, Path, description = "the account's name")), request_body = MemberChange, responses((status = 200, body = MemberView)))]
pub(in crate::http) async fn set(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Segments((_workspace, name)): Segments<(String, String)>,
    Body(wish): Body<MemberChange>,
) -> Result<Json<MemberView>, ApiError> {
    let user = named(&server, &name).await?;
    if within.workspace.role_of(user.id).is_none() && !within.caller.is_instance() {
        return Err(ApiError::not_found("member", &name));
    }
    let apply = |WorkspaceRecord(workspace): &mut WorkspaceRecord| {
        workspace.set_member(user.id, wish.role, now()).map_err(refused)
    };
    let workspace = changed(&server, &within.workspace, user.id, apply).await?;
    let member = workspace.members.into_iter().find(|member| member.user == user.id);
    let member = member.ok_or_else(|| ApiError::not_found("member", &name))?;
    Ok(Json(view(member, user.name)))
}

/// Takes somebody out of the workspace; their sessions end. The last admin stays.
#[utoipa::path(delete, path = routes::MEMBER, tag = "members", operation_id = "remove_member", params(("workspace" = String, Path), ("member" = String, Path, description = "the account's name")), responses((status = 204)))]
pub(in crate::http) async fn remove(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Segments((_workspace, name)): Segments<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let user = named(&server, &name).await?;
    let apply = |WorkspaceRecord(workspace): &mut WorkspaceRecord| workspace.remove_member(user.id).map_err(refused);
    changed(&server, &within.workspace, user.id, apply).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The right is gone with the workspace's document; sessions end after it, and nothing of them is trusted until then.
async fn changed(
    server: &Server,
    workspace: &Workspace,
    user: UserId,
    apply: impl Fn(&mut WorkspaceRecord) -> Result<(), ApiError> + Send,
) -> Result<Workspace, ApiError> {
    let updated = server.records.update(&workspace.id.to_string(), apply).await?;
    end_all(server, user, false).await?;
    Ok(updated.record.0)
}

async fn named(server: &Server, name: &str) -> Result<UserRecord, ApiError> {
    let found = server
        .records
        .load_by::<UserRecord>(Query::over(kinds::USER_NAME).equal(name))
        .await?;
    found
        .map(|(user, _)| user)
        .ok_or_else(|| ApiError::not_found("member", name))
}

fn refused(error: MemberError) -> ApiError {
    match error {
        MemberError::Missing => ApiError::not_found("member", "of this name"),
        MemberError::LastAdmin | MemberError::Full => ApiError::Conflict(error.to_string()),
    }
}

fn view(member: Member, name: Slug) -> MemberView {
    MemberView {
        user: member.user,
        name,
        role: member.role,
        since: member.since,
    }
}

/// Invitations that nobody used yet, oldest first.
#[utoipa::path(get, path = routes::INVITATIONS, tag = "members", operation_id = "list_invitations", params(("workspace" = String, Path), PageQuery), responses((status = 200, body = Page<InvitationView>)))]
pub(in crate::http) async fn invitations(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<InvitationView>>, ApiError> {
    let open = within
        .tenant
        .over(kinds::TOKEN_WORKSPACE)
        .equal(TokenKind::Invitation.word());
    let all = page(&server, open, &query, |token: TokenRecord| {
        let (role, expires_at) = (token.limit?.role, from_ms(token.expires_at?));
        Some(InvitationView {
            id: token.id,
            role,
            by: token.name,
            expires_at,
        })
    });
    let all = all.await?;
    Ok(Json(Page {
        items: all.items.into_iter().flatten().collect(),
        next: all.next,
    }))
}

/// A link that lets one person in, once. It is shown this once.
#[utoipa::path(post, path = routes::INVITATIONS, tag = "members", operation_id = "invite", params(("workspace" = String, Path)), request_body = InvitationCreate, responses((status = 201, body = LinkCreated)))]
pub(in crate::http) async fn invite(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Body(wish): Body<InvitationCreate>,
) -> Result<(StatusCode, Json<LinkCreated>), ApiError> {
    Faults::default()
        .within(wish.valid_s, (60, 2_592_000), "valid_s")
        .done()?;
    let (minted, now) = (mint(TokenKind::Invitation.prefix()), now_ms());
    let valid_ms = i64::try_from(wish.valid_s.unwrap_or(DEFAULT_INVITATION_S) * 1000).unwrap_or(i64::MAX);
    let expires_at = now.saturating_add(valid_ms);
    let mut record = minted.record(TokenKind::Invitation, within.caller.name, now);
    record.workspace = Some(within.tenant.id());
    record.limit = Some(Limit {
        workspace: Some(within.tenant.id()),
        role: wish.role,
    });
    record.expires_at = Some(expires_at);
    server.records.insert(&record).await?;
    Ok((
        StatusCode::CREATED,
        Json(LinkCreated {
            id: record.id,
            link: server.link_url(&minted.value),
            expires_at: from_ms(expires_at),
        }),
    ))
}

/// Takes an invitation back.
#[utoipa::path(delete, path = routes::INVITATION, tag = "members", operation_id = "revoke_invitation", params(("workspace" = String, Path), ("invitation" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn revoke(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Segments((_workspace, id)): Segments<(String, TokenId)>,
) -> Result<StatusCode, ApiError> {
    let found = server.records.load::<TokenRecord>(&id.to_string()).await?;
    let own = |token: &TokenRecord| token.workspace.is_some_and(|of| within.tenant.owns(of));
    let found = found.filter(|(token, _)| token.kind == TokenKind::Invitation && own(token));
    let (_, version) = found.ok_or_else(|| ApiError::not_found("invitation", id))?;
    server.records.delete::<TokenRecord>(&id.to_string(), version).await?;
    Ok(StatusCode::NO_CONTENT)
}
