//! Runs: lists, one by id or number, the end of one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::{CancelRequest, Page, PageQuery, RunQuery, RunSummary, RunView};
use circle_api::routes;
use circle_core::members::Role;
use circle_core::run::CancelCause;
use circle_store::records::{Cursor, Head, Query, kinds};

use super::page::wrong_cursor;
use super::views::run_view;
use crate::auth::{Developer, Found, Viewer, Within};
use crate::http::{ApiError, Body, Params, Segments};
use crate::limits::SCAN_HEADS;
use crate::records::RunRecord;
use crate::server::Server;

/// Newest first. A page may be shorter than asked for although more follow: go on while there is a `next`.
#[utoipa::path(get, path = routes::RUNS, tag = "runs", operation_id = "list_runs", params(("workspace" = String, Path), RunQuery), responses((status = 200, body = Page<RunSummary>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    within: Within<Viewer>,
    Params(wanted): Params<RunQuery>,
) -> Result<Json<Page<RunSummary>>, ApiError> {
    let query = match &wanted.service {
        Some(name) => {
            let (service, _) = server.service(within.tenant, name.as_str()).await?;
            Query::over(kinds::RUN_SERVICE).equal(service.id.to_string())
        }
        None => within.tenant.over(kinds::RUN_WORKSPACE),
    };
    let paging = PageQuery {
        cursor: wanted.cursor,
        limit: wanted.limit,
    };
    let size = paging.size() as usize;
    let mut query = query
        .descending()
        .limit(size)
        .after(paging.cursor.map(Cursor::from_text));
    let state = wanted.state.map(|state| state.word());
    let fits = |head: &Head| state.is_none_or(|state| head.text("/state/name") == Some(state));
    let mut heads = Vec::new();
    let mut scanned = 0;
    let next = loop {
        let page = server.records.find(query.clone()).await.map_err(wrong_cursor)?;
        scanned += page.heads.len();
        heads.extend(page.heads.into_iter().filter(fits));
        // A page is never cut, so the cursor stays right; it may then be a little longer than asked for.
        if heads.len() >= size || scanned >= SCAN_HEADS || page.next.is_none() {
            break page.next;
        }
        query = query.after(page.next);
    };
    let mut items = Vec::with_capacity(heads.len());
    for head in heads {
        let found = server.records.load::<RunRecord>(&head.id).await?;
        items.extend(found.map(|(RunRecord(run), _)| RunSummary::from(&run)));
    }
    Ok(Json(Page {
        items,
        next: next.map(|cursor| cursor.as_text().to_owned()),
    }))
}

/// Everything about one run.
#[utoipa::path(get, path = routes::RUN, tag = "runs", operation_id = "show_run", params(("run" = String, Path)), responses((status = 200, body = RunView)))]
pub(in crate::http) async fn show(
    State(server): State<Arc<Server>>,
    found: Found<RunRecord, Viewer>,
) -> Result<Json<RunView>, ApiError> {
    Ok(Json(run_view(&server, &found.document.0).await?))
}

/// The same by its number in the service.
#[utoipa::path(get, path = routes::SERVICE_RUN, tag = "runs", operation_id = "show_service_run", params(("workspace" = String, Path), ("service" = String, Path), ("number" = u64, Path)), responses((status = 200, body = RunView)))]
pub(in crate::http) async fn show_by_number(
    State(server): State<Arc<Server>>,
    within: Within<Viewer>,
    Segments((_workspace, service, number)): Segments<(String, String, u64)>,
) -> Result<Json<RunView>, ApiError> {
    let (service, _) = server.service(within.tenant, &service).await?;
    let missing = || ApiError::not_found("run", number);
    let key = i64::try_from(number).map_err(|_| missing())?;
    let query = Query::over(kinds::RUN_NUMBER).equal(service.id.to_string()).equal(key);
    let (RunRecord(run), _) = server.records.load_by::<RunRecord>(query).await?.ok_or_else(missing)?;
    Ok(Json(run_view(&server, &run).await?))
}

/// Asks for its end. The wish is kept; the run ends as soon as everything of it is dead.
#[utoipa::path(post, path = routes::RUN_CANCEL, tag = "runs", operation_id = "cancel_run", params(("run" = String, Path)), request_body = CancelRequest, responses((status = 202, body = RunSummary)))]
pub(in crate::http) async fn cancel(
    State(server): State<Arc<Server>>,
    found: Found<RunRecord, Developer>,
    Body(wish): Body<CancelRequest>,
) -> Result<(StatusCode, Json<RunSummary>), ApiError> {
    if wish.abandon {
        // What was deployed halfway stays: that decides what is served.
        found.must(Role::Releaser)?;
    }
    let (id, by) = (found.document.0.id, found.caller.name.as_str());
    let asked = server.cancel(id, CancelCause::Requested, by, wish.abandon).await;
    let run = asked.map_err(|error| match ApiError::from(error) {
        ApiError::LeaseGone => ApiError::Conflict("the run has ended already".into()),
        other => other,
    })?;
    Ok((StatusCode::ACCEPTED, Json(RunSummary::from(&run))))
}
