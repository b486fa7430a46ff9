//! The network on which the sidecars of a stage answer: made from the first moment, since it takes the engine a while.

use bollard::models::NetworkCreateRequest;
use circle_core::plan::{Plan, Work};
use circle_core::run::{Failure, FailureKind};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::context::StageRun;
use crate::engine::{Engine, sentence};

/// Its name; a cell has one, and stages use it one after the other.
const NAME: &str = "circle-stage";

type Made = Option<Result<(), String>>;

/// The network, on its way.
#[derive(Debug)]
pub(crate) struct StageNetwork {
    made: watch::Receiver<Made>,
    _task: JoinSet<()>,
}

impl StageNetwork {
    /// Begins to make it, when the plan has a stage that needs it.
    pub(super) fn prepare(engine: &Engine, plan: &Plan) -> Self {
        let (done, made) = watch::channel(None);
        let mut task = JoinSet::new();
        if plan
            .stages
            .iter()
            .any(|stage| matches!(stage.work, Work::Integration { .. }))
        {
            let engine = engine.clone();
            task.spawn(async move {
                let request = NetworkCreateRequest {
                    name: NAME.to_owned(),
                    ..NetworkCreateRequest::default()
                };
                let created = engine.docker.create_network(request).await;
                done.send_replace(Some(created.map(drop).map_err(|error| sentence(&error))));
            });
        }
        Self { made, _task: task }
    }
}

/// The name of the stage's network, once it is there.
pub(crate) async fn stage_network(stage: &StageRun<'_>) -> Result<String, Failure> {
    let failed = |why: &str| {
        Failure::new(
            FailureKind::Infrastructure,
            format!("the stage's network could not be made: {why}"),
        )
    };
    let mut made = stage.shared.network.made.clone();
    let made = made
        .wait_for(Option::is_some)
        .await
        .map_err(|_| failed("nobody makes it"))?;
    match made.as_ref() {
        Some(Err(why)) => Err(failed(why)),
        Some(Ok(())) | None => Ok(NAME.to_owned()),
    }
}
