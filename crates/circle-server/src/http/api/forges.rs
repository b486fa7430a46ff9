//! Forges of a workspace: connected by a token, checked, forgotten.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::{ForgeCreate, ForgeKind, ForgeToken, ForgeView, Page, PageQuery};
use circle_api::routes;
use circle_api::worker::SecretValue;
use circle_core::forge::{Account, ForgeConnection};
use circle_core::ids::{ForgeId, SecretId, WorkspaceId};
use circle_core::names::Slug;
use circle_core::service::SecretScope;
use circle_store::records::kinds;
use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

use super::page::page;
use super::validate::Faults;
use crate::auth::{Admin, Viewer, Within};
use crate::forge::{Access, open};
use crate::http::{ApiError, Body, IfMatch, Params, Segments, Tagged};
use crate::records::ForgeRecord;
use crate::server::Server;
use crate::time::now;

/// Longest token, in bytes: some are signed documents.
const MAX_TOKEN_BYTES: usize = 4_096;
/// Longest address, in bytes.
const MAX_ADDRESS_BYTES: usize = 512;

/// By name.
#[utoipa::path(get, path = routes::FORGES, tag = "forges", operation_id = "list_forges", params(("workspace" = String, Path), PageQuery), responses((status = 200, body = Page<ForgeView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    within: Within<Viewer>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<ForgeView>>, ApiError> {
    let by_name = within.tenant.over(kinds::FORGE_NAME);
    let view = |ForgeRecord(connection)| ForgeView::from(&connection);
    Ok(Json(page(&server, by_name, &query, view).await?))
}

