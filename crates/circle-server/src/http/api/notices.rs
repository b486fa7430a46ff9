//! Who is told when runs of a service end, and what became of the telling.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use circle_api::resources::notice::{MailRules, NoticeView, WebhookCreate, WebhookCreated, WebhookView};
use circle_api::resources::{Page, PageQuery};
use circle_api::routes;
use circle_api::worker::SecretValue;
use circle_core::ids::{NoticeId, ServiceId, WebhookId};
use circle_core::notice::{Cause, Notice, NoticeState, Receiver, Webhook};
use circle_core::service::SecretScope;
use circle_store::records::{Query, Version, kinds};
use http::Method;
use rand::Rng;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::page::page;
use crate::auth::{Admin, Developer, Viewer, Within};
use crate::http::{ApiError, Body, Params, Segments};
use crate::notify::SECRET_PREFIX;
use crate::records::{NoticeRecord, ServiceRecord, WebhookRecord};
use crate::server::Server;
use crate::time::now;

/// Addresses that one service may have.
const MAX_SUBSCRIBERS: usize = 50;
/// Webhooks that one service may have.
const MAX_WEBHOOKS: usize = 20;
/// Longest address of a webhook, in bytes.
const MAX_URL_BYTES: usize = 2_048;
/// Of a webhook's secret.
const SECRET_BYTES: usize = 32;

/// Who gets mail.
#[utoipa::path(get, path = routes::SERVICE_MAIL, tag = "notices", operation_id = "show_mail_rules", params(("workspace" = String, Path), ("service" = String, Path)), responses((status = 200, body = MailRules)))]
pub(in crate::http) async fn mail(
    State(server): State<Arc<Server>>,
    within: Within<Viewer>,
    Segments((_workspace, name)): Segments<(String, String)>,
) -> Result<Json<MailRules>, ApiError> {
    Ok(Json(server.service(within.tenant, &name).await?.0.mail.into()))
}

/// Sets who gets mail. Each address is kept once.
#[utoipa::path(put, path = routes::SERVICE_MAIL, tag = "notices", operation_id = "set_mail_rules", params(("workspace" = String, Path), ("service" = String, Path)), request_body = MailRules, responses((status = 200, body = MailRules)))]
pub(in crate::http) async fn set_mail(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Segments((_workspace, name)): Segments<(String, String)>,
    Body(mut wish): Body<MailRules>,
) -> Result<Json<MailRules>, ApiError> {
    wish.to.sort();
    wish.to.dedup();
    if wish.to.len() > MAX_SUBSCRIBERS {
        return Err(ApiError::field(
            "to",
            format!("a service has at most {MAX_SUBSCRIBERS} addresses: use a list's address"),
        ));
    }
    let (service, _) = server.service(within.tenant, &name).await?;
    let put = |ServiceRecord(service): &mut ServiceRecord| {
        service.mail = wish.clone().into();
        Ok::<(), ApiError>(())
    };
    let updated = server.records.update(&service.id.to_string(), put).await?;
    Ok(Json(updated.record.0.mail.into()))
}

/// Programs that are called, by name.
#[utoipa::path(get, path = routes::WEBHOOKS, tag = "notices", operation_id = "list_webhooks", params(("workspace" = String, Path), ("service" = String, Path)), responses((status = 200, body = Vec<WebhookView>)))]
pub(in crate::http) async fn webhooks(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Segments((_workspace, name)): Segments<(String, String)>,
) -> Result<Json<Vec<WebhookView>>, ApiError> {
    let (service, _) = server.service(within.tenant, &name).await?;
    let found = server.webhooks_of(service.id).await?;
    Ok(Json(
        found.iter().map(|(webhook, _)| WebhookView::from(webhook)).collect(),
    ))
}

/// Makes one. The secret is shown once.
#[utoipa::path(post, path = routes::WEBHOOKS, tag = "notices", operation_id = "create_webhook", params(("workspace" = String, Path), ("service" = String, Path)), request_body = WebhookCreate, responses((status = 201, body = WebhookCreated)))]
pub(in crate::http) async fn create(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Segments((_workspace, name)): Segments<(String, String)>,
    Body(wish): Body<WebhookCreate>,
) -> Result<(StatusCode, Json<WebhookCreated>), ApiError> {
    let (service, _) = server.service(within.tenant, &name).await?;
    if wish.url.len() > MAX_URL_BYTES {
        return Err(ApiError::field(
            "url",
            format!("an address has at most {MAX_URL_BYTES} bytes"),
        ));
    }
    circle_net::Request::new(Method::POST, &wish.url).map_err(|error| ApiError::field("url", error.to_string()))?;
    if server.webhooks_of(service.id).await?.len() >= MAX_WEBHOOKS {
        return Err(ApiError::Conflict(format!(
            "a service has at most {MAX_WEBHOOKS} webhooks: remove one first"
        )));
    }
    let secret = new_secret();
    let id = WebhookId::from_uuid(Uuid::now_v7());
    let kept = server
        .keep_secret(
            service.workspace,
            SecretScope::Internal,
            &format!("token_{id}"),
            &secret,
        )
        .await?;
    let webhook = Webhook {
        id,
        workspace: service.workspace,
        service: service.id,
        name: wish.name,
        url: wish.url,
        secret: kept.id,
        created_at: now(),
    };
    let record = WebhookRecord(webhook);
    if let Err(error) = server.records.insert(&record).await {
        server.forget_sealed(kept.id).await?;
        return Err(error.into());
    }
    let webhook = WebhookView::from(&record.0);
    Ok((StatusCode::CREATED, Json(WebhookCreated { webhook, secret })))
}

