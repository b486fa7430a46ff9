//! The network on which the sidecars of a stage answer: made from the first moment, since it takes the engine a while.

use bollard::models::NetworkCreateRequest;
use bollard::query_parameters::InspectNetworkOptions;
use circle_cell::Cell;
use circle_core::plan::{Plan, Work};
use circle_core::run::{Failure, FailureKind};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::context::Shared;
use crate::engine::{Engine, sentence};

/// Its name; a cell has one, and stages use it one after the other. Warm cells have it already.
pub(crate) const STAGE_NETWORK: &str = "circle-stage";

/// The name at the cell's engine, which other cells may share.
fn name(cell: &Cell) -> String {
    if cell.labels().is_empty() {
        STAGE_NETWORK.to_owned()
    } else {
        format!("{STAGE_NETWORK}-{}", cell.id())
    }
}

type Made = Option<Result<(), String>>;

/// The network, on its way.
#[derive(Debug)]
pub(crate) struct StageNetwork {
    made: watch::Receiver<Made>,
    _task: JoinSet<()>,
}

impl StageNetwork {
    /// Begins to make it, when the plan has a stage that needs it.
    pub(super) fn prepare(engine: &Engine, cell: &Cell, plan: &Plan) -> Self {
        let (done, made) = watch::channel(None);
        let mut task = JoinSet::new();
        if plan
            .stages
            .iter()
            .any(|stage| matches!(stage.work, Work::Integration { .. }))
        {
            let engine = engine.clone();
            let request = NetworkCreateRequest {
                name: name(cell),
                labels: Some(cell.labels().clone().into_iter().collect()),
                ..NetworkCreateRequest::default()
            };
            task.spawn(async move {
                let made = make(&engine, request).await;
                done.send_replace(Some(made.map_err(|error| sentence(&error))));
            });
        }
        Self { made, _task: task }
    }
}

/// Makes it, unless the cell was born with it; engines would make a second one of the same name.
async fn make(engine: &Engine, request: NetworkCreateRequest) -> Result<(), bollard::errors::Error> {
    let known = engine
        .docker
        .inspect_network(&request.name, None::<InspectNetworkOptions>)
        .await;
    if known.is_ok() {
        return Ok(());
    }
    engine.docker.create_network(request).await.map(drop)
}

/// The name of the stage's network, once it is there.
pub(crate) async fn stage_network(shared: &Shared<'_>) -> Result<String, Failure> {
    let failed = |why: &str| {
        Failure::new(
            FailureKind::Infrastructure,
            format!("the stage's network could not be made: {why}"),
        )
    };
    let mut made = shared.network.made.clone();
    let made = made
        .wait_for(Option::is_some)
        .await
        .map_err(|_| failed("nobody makes it"))?;
    match made.as_ref() {
        Some(Err(why)) => Err(failed(why)),
        Some(Ok(())) | None => Ok(name(shared.cell)),
    }
}
