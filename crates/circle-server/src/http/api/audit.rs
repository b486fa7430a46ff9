//! The audit, to be read. There is no route that changes or removes an entry.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use circle_api::resources::people::{AuditQuery, AuditView};
use circle_api::resources::{Page, PageQuery};
use circle_api::routes;
use circle_store::records::{Cursor, Head, Query, kinds};
use futures_util::stream;

use super::page::wrong_cursor;
use crate::auth::{Admin, Instance, Within};
use crate::http::{ApiError, Params};
use crate::limits::SCAN_HEADS;
use crate::records::AuditRecord;
use crate::server::Server;
use crate::time::from_ms;

/// Entries that an export reads at a time.
const EXPORT_PAGE: usize = 200;

/// What was asked of a workspace, newest first. A page may be shorter than asked for although more follow.
#[utoipa::path(get, path = routes::WORKSPACE_AUDIT, tag = "audit", operation_id = "list_workspace_audit", params(("workspace" = String, Path), AuditQuery), responses((status = 200, body = Page<AuditView>)))]
pub(in crate::http) async fn of_workspace(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Params(query): Params<AuditQuery>,
) -> Result<Json<Page<AuditView>>, ApiError> {
    list(&server, within.tenant.over(kinds::AUDIT_WORKSPACE), query).await
}

/// What was asked anywhere, newest first.
#[utoipa::path(get, path = routes::AUDIT, tag = "audit", operation_id = "list_audit", params(AuditQuery), responses((status = 200, body = Page<AuditView>)))]
pub(in crate::http) async fn all(
    State(server): State<Arc<Server>>,
    _: Instance,
    Params(query): Params<AuditQuery>,
) -> Result<Json<Page<AuditView>>, ApiError> {
    list(&server, Query::over(kinds::AUDIT_AT), query).await
}

/// A workspace's audit as JSON lines, oldest first.
#[utoipa::path(get, path = routes::WORKSPACE_AUDIT_EXPORT, tag = "audit", operation_id = "export_workspace_audit", params(("workspace" = String, Path)), responses((status = 200, body = String, content_type = "application/x-ndjson")))]
pub(in crate::http) async fn export_workspace(State(server): State<Arc<Server>>, within: Within<Admin>) -> Response {
    export(server, within.tenant.over(kinds::AUDIT_WORKSPACE))
}

/// The whole audit as JSON lines, oldest first.
#[utoipa::path(get, path = routes::AUDIT_EXPORT, tag = "audit", operation_id = "export_audit", responses((status = 200, body = String, content_type = "application/x-ndjson")))]
pub(in crate::http) async fn export_all(State(server): State<Arc<Server>>, _: Instance) -> Response {
    export(server, Query::over(kinds::AUDIT_AT))
}

async fn list(server: &Server, query: Query, wanted: AuditQuery) -> Result<Json<Page<AuditView>>, ApiError> {
    let paging = PageQuery {
        cursor: wanted.cursor,
        limit: wanted.limit,
    };
    let size = paging.size() as usize;
    let query = match wanted.since {
        Some(since) => query.at_least(since.as_millisecond()),
        None => query,
    };
    let mut query = query
        .descending()
        .limit(size)
        .after(paging.cursor.map(Cursor::from_text));
    let is = |head: &Head, field, wish: &Option<String>| wish.is_none() || head.text(field) == wish.as_deref();
    let (mut heads, mut scanned) = (Vec::new(), 0);
    let next = loop {
        let page = server.records.find(query.clone()).await.map_err(wrong_cursor)?;
        scanned += page.heads.len();
        let fits = |head: &Head| is(head, "/actor", &wanted.actor) && is(head, "/action", &wanted.action);
        heads.extend(page.heads.into_iter().filter(fits));
        // A page is never cut, so the cursor stays right; it may then be a little longer than asked for.
        if heads.len() >= size || scanned >= SCAN_HEADS || page.next.is_none() {
            break page.next;
        }
        query = query.after(page.next);
    };
    let mut items = Vec::with_capacity(heads.len());
    for head in heads {
        items.extend(
            server
                .records
                .load::<AuditRecord>(&head.id)
                .await?
                .map(|(entry, _)| view(entry)),
        );
    }
    Ok(Json(Page {
        items,
        next: next.map(|cursor| cursor.as_text().to_owned()),
    }))
}

/// A page at a time: however long the audit is, little of it is in memory.
fn export(server: Arc<Server>, query: Query) -> Response {
    let start = (server, Some(query.limit(EXPORT_PAGE)), VecDeque::<Bytes>::new());
    let lines = stream::try_unfold(start, |(server, mut rest, mut ready)| async move {
        loop {
            if let Some(line) = ready.pop_front() {
                return Ok::<_, ApiError>(Some((line, (server, rest, ready))));
            }
            let Some(query) = rest.take() else { return Ok(None) };
            let page = server.records.find(query.clone()).await?;
            for (entry, _) in server.records.load_page::<AuditRecord>(&page).await? {
                ready.push_back(line(entry)?);
            }
            rest = page.next.map(|next| query.after(Some(next)));
        }
    });
    let headers = [
        (CONTENT_TYPE, "application/x-ndjson"),
        (CONTENT_DISPOSITION, "attachment; filename=\"audit.jsonl\""),
    ];
    (headers, Body::from_stream(lines)).into_response()
}

fn line(entry: AuditRecord) -> Result<Bytes, ApiError> {
    let mut line = serde_json::to_vec(&view(entry)).map_err(|error| ApiError::Internal(error.to_string()))?;
    line.push(b'\n');
    Ok(line.into())
}

fn view(entry: AuditRecord) -> AuditView {
    AuditView {
        id: entry.id,
        at: from_ms(entry.at),
        actor: entry.actor,
        user: entry.user,
        credential: entry.credential,
        action: entry.action,
        path: entry.path,
        name: entry.name,
        workspace: entry.workspace,
        status: entry.status,
    }
}