/// Removes one; what waits for it is given up.
#[utoipa::path(delete, path = routes::WEBHOOK, tag = "notices", operation_id = "remove_webhook", params(("workspace" = String, Path), ("service" = String, Path), ("webhook" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn remove(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Segments((_workspace, name, webhook)): Segments<(String, String, String)>,
) -> Result<StatusCode, ApiError> {
    let (service, _) = server.service(within.tenant, &name).await?;
    let (webhook, version) = server.webhook(service.id, &webhook).await?;
    server
        .records
        .delete::<WebhookRecord>(&webhook.id.to_string(), version)
        .await?;
    server.forget_sealed(webhook.secret).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Calls one to try it. What becomes of it stands in the notices.
#[utoipa::path(post, path = routes::WEBHOOK_PING, tag = "notices", operation_id = "ping_webhook", params(("workspace" = String, Path), ("service" = String, Path), ("webhook" = String, Path)), responses((status = 202, body = NoticeView)))]
pub(in crate::http) async fn ping(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Segments((_workspace, name, webhook)): Segments<(String, String, String)>,
) -> Result<(StatusCode, Json<NoticeView>), ApiError> {
    let (service, _) = server.service(within.tenant, &name).await?;
    let (webhook, _) = server.webhook(service.id, &webhook).await?;
    let notice = Notice {
        id: NoticeId::from_uuid(Uuid::now_v7()),
        workspace: service.workspace,
        service: service.id,
        run: None,
        cause: Cause::Ping,
        receiver: Receiver::Webhook {
            webhook: webhook.id,
            name: webhook.name,
        },
        state: NoticeState::Waiting { next_at: now() },
        tries: 0,
        why: None,
        created_at: now(),
    };
    let view = NoticeView::from(&notice);
    server.records.insert(&NoticeRecord(notice)).await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// What was told, newest first: kept as long as logs are.
#[utoipa::path(get, path = routes::NOTICES, tag = "notices", operation_id = "list_notices", params(("workspace" = String, Path), ("service" = String, Path), PageQuery), responses((status = 200, body = Page<NoticeView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    within: Within<Developer>,
    Segments((_workspace, name)): Segments<(String, String)>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<NoticeView>>, ApiError> {
    let (service, _) = server.service(within.tenant, &name).await?;
    let newest = Query::over(kinds::NOTICE_SERVICE)
        .equal(service.id.to_string())
        .descending();
    let view = |NoticeRecord(notice)| NoticeView::from(&notice);
    Ok(Json(page(&server, newest, &query, view).await?))
}

fn new_secret() -> SecretValue {
    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    rand::rng().fill_bytes(bytes.as_mut_slice());
    SecretValue::new(format!("{SECRET_PREFIX}{}", STANDARD.encode(*bytes)))
}

impl Server {
    async fn webhooks_of(&self, service: ServiceId) -> Result<Vec<(Webhook, Version)>, ApiError> {
        let found = self
            .records
            .find(Query::over(kinds::WEBHOOK_NAME).equal(service.to_string()))
            .await?;
        let records = self.records.load_page::<WebhookRecord>(&found).await?;
        Ok(records
            .into_iter()
            .map(|(record, version)| (record.0, version))
            .collect())
    }

    async fn webhook(&self, service: ServiceId, name: &str) -> Result<(Webhook, Version), ApiError> {
        let query = Query::over(kinds::WEBHOOK_NAME).equal(service.to_string()).equal(name);
        let found = self.records.load_by::<WebhookRecord>(query).await?;
        let (record, version) = found.ok_or_else(|| ApiError::not_found("webhook", name))?;
        Ok((record.0, version))
    }

    /// The webhooks of a service that is removed.
    pub(super) async fn forget_webhooks(&self, service: ServiceId) -> Result<(), ApiError> {
        for (webhook, version) in self.webhooks_of(service).await? {
            self.records
                .delete::<WebhookRecord>(&webhook.id.to_string(), version)
                .await?;
            self.forget_sealed(webhook.secret).await?;
        }
        Ok(())
    }
}
