//! What a run's deployments come to.

use super::record::Deployment;
use super::state::{DeploymentState as State, ReasonKind};
use crate::run::{Cancel, Failure, FailureKind, Verdict};

/// The run's verdict, or `None` while one of them is on its way.
pub fn run_verdict(deployments: &[Deployment], cancel: Option<&Cancel>) -> Option<Verdict> {
    if !deployments.iter().all(|deployment| deployment.state.is_ended()) {
        return None;
    }
    let failed = deployments.iter().filter(|deployment| !deployment.state.is_good());
    // One that failed by itself says more than those that were called off because of it.
    let first = failed.min_by_key(|deployment| matches!(deployment.state, State::Cancelled { .. }));
    let Some(first) = first else {
        return Some(Verdict::Succeeded);
    };
    if let Some(cancel) = cancel {
        return Some(Verdict::Cancelled {
            cause: cancel.cause,
            by: cancel.by.clone(),
        });
    }
    Some(Verdict::Failed {
        failure: Failure::new(FailureKind::Deploy, sentence(first)),
    })
}

fn sentence(deployment: &Deployment) -> String {
    let place = format!("{} in {}", deployment.workload, deployment.environment_name);
    match &deployment.state {
        State::RolledBack { reason, verified, .. } => {
            let back = deployment
                .previous
                .as_ref()
                .and_then(|previous| previous.digest.clone())
                .unwrap_or_default();
            let checked = if *verified {
                "verified"
            } else {
                "healthy, but its answers did not pass the check"
            };
            format!("{place} was rolled back to {back} ({checked}): {}", reason.message)
        }
        State::RollbackFailed { reason, why, .. } => {
            format!(
                "{place} failed ({}) and could not be rolled back, somebody must look: {why}",
                reason.message
            )
        }
        State::Failed { reason, .. }
            if matches!(
                reason.kind,
                ReasonKind::Rollout | ReasonKind::Deadline | ReasonKind::Verify
            ) =>
        {
            format!(
                "{place} failed and has no good version to go back to: {}",
                reason.message
            )
        }
        State::Failed { reason, .. } => format!("{place} failed: {}", reason.message),
        State::Cancelled { why, .. } => format!("{place} was not deployed: {why}"),
        State::Abandoned { why, .. } => format!("{place}: {why}"),
        other => format!("{place} is {}", other.word()),
    }
}
