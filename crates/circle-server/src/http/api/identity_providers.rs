//! Identity providers of the server: registered, checked, changed, forgotten. Only administrators of the server say whose word counts.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::people::{
    IdentityKind, IdentityProviderChange, IdentityProviderCheck, IdentityProviderCreate, IdentityProviderView,
};
use circle_api::resources::{ForgeKind, Page, PageQuery};
use circle_api::routes;
use circle_api::worker::SecretValue;
use circle_core::ids::{IdentityProviderId, SecretId};
use circle_core::service::SecretScope;
use circle_store::records::{Query, kinds};
use secrecy::SecretString;
use uuid::Uuid;

use super::forges::{address, check_token};
use super::page::page;
use super::validate::Faults;
use crate::auth::Instance;
use crate::http::{ApiError, Body, IfMatch, Params, Segments, Tagged};
use crate::records::IdentityProviderRecord;
use crate::server::Server;
use crate::time::{from_ms, now_ms};
use crate::vault::OF_SERVER;

/// Domains of one provider: a company and its branches.
const MAX_DOMAINS: usize = 32;

/// By name.
#[utoipa::path(get, path = routes::IDENTITY_PROVIDERS, tag = "accounts", operation_id = "list_identity_providers", params(PageQuery), responses((status = 200, body = Page<IdentityProviderView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    _: Instance,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<IdentityProviderView>>, ApiError> {
    let by_name = Query::over(kinds::IDENTITY_PROVIDER_NAME);
    let shown = |record: IdentityProviderRecord| view(&server, &record);
    Ok(Json(page(&server, by_name, &query, shown).await?))
}

/// Lets people sign in by another system. It is asked whether it knows the application, so a wrong address, id or secret is told at once.
#[utoipa::path(post, path = routes::IDENTITY_PROVIDERS, tag = "accounts", operation_id = "create_identity_provider", request_body = IdentityProviderCreate, responses((status = 201, body = IdentityProviderView)))]
pub(in crate::http) async fn create(
    State(server): State<Arc<Server>>,
    _: Instance,
    Body(wish): Body<IdentityProviderCreate>,
) -> Result<(StatusCode, Json<IdentityProviderView>), ApiError> {
    check_token(&wish.client_secret)?;
    let mut record = IdentityProviderRecord {
        id: IdentityProviderId::from_uuid(Uuid::now_v7()),
        name: wish.name,
        kind: wish.kind,
        address: provider_address(wish.kind, wish.address.as_deref())?,
        client_id: wish.client_id,
        client_secret: SecretId::from_uuid(Uuid::nil()),
        create_accounts: wish.create_accounts,
        email_domains: lowered(wish.email_domains),
        created_at: now_ms(),
    };
    check_record(&record)?;
    server.probe(&record, &shown(&wish.client_secret)).await?;
    record.client_secret = keep(&server, &record, &wish.client_secret).await?;
    if let Err(error) = server.records.insert(&record).await {
        server.forget_sealed(record.client_secret).await?;
        return Err(error.into());
    }
    Ok((StatusCode::CREATED, Json(view(&server, &record))))
}

/// One by name.
#[utoipa::path(get, path = routes::IDENTITY_PROVIDER, tag = "accounts", operation_id = "show_identity_provider", params(("provider" = String, Path)), responses((status = 200, body = IdentityProviderView)))]
pub(in crate::http) async fn show(
    State(server): State<Arc<Server>>,
    _: Instance,
    Segments(name): Segments<String>,
) -> Result<Tagged<IdentityProviderView>, ApiError> {
    let (record, version) = server.identity_provider(&name).await?;
    Ok(Tagged::new(record.id, version, view(&server, &record)))
}

/// Changes the application, or who gets an account. Name, kind and address stay: they say whose word it is.
#[utoipa::path(patch, path = routes::IDENTITY_PROVIDER, tag = "accounts", operation_id = "change_identity_provider", params(("provider" = String, Path)), request_body = IdentityProviderChange, responses((status = 200, body = IdentityProviderView)))]
pub(in crate::http) async fn change(
    State(server): State<Arc<Server>>,
    _: Instance,
    matching: IfMatch,
    Segments(name): Segments<String>,
    Body(wish): Body<IdentityProviderChange>,
) -> Result<Tagged<IdentityProviderView>, ApiError> {
    let (known, version) = server.identity_provider(&name).await?;
    matching.check(known.id, version)?;
    let apply = |record: &mut IdentityProviderRecord| {
        if let Some(client_id) = &wish.client_id {
            record.client_id.clone_from(client_id);
        }
        record.create_accounts = wish.create_accounts.unwrap_or(record.create_accounts);
        if let Some(domains) = &wish.email_domains {
            record.email_domains = lowered(domains.clone());
        }
        check_record(record)
    };
    let mut trial = known.clone();
    apply(&mut trial)?;
    let mut secret = None;
    if wish.client_id.is_some() || wish.client_secret.is_some() {
        secret = wish.client_secret.as_ref();
        let tried = match secret {
            Some(new) => check_token(new).map(|()| shown(new))?,
            None => server.client_secret(&known).await?,
        };
        server.probe(&trial, &tried).await?;
    }
    let kept = match secret {
        Some(new) => Some(keep(&server, &known, new).await?),
        None => None,
    };
    let mut before = None;
    let put = |record: &mut IdentityProviderRecord| {
        apply(record)?;
        before = kept.map(|new| std::mem::replace(&mut record.client_secret, new));
        Ok(())
    };
    let updated = server.change_matching(&matching, known.id, put).await?;
    if let Some(before) = before {
        server.forget_sealed(before).await?;
    }
    let shown = view(&server, &updated.record);
    Ok(Tagged::new(known.id, updated.version, shown))
}