/// Connects one. The forge is asked whose token it is, so a wrong address or token is told at once.
#[utoipa::path(post, path = routes::FORGES, tag = "forges", operation_id = "create_forge", params(("workspace" = String, Path)), request_body = ForgeCreate, responses((status = 201, body = ForgeView)))]
pub(in crate::http) async fn create(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Body(wish): Body<ForgeCreate>,
) -> Result<(StatusCode, Json<ForgeView>), ApiError> {
    let address = address(wish.kind, wish.address.as_deref())?;
    check_token(&wish.token)?;
    let mut connection = draft(within.workspace.id, (wish.name, wish.kind), address);
    let token = SecretString::from(wish.token.expose().to_owned());
    connection.account = account(&server, &connection, token).await?;
    let view = insert(&server, connection, &wish.token).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// A connection that nobody's token belongs to yet.
pub(super) fn draft(workspace: WorkspaceId, (name, kind): (Slug, ForgeKind), address: String) -> ForgeConnection {
    ForgeConnection {
        id: ForgeId::from_uuid(Uuid::now_v7()),
        workspace,
        name,
        kind: kind.into(),
        address,
        account: Account {
            id: String::new(),
            login: String::new(),
        },
        token: SecretId::from_uuid(Uuid::nil()),
        oauth: None,
        created_at: now(),
    }
}

/// Keeps a connection and what is sealed of it, or neither.
pub(super) async fn insert(
    server: &Server,
    mut connection: ForgeConnection,
    sealed: &SecretValue,
) -> Result<ForgeView, ApiError> {
    connection.token = keep(server, connection.workspace, connection.id, sealed).await?;
    let record = ForgeRecord(connection);
    if let Err(error) = server.records.insert(&record).await {
        server.forget_sealed(record.0.token).await?;
        return Err(error.into());
    }
    Ok(ForgeView::from(&record.0))
}

/// One by name.
#[utoipa::path(get, path = routes::FORGE, tag = "forges", operation_id = "show_forge", params(("workspace" = String, Path), ("forge" = String, Path)), responses((status = 200, body = ForgeView)))]
pub(in crate::http) async fn show(
    State(server): State<Arc<Server>>,
    within: Within<Viewer>,
    Segments((_workspace, name)): Segments<(String, String)>,
) -> Result<Tagged<ForgeView>, ApiError> {
    let (connection, version) = server.forge_named(within.tenant, &name).await?;
    Ok(Tagged::new(connection.id, version, ForgeView::from(&connection)))
}

/// Another token; it is tried before the old one is forgotten.
#[utoipa::path(put, path = routes::FORGE, tag = "forges", operation_id = "set_forge_token", params(("workspace" = String, Path), ("forge" = String, Path)), request_body = ForgeToken, responses((status = 200, body = ForgeView)))]
pub(in crate::http) async fn set_token(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    matching: IfMatch,
    Segments((_workspace, name)): Segments<(String, String)>,
    Body(wish): Body<ForgeToken>,
) -> Result<Tagged<ForgeView>, ApiError> {
    let (connection, version) = server.forge_named(within.tenant, &name).await?;
    matching.check(connection.id, version)?;
    check_token(&wish.token)?;
    let shown = SecretString::from(wish.token.expose().to_owned());
    let account = account(&server, &connection, shown).await?;
    let token = keep(&server, within.workspace.id, connection.id, &wish.token).await?;
    let mut before = connection.token;
    let put = |ForgeRecord(known): &mut ForgeRecord| {
        before = std::mem::replace(&mut known.token, token);
        known.account = account.clone();
        known.oauth = None;
        Ok::<(), ApiError>(())
    };
    let updated = match server.change_matching(&matching, connection.id, put).await {
        Ok(updated) => updated,
        Err(error) => {
            server.forget_sealed(token).await?;
            return Err(error);
        }
    };
    server.forget_sealed(before).await?;
    let shown = ForgeView::from(&updated.record.0);
    Ok(Tagged::new(connection.id, updated.version, shown))
}

/// Removes one that no service is linked through.
#[utoipa::path(delete, path = routes::FORGE, tag = "forges", operation_id = "remove_forge", params(("workspace" = String, Path), ("forge" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn remove(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    matching: IfMatch,
    Segments((_workspace, name)): Segments<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (connection, version) = server.forge_named(within.tenant, &name).await?;
    matching.check(connection.id, version)?;
    if let Some(service) = server.linked_services(&connection).await?.first() {
        let message = format!("the service {} is linked through it: remove that first", service.name);
        return Err(ApiError::Conflict(message));
    }
    let id = connection.id.to_string();
    server.records.delete::<ForgeRecord>(&id, version).await?;
    server.hook_keys.forget();
    server.forget_sealed(connection.token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// As a browser opens it, without what does not belong there.
pub(super) fn address(kind: ForgeKind, said: Option<&str>) -> Result<String, ApiError> {
    let said = match (said, kind) {
        (Some(said), _) => said,
        (None, ForgeKind::Github) => "https://github.com",
        (None, ForgeKind::Gitlab) => "https://gitlab.com",
        (None, ForgeKind::Gitea) => return Err(ApiError::field("address", "say where the Gitea or Forgejo is")),
    };
    let what = "an address is https://host[:port][/path], without a user, a query or a fragment";
    let fault = || ApiError::field("address", what);
    let url = Url::parse(said).map_err(|_| fault())?;
    let plain = matches!(url.scheme(), "https" | "http") && url.has_host() && url.username().is_empty();
    let bare = url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if !plain || !bare || said.len() > MAX_ADDRESS_BYTES {
        return Err(fault());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

pub(super) fn check_token(token: &SecretValue) -> Result<(), ApiError> {
    let text = token.expose();
    let good = (1..=MAX_TOKEN_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let mut faults = Faults::default();
    faults
        .unless(good, "token", "a token has 1 to 4,096 visible characters and no blank")
        .done()
}

/// Whose token it is, as the forge says.
pub(super) async fn account(
    server: &Server,
    connection: &ForgeConnection,
    token: SecretString,
) -> Result<Account, ApiError> {
    let access = Access {
        kind: connection.kind,
        address: connection.address.clone(),
        token,
    };
    Ok(open(&server.net, access)?.whoami().await?)
}

/// Each token lies under a name of its own, so that whoever holds the old id never meets the new one.
async fn keep(
    server: &Server,
    workspace: WorkspaceId,
    forge: ForgeId,
    token: &SecretValue,
) -> Result<SecretId, ApiError> {
    let name = format!("token_{forge}_{}", Uuid::now_v7().simple());
    let kept = server
        .keep_secret(workspace, SecretScope::Internal, &name, token)
        .await?;
    Ok(kept.id)
}

#[cfg(test)]
mod tests {
    use circle_api::resources::ForgeKind;

    use super::address;

    #[test]
    fn an_address_is_that_of_a_browser() {
        let of = |said| address(ForgeKind::Gitea, Some(said)).ok();
        assert_eq!(
            of("https://git.example.org/").as_deref(),
            Some("https://git.example.org")
        );
        assert_eq!(of("http://[::1]:3000/git/").as_deref(), Some("http://[::1]:3000/git"));
        for bad in [
            "git.example.org",
            "ftp://a",
            "https://me:pw@a",
            "https://a/?x=1",
            "https://a/#x",
            "file:///etc",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
        assert!(address(ForgeKind::Gitea, None).is_err());
        assert_eq!(
            address(ForgeKind::Github, None).ok().as_deref(),
            Some("https://github.com")
        );
    }
}
