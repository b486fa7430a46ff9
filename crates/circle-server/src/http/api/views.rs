//! Views that need more than one document.

use circle_api::resources::{
    DeploymentEvent, DeploymentView, EnvironmentView, FailureView, RerunLink, RunView, Surroundings, WaitingReason,
    WorkloadCreate, WorkloadHealth, WorkloadView,
};
use circle_core::deployment::{Deployment, DeploymentState, Reason};
use circle_core::environment::{self, Environment};
use circle_core::ids::RunId;
use circle_core::run::Run;
use circle_store::records::{Head, Query, kinds};

use crate::http::ApiError;
use crate::queue::REMEMBERED_RUNS;
use crate::records::{DeploymentRecord, RunRecord, ServiceRecord, TargetRecord};
use crate::server::Server;
use crate::time::now_ms;

/// Deployments and reruns that one view shows.
const MAX_LINKS: usize = 50;

/// A run with what stands around it.
pub(in crate::http) async fn run_view(server: &Server, run: &Run) -> Result<RunView, ApiError> {
    let around = Surroundings {
        url: server.run_url(run.id),
        waiting: waiting(server, run).await?,
        deployments: deployments(server, run.id).await?,
        reruns: reruns(server, run).await?,
    };
    Ok(RunView::of(run, around))
}

/// Why it waits. The estimate is made of what the last runs of its service took, read when nothing is known of them.
async fn waiting(server: &Server, run: &Run) -> Result<Option<WaitingReason>, ApiError> {
    if run.state.word() != "queued" {
        return Ok(None);
    }
    if !server.queue.knows_history(run.service) {
        let last = Query::over(kinds::RUN_SERVICE).equal(run.service.to_string());
        let page = server
            .records
            .find(last.descending().limit(2 * REMEMBERED_RUNS))
            .await?;
        let took = |head: &Head| u64::try_from(head.number("/ended_at")? - head.number("/started_at")?).ok();
        let mut worked: Vec<u64> = page.heads.iter().filter_map(took).take(REMEMBERED_RUNS).collect();
        worked.reverse();
        server.queue.learn_history(run.service, &worked);
    }
    Ok(server.queue.why(run.id, now_ms()))
}

async fn deployments(server: &Server, run: RunId) -> Result<Vec<DeploymentView>, ApiError> {
    let query = Query::over(kinds::DEPLOYMENT_RUN)
        .equal(run.to_string())
        .limit(MAX_LINKS);
    let page = server.records.find(query).await?;
    let records = server.records.load_page::<DeploymentRecord>(&page).await?;
    Ok(records
        .into_iter()
        .map(|(DeploymentRecord(deployment), _)| deployment_view(&deployment))
        .collect())
}

/// A rerun's key begins with the run that it repeats, so they are found by it.
async fn reruns(server: &Server, run: &Run) -> Result<Vec<RerunLink>, ApiError> {
    let from = crate::runs::rerun_key_prefix(run.id);
    // The next text after every key with this prefix.
    let to = format!("{from}~");
    let query = Query::over(kinds::RUN_TRIGGER)
        .equal(run.service.to_string())
        .at_least(from)
        .less_than(to);
    let page = server.records.find(query.limit(MAX_LINKS)).await?;
    let records = server.records.load_page::<RunRecord>(&page).await?;
    let links = records.into_iter().map(|(RunRecord(again), _)| RerunLink {
        run: again.id,
        number: Some(again.number),
        from_stage: again.rerun.and_then(|rerun| rerun.from_stage),
    });
    Ok(links.collect())
}

/// A deployment in the words of the API.
pub(super) fn deployment_view(deployment: &Deployment) -> DeploymentView {
    let reason = reason(&deployment.state);
    let notes = deployment.notes.iter();
    DeploymentView {
        id: deployment.id,
        run: deployment.run,
        run_number: deployment.run_number,
        service: deployment.service,
        service_name: deployment.service_name.clone(),
        environment: deployment.environment_name.clone(),
        workload: deployment.workload.clone(),
        state: word(&deployment.state).into(),
        image: deployment.desired.reference(),
        before_digest: deployment.before.as_ref().and_then(|before| before.digest.clone()),
        after_digest: deployment.desired.digest.clone(),
        url: deployment.url.clone(),
        failure: reason.map(|reason| FailureView {
            kind: "deploy".into(),
            message: reason.message.clone(),
            stage: Some(format!("deploy.{}", deployment.environment_name)),
            exit_code: None,
        }),
        events: notes
            .map(|note| DeploymentEvent {
                at: note.at,
                message: note.message.clone(),
            })
            .collect(),
        created_at: deployment.created_at,
        ended_at: deployment.state.ended_at(),
    }
}

fn word(state: &DeploymentState) -> &'static str {
    match state {
        DeploymentState::Waiting { .. } => "waiting",
        DeploymentState::Queued { .. } => "locked",
        DeploymentState::Locked { .. } | DeploymentState::Intended { .. } => "applying",
        DeploymentState::Watching { .. } | DeploymentState::Verifying { .. } => "watching",
        DeploymentState::RollingBack { .. } => "rolling_back",
        DeploymentState::Succeeded { .. } | DeploymentState::Unchanged { .. } => "succeeded",
        DeploymentState::RolledBack { .. } => "rolled_back",
        DeploymentState::RollbackFailed { .. } | DeploymentState::Failed { .. } => "failed",
        DeploymentState::Cancelled { .. } | DeploymentState::Abandoned { .. } => "cancelled",
    }
}

fn reason(state: &DeploymentState) -> Option<&Reason> {
    match state {
        DeploymentState::RollingBack { reason, .. }
        | DeploymentState::RolledBack { reason, .. }
        | DeploymentState::RollbackFailed { reason, .. }
        | DeploymentState::Failed { reason, .. } => Some(reason),
        _ => None,
    }
}

/// An environment with the names of what it refers to.
pub(super) async fn environment_view(server: &Server, environment: Environment) -> Result<EnvironmentView, ApiError> {
    let target = server
        .records
        .load::<TargetRecord>(&environment.target.to_string())
        .await?;
    let (TargetRecord(target), _) = target.ok_or_else(|| ApiError::not_found("target", environment.target))?;
    let mut workloads = Vec::new();
    for (service, workload) in environment.workloads {
        // A service that was removed leaves its binding behind; it is not shown.
        let Some((ServiceRecord(known), _)) = server.records.load(&service.to_string()).await? else {
            continue;
        };
        let create = workload.create.map(create_view);
        workloads.push(WorkloadView {
            service,
            service_name: known.name,
            workload: workload.name,
            url: workload.url,
            create,
        });
    }
    workloads.sort_by(|left, right| left.service_name.cmp(&right.service_name));
    Ok(EnvironmentView {
        id: environment.id,
        name: environment.name,
        target: target.name,
        protected_refs: environment.protected_refs,
        deadline_s: environment.deadline_s,
        stabilise_s: environment.stabilise_s,
        workloads,
        created_at: environment.created_at,
    })
}

fn create_view(create: environment::WorkloadCreate) -> WorkloadCreate {
    WorkloadCreate {
        port: create.port,
        replicas: create.replicas,
        env: create.env,
        health: create.health.map(|health| WorkloadHealth {
            command: health.command,
            interval_ms: health.interval_ms,
            timeout_ms: health.timeout_ms,
            retries: health.retries,
        }),
    }
}