/// Removes one that is nobody's only way to sign in. Whoever signed in by it is signed out.
#[utoipa::path(delete, path = routes::IDENTITY_PROVIDER, tag = "accounts", operation_id = "remove_identity_provider", params(("provider" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn remove(
    State(server): State<Arc<Server>>,
    _: Instance,
    matching: IfMatch,
    Segments(name): Segments<String>,
) -> Result<StatusCode, ApiError> {
    let (record, version) = server.identity_provider(&name).await?;
    matching.check(record.id, version)?;
    let bound = server.bound_to(&record).await?;
    if !bound.is_empty() {
        let some: Vec<&str> = bound.iter().take(5).map(String::as_str).collect();
        let message = format!(
            "it is the only way to sign in of {} accounts ({}): give each a link for a password first, or remove the account",
            bound.len(),
            some.join(", ")
        );
        return Err(ApiError::Conflict(message));
    }
    let id = record.id.to_string();
    server.records.delete::<IdentityProviderRecord>(&id, version).await?;
    server.forget_discovery(&record);
    server.unlink_all(&record).await?;
    server.forget_sealed(record.client_secret).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Looks at one as far as it can be seen while nobody signs in.
#[utoipa::path(post, path = routes::IDENTITY_PROVIDER_CHECK, tag = "accounts", operation_id = "check_identity_provider", params(("provider" = String, Path)), responses((status = 200, body = IdentityProviderCheck)))]
pub(in crate::http) async fn check(
    State(server): State<Arc<Server>>,
    _: Instance,
    Segments(name): Segments<String>,
) -> Result<Json<IdentityProviderCheck>, ApiError> {
    let (record, _) = server.identity_provider(&name).await?;
    let secret = server.client_secret(&record).await?;
    let seen = server.probe(&record, &secret).await;
    let (good, finding) = match seen {
        Ok(()) => (
            true,
            "it answers and knows the application by its id and secret".to_owned(),
        ),
        Err(error) => (false, error.to_string()),
    };
    Ok(Json(IdentityProviderCheck {
        good,
        findings: vec![finding],
        redirect_uri: server.sign_in_back_url(&record),
    }))
}

fn provider_address(kind: IdentityKind, said: Option<&str>) -> Result<String, ApiError> {
    match (kind, said) {
        (IdentityKind::Github, said) => address(ForgeKind::Github, said),
        (IdentityKind::Gitlab, said) => address(ForgeKind::Gitlab, said),
        (IdentityKind::Gitea, said) => address(ForgeKind::Gitea, said),
        // An issuer is an address of the same form, and there is none that is everybody's.
        (IdentityKind::Oidc, Some(issuer)) => address(ForgeKind::Gitea, Some(issuer)),
        (IdentityKind::Oidc, None) => Err(ApiError::field("address", "say what the issuer is called")),
    }
}

fn check_record(record: &IdentityProviderRecord) -> Result<(), ApiError> {
    let is_oidc = record.kind == IdentityKind::Oidc;
    let public = ["https://github.com", "https://gitlab.com"].contains(&record.address.as_str());
    let good = |domain: &String| domain.contains('.') && domain.len() <= 253 && domain.bytes().all(is_of_domain);
    Faults::default()
        .text(Some(&record.client_id), 255, "client_id")
        .unless(
            record.email_domains.len() <= MAX_DOMAINS && record.email_domains.iter().all(good),
            "email_domains",
            format!("give at most {MAX_DOMAINS} domains such as example.org"),
        )
        .unless(
            is_oidc || record.email_domains.is_empty(),
            "email_domains",
            "only an oidc tells addresses of mail that it has verified",
        )
        .unless(
            !(public && record.create_accounts),
            "create_accounts",
            "everybody in the world has an account there: invite people instead",
        )
        .done()
}

fn is_of_domain(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.' || byte == b'-'
}

fn lowered(domains: Vec<String>) -> Vec<String> {
    domains.into_iter().map(|domain| domain.to_lowercase()).collect()
}

/// Sealed as everything of the server's own that is secret; each under a name of its own, so that an old id never meets a new value.
async fn keep(server: &Server, record: &IdentityProviderRecord, secret: &SecretValue) -> Result<SecretId, ApiError> {
    let name = format!("client_secret_{}_{}", record.id, Uuid::now_v7().simple());
    let kept = server
        .keep_secret(OF_SERVER, SecretScope::Internal, &name, secret)
        .await?;
    Ok(kept.id)
}

fn shown(secret: &SecretValue) -> SecretString {
    SecretString::from(secret.expose().to_owned())
}

fn view(server: &Server, record: &IdentityProviderRecord) -> IdentityProviderView {
    IdentityProviderView {
        id: record.id,
        name: record.name.clone(),
        kind: record.kind,
        address: record.address.clone(),
        client_id: record.client_id.clone(),
        redirect_uri: server.sign_in_back_url(record),
        create_accounts: record.create_accounts,
        email_domains: record.email_domains.clone(),
        created_at: from_ms(record.created_at),
    }
}
