//! Repeating a run with the same commit, wholly or from a stage on.

use circle_core::ids::RunId;
use circle_core::names::CommitId;
use circle_core::plan::{Plan, Work};
use circle_core::queue::Priority;
use circle_core::run::{BuiltImage, Rerun, Run, StageRecord, StageState};
use circle_core::scan_floor::ScanFloor;
use circle_store::blobs::Digest;
use uuid::Uuid;

use super::create::{NewRun, Planned};
use crate::http::ApiError;
use crate::records::{ServiceRecord, WorkspaceRecord};
use crate::server::Server;

/// What the trigger keys of all reruns begin with.
const RERUN: &str = "rerun:";

/// What the trigger keys of all reruns of a run begin with.
pub(crate) fn rerun_key_prefix(of: RunId) -> String {
    format!("{RERUN}{of}:")
}

/// Whether the run of a trigger key repeats another.
pub(crate) fn is_rerun(trigger_key: &str) -> bool {
    trigger_key.starts_with(RERUN)
}

impl Server {
    /// Makes a run that repeats an ended one.
    pub(crate) async fn rerun(
        &self,
        of: RunId,
        (from_stage, hold): (Option<String>, bool),
        actor: &str,
    ) -> Result<Run, ApiError> {
        let (before, _) = self.run(of).await?.ok_or_else(|| ApiError::not_found("run", of))?;
        let (plan, commit) = repeatable(&before)?;
        let service = self.records.load::<ServiceRecord>(&before.service.to_string()).await?;
        let (ServiceRecord(service), _) =
            service.ok_or_else(|| ApiError::not_found("service", &before.service_name))?;
        self.check_floor(&before, &plan).await?;
        let reused = match &from_stage {
            Some(stage) => self.reusable(&before, stage).await?,
            None => 0,
        };
        let id = RunId::from_uuid(Uuid::now_v7());
        let mut trigger = before.trigger.clone();
        trigger.key = format!("{}{id}", rerun_key_prefix(of));
        trigger.actor = actor.to_owned();
        trigger.commit = Some(commit);
        let rerun = Some(Rerun { of, from_stage, hold });
        self.create_repeated(
            NewRun {
                id,
                service,
                trigger,
                planned: Planned::Ready(Box::new(plan)),
                priority: Priority::of_number(before.priority),
                rerun,
            },
            &before,
            reused,
        )
        .await
    }

    /// A plan of old days does not lower the floor of today.
    async fn check_floor(&self, before: &Run, plan: &Plan) -> Result<(), ApiError> {
        let workspace = self
            .records
            .load::<WorkspaceRecord>(&before.workspace.to_string())
            .await?;
        let floor = workspace.map(|(WorkspaceRecord(workspace), _)| workspace.policy.scan_floor);
        let pushes = plan.stages.iter().any(|stage| matches!(stage.work, Work::Push { .. }));
        match floor.and_then(ScanFloor::refusal).filter(|_| pushes) {
            Some(refusal) => Err(ApiError::Conflict(refusal)),
            None => Ok(()),
        }
    }

    /// How many stages are taken over; an error names what is not there any more.
    async fn reusable(&self, before: &Run, stage: &str) -> Result<usize, ApiError> {
        let known = before.stages.iter().position(|known| known.name == stage);
        let Some(count) = known else {
            let names: Vec<_> = before.stages.iter().map(|stage| stage.name.as_str()).collect();
            let message = format!("the run has no stage \"{stage}\"; it has {}", names.join(", "));
            return Err(ApiError::field("from_stage", message));
        };
        for earlier in &before.stages[..count] {
            if !matches!(earlier.state, StageState::Succeeded { .. }) {
                let message = format!(
                    "the stage {} before it did not succeed: rerun from that one",
                    earlier.name
                );
                return Err(ApiError::field("from_stage", message));
            }
            let Some(output) = &earlier.output else { continue };
            let digest: Digest = output.digest.parse()?;
            if self.blobs.info(&digest).await.is_err() {
                let message = format!(
                    "the outputs of {} are not kept any more: rerun from there",
                    earlier.name
                );
                return Err(ApiError::field("from_stage", message));
            }
        }
        Ok(count)
    }

    async fn create_repeated(&self, new: NewRun, before: &Run, reused: usize) -> Result<Run, ApiError> {
        let taken: Vec<_> = before.stages[..reused].to_vec();
        let images = images_of(before, &taken);
        self.create_run_with(new, |run| {
            for (stage, earlier) in run.stages.iter_mut().zip(&taken) {
                *stage = earlier.clone();
                stage.reused = true;
            }
            run.images = images;
        })
        .await
    }
}

/// What the stages taken over had made: images if they built, their digests if they pushed.
fn images_of(before: &Run, taken: &[StageRecord]) -> Vec<BuiltImage> {
    if !taken.iter().any(|stage| stage.kind == "build") {
        return Vec::new();
    }
    let mut images = before.images.clone();
    if !taken.iter().any(|stage| stage.kind == "push") {
        for image in &mut images {
            (image.repository, image.digest) = (None, None);
            image.tags.clear();
        }
    }
    images
}

fn repeatable(before: &Run) -> Result<(Plan, CommitId), ApiError> {
    if !before.state.is_ended() {
        return Err(ApiError::Conflict("the run has not ended: cancel it, or wait".into()));
    }
    let plan = before.plan.clone();
    let plan =
        plan.ok_or_else(|| ApiError::Conflict("the run has no plan: push a commit, or trigger the branch".into()))?;
    let commit = before.trigger.commit.clone();
    let commit =
        commit.ok_or_else(|| ApiError::Conflict("the run's commit was never found: trigger the branch".into()))?;
    Ok((plan, commit))
}
