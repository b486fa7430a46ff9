//! Strangers' pull requests: what an approver looks at, and the approval, which is bound to the commit that was looked at.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::{ApprovalView, ApproveRequest, PullRequestView, Triggered};
use circle_api::routes;
use circle_core::ids::DeliveryId;
use circle_core::names::CommitId;
use circle_core::pipeline::MAX_FILE_BYTES;
use circle_core::run::Run;
use circle_core::service::Service;
use circle_core::trigger::{Event, Trust};
use circle_vcs::{GitFailure, Mirror};
use uuid::Uuid;

use super::triggers::triggered;
use crate::auth::{Caller, Developer, Found, Viewer};
use crate::http::hooks::store;
use crate::http::{ApiError, Body, for_git};
use crate::records::{APPROVAL, Delivery, DeliveryState, Payload, RunRecord};
use crate::server::Server;
use crate::time::now_ms;

/// Changed paths that an approver is shown.
const MAX_PATHS: usize = 500;

/// A stranger's pull request that could be approved.
struct Proposal {
    run: Run,
    service: Service,
    commit: CommitId,
    number: u64,
}

/// What is to be looked at: the commit, and what it makes of the pipeline file.
#[utoipa::path(get, path = routes::RUN_APPROVAL, tag = "runs", operation_id = "show_approval", params(("run" = String, Path)), responses((status = 200, body = ApprovalView)))]
pub(in crate::http) async fn show(
    State(server): State<Arc<Server>>,
    found: Found<RunRecord, Viewer>,
) -> Result<Json<ApprovalView>, ApiError> {
    let proposal = proposal(&server, found.document.0).await?;
    let (before, after) = files(&server, &proposal).await?;
    let Proposal { run, service, .. } = &proposal;
    let pull_request = PullRequestView::of(run).ok_or_else(|| ApiError::not_found("pull request of run", run.id))?;
    Ok(Json(ApprovalView {
        commit: proposal.commit.to_string(),
        actor: run.trigger.actor.clone(),
        pull_request,
        pipeline_path: service.pipeline_path.clone(),
        pipeline_changed: before != after,
        pipeline_before: before,
        pipeline_after: after,
        paths: paths(&server, &proposal).await,
    }))
}

/// Lets exactly this commit run as a member's: secrets of the service, logins of registries, workers of the workspace.
/// Deployments stay out: no pull request deploys.
#[utoipa::path(post, path = routes::RUN_APPROVE, tag = "runs", operation_id = "approve", params(("run" = String, Path)), request_body = ApproveRequest, responses((status = 201, body = Triggered), (status = 202, body = Triggered)))]
pub(in crate::http) async fn approve(
    State(server): State<Arc<Server>>,
    found: Found<RunRecord, Developer>,
    Body(wish): Body<ApproveRequest>,
) -> Result<(StatusCode, Json<Triggered>), ApiError> {
    let proposal = proposal(&server, found.document.0).await?;
    if wish.commit != proposal.commit.as_str() {
        let message = format!("the run is of commit {}: look at that one", proposal.commit);
        return Err(ApiError::field("commit", message));
    }
    is_newest(&server, &proposal).await?;
    let accepted = store(&server, delivery(&proposal, &found.caller)).await?;
    triggered(&server, accepted.delivery).await
}

async fn proposal(server: &Server, run: Run) -> Result<Proposal, ApiError> {
    let service = server.service_by_id(run.service).await?;
    let trigger = &run.trigger;
    match (&trigger.event, trigger.trust, &trigger.commit) {
        (Event::PullRequest { number, .. }, Trust::Stranger, Some(commit)) => Ok(Proposal {
            commit: commit.clone(),
            number: *number,
            service,
            run,
        }),
        _ => Err(ApiError::Conflict(
            "only the run of a stranger's pull request is approved".into(),
        )),
    }
}

/// An approval of what the pull request was a while ago would be misleading.
async fn is_newest(server: &Server, proposal: &Proposal) -> Result<(), ApiError> {
    let Some(link) = &proposal.service.forge else {
        return Err(ApiError::Conflict(
            "the service is not linked to a forge any more".into(),
        ));
    };
    let connection = server.forge_connection(link.connection).await?;
    let forge = server.forge(&connection).await?;
    let now = forge.pull_request(&link.repository, proposal.number).await?;
    let number = proposal.number;
    if !now.open {
        return Err(ApiError::Conflict(format!("pull request {number} is closed")));
    }
    if now.head != proposal.commit.as_str() {
        let message = format!(
            "pull request {number} has moved on to {}: look at its newest run",
            now.head
        );
        return Err(ApiError::Conflict(message));
    }
    Ok(())
}

/// One approval of a run is one delivery, however often it is given.
fn delivery(proposal: &Proposal, by: &Caller) -> Delivery {
    let (service, now) = (&proposal.service, now_ms());
    Delivery {
        id: DeliveryId::from_uuid(Uuid::now_v7()),
        workspace: service.workspace,
        service: service.id,
        forge: format!("{APPROVAL}:{}", service.id),
        delivery_id: proposal.run.id.to_string(),
        source: APPROVAL.into(),
        payload: Payload::Approved {
            run: proposal.run.id,
            by: by.name.clone(),
            approver: Some(by.as_approver()),
        },
        state: DeliveryState::Waiting,
        received_at: now,
        tries: 0,
        next_try_at: now,
    }
}

/// The pipeline file as it is now where the pull request goes, and as the pull request makes it.
async fn files(server: &Server, proposal: &Proposal) -> Result<(Option<String>, Option<String>), ApiError> {
    let Event::PullRequest { into, .. } = &proposal.run.trigger.event else {
        return Ok((None, None));
    };
    let service = &proposal.service;
    let credential = server.clone_credential(service).await?.map(for_git);
    let read = async {
        let mirror = server.repositories.mirror(service, credential).await?;
        let base = mirror.fetch(&into.full()).await?;
        mirror
            .fetch_commit(&proposal.run.trigger.git_ref, &proposal.commit)
            .await?;
        let before = text(&mirror, &base, &service.pipeline_path).await?;
        let after = text(&mirror, &proposal.commit, &service.pipeline_path).await?;
        Ok::<_, GitFailure>((before, after))
    };
    read.await.map_err(|failure| ApiError::Upstream(failure.sentence))
}

async fn text(mirror: &Mirror, commit: &CommitId, path: &str) -> Result<Option<String>, GitFailure> {
    let bytes = mirror.read_file(commit, path, MAX_FILE_BYTES).await?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Absent rather than an error: the files above are what counts.
async fn paths(server: &Server, proposal: &Proposal) -> Option<Vec<String>> {
    let link = proposal.service.forge.as_ref()?;
    let connection = server.forge_connection(link.connection).await.ok()?;
    let forge = server.forge(&connection).await.ok()?;
    forge
        .pull_request_files(&link.repository, proposal.number, MAX_PATHS)
        .await
        .ok()?
}
