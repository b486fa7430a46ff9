//! Making a run: once for each trigger, with the next number of its service.

use circle_core::ids::{RunId, ServiceId};
use circle_core::plan::{Concurrency, Plan, Work};
use circle_core::queue::Priority;
use circle_core::run::{
    CancelCause, Failure, Part, Phases, Report, Rerun, Run, RunState, StageRecord, StageState, Verdict,
};
use circle_core::service::Service;
use circle_core::trigger::Trigger;
use circle_store::records::{Query, RecordError, StoreError, kinds};
use jiff::{SignedDuration, Timestamp};

use crate::http::ApiError;
use crate::limits::NUMBER_TRIES;
use crate::records::RunRecord;
use crate::server::Server;
use crate::time::now;

/// The stage that stands in a run whose plan could not be made.
pub(crate) const PLAN_STAGE: &str = "plan";

/// What a run is made from.
#[derive(Debug)]
pub(crate) struct NewRun {
    pub(crate) id: RunId,
    pub(crate) service: Service,
    pub(crate) trigger: Trigger,
    pub(crate) planned: Planned,
    pub(crate) priority: Priority,
    pub(crate) rerun: Option<Rerun>,
}

/// What planning gave.
#[derive(Debug)]
pub(crate) enum Planned {
    /// It can go.
    Ready(Box<Plan>),
    /// It cannot, and why; the log of the stage `plan` says more.
    Failed(Failure),
}

impl Server {
    /// Makes the run, or gives the one that this trigger made before.
    pub(crate) async fn create_run(&self, new: NewRun) -> Result<Run, ApiError> {
        self.create_run_with(new, |_| {}).await
    }

    /// The same, with something of the new run changed before it is written.
    pub(super) async fn create_run_with(&self, new: NewRun, change: impl FnOnce(&mut Run)) -> Result<Run, ApiError> {
        let mut run = build(new, now());
        change(&mut run);
        // Held until the queue knows the run, so that a newer one finds it.
        let _turn = self.number_turns.take(run.service).await;
        for _ in 0..NUMBER_TRIES {
            run.number = self.next_number(run.service).await?;
            match self.records.insert(&RunRecord(run.clone())).await {
                Ok(version) => {
                    tracing::info!(run = %run.id, service = %run.service_name, number = run.number, state = run.state.word(), "a run was made");
                    self.observe(&run, version).await;
                    self.supersede(&run).await;
                    return Ok(run);
                }
                Err(RecordError::Store(StoreError::Conflict { index, .. })) if index == kinds::RUN_NUMBER.name => {}
                Err(RecordError::Store(StoreError::Conflict { .. })) => return self.existing(&run).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(ApiError::Unavailable(
            "other servers make runs of the service without pause: no number was free".into(),
        ))
    }

    async fn next_number(&self, service: ServiceId) -> Result<u64, ApiError> {
        let last = Query::over(kinds::RUN_NUMBER)
            .equal(service.to_string())
            .descending()
            .limit(1);
        let page = self.records.find(last).await?;
        let number = page.heads.first().and_then(|head| head.number("/number")).unwrap_or(0);
        Ok(u64::try_from(number).unwrap_or(0) + 1)
    }

    async fn existing(&self, run: &Run) -> Result<Run, ApiError> {
        let by_trigger = Query::over(kinds::RUN_TRIGGER)
            .equal(run.service.to_string())
            .equal(run.trigger.key.as_str());
        let found = match self.records.load_by::<RunRecord>(by_trigger).await? {
            Some(found) => Some(found),
            None => self.records.load::<RunRecord>(&run.id.to_string()).await?,
        };
        let (RunRecord(existing), version) = found.ok_or_else(|| ApiError::not_found("run", run.id))?;
        // Whoever made it may have died before anybody was told.
        self.observe(&existing, version).await;
        self.supersede(&existing).await;
        Ok(existing)
    }

    /// A newer run of a ref cancels the older ones where its plan says so. A repetition of an old run is nothing newer.
    async fn supersede(&self, run: &Run) {
        let plan = run.plan.as_ref().filter(|_| run.rerun.is_none());
        let cancels = plan.is_some_and(|plan| plan.concurrency == Concurrency::CancelRunning);
        if !cancels || run.state.is_ended() {
            return;
        }
        for older in self.queue.older(run) {
            self.supersede_by(older, run.number).await;
        }
    }

    /// Ends a run in favour of a newer one of its ref.
    pub(crate) async fn supersede_by(&self, older: RunId, number: u64) {
        let by = format!("run {number}");
        if let Err(error) = self.cancel(older, CancelCause::Superseded, &by, false).await {
            tracing::debug!(run = %older, %error, "an older run was not superseded");
        }
    }
}

fn build(new: NewRun, now: Timestamp) -> Run {
    let NewRun {
        id,
        service,
        trigger,
        planned,
        priority,
        rerun,
    } = new;
    let wait = SignedDuration::from_secs(i64::try_from(service.queue_timeout_s).unwrap_or(i64::MAX));
    let (plan, state, stages, parts) = match planned {
        Planned::Ready(plan) => {
            let stages = plan
                .stages
                .iter()
                .map(|stage| record(&stage.name, kind(&stage.work)))
                .collect();
            (
                Some(*plan),
                RunState::Queued { since: now },
                stages,
                vec![Part::waiting("main")],
            )
        }
        Planned::Failed(failure) => {
            let mut stage = record(PLAN_STAGE, PLAN_STAGE);
            stage.state = StageState::Failed {
                since: now,
                at: now,
                failure: failure.clone(),
            };
            (
                None,
                RunState::Ended {
                    at: now,
                    verdict: Verdict::Failed { failure },
                },
                vec![stage],
                Vec::new(),
            )
        }
    };
    let report = service.forge.as_ref().map(|_| Report::default());
    Run {
        id,
        workspace: service.workspace,
        service: service.id,
        service_name: service.name,
        number: 0,
        trigger,
        priority: priority.number(),
        state,
        plan,
        parts,
        stages,
        images: Vec::new(),
        deployments: Vec::new(),
        cancel: None,
        rerun,
        report,
        noticed: false,
        queue_deadline: now.checked_add(wait).unwrap_or(Timestamp::MAX),
        created_at: now,
        updated_at: now,
    }
}

fn record(name: &str, kind: &str) -> StageRecord {
    StageRecord {
        name: name.to_owned(),
        kind: kind.to_owned(),
        state: StageState::Waiting,
        tries: 0,
        phases: Phases::default(),
        output: None,
        reused: false,
    }
}

fn kind(work: &Work) -> &'static str {
    match work {
        Work::Checkout { .. } => "checkout",
        Work::Integration { .. } => "integration",
        Work::PreBuild { .. } => "pre_build",
        Work::Build { .. } => "build",
        Work::Push { .. } => "push",
        Work::PostBuild { .. } => "post_build",
    }
}
