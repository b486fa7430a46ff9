//! What is taken over from a run that is repeated, and what a failed try leaves.

use std::collections::HashMap;

use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use circle_core::run::{Failure, FailureKind, StoredOutput};

use crate::execute::{Carried, STAGE_LABEL, Shared, cell_failure};
use crate::filter::remove_made;
use crate::outputs::unpack;

/// Lays the kept outputs of a stage over the checkout instead of running it.
pub(crate) async fn take_over(
    shared: &Shared<'_>,
    carried: &mut Carried,
    stage: &str,
    output: Option<&StoredOutput>,
) -> Result<(), Failure> {
    if output.is_none() {
        return Ok(());
    }
    let folder = shared
        .cell
        .new_folder(&shared.fresh_name("kept"))
        .await
        .map_err(cell_failure("a folder for kept outputs"))?;
    shared
        .sink
        .fetch(stage, &folder.host().join("outputs.tar"))
        .await
        .map_err(|error| {
            Failure::new(
                FailureKind::Infrastructure,
                format!("the kept outputs of {stage} could not be had: {error}"),
            )
        })?;
    let layer = unpack(shared, &folder.inside().join("outputs.tar")).await?;
    carried.layers.insert(0, layer);
    Ok(())
}

/// Removes the containers of a failed try, so that the next one has their memory and their names.
pub(crate) async fn clear(shared: &Shared<'_>, stage: &str) {
    remove_made(shared, stage).await;
    let own = shared.cell.labels().iter();
    let own = own.map(|(name, value)| format!("{name}={value}"));
    let labels = own.chain([format!("{STAGE_LABEL}={stage}")]).collect();
    let filters = HashMap::from([("label".to_owned(), labels)]);
    let options = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&filters)
        .build();
    let containers = shared
        .engine
        .docker
        .list_containers(Some(options))
        .await
        .unwrap_or_default();
    for id in containers.into_iter().filter_map(|container| container.id) {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        if let Err(error) = shared.engine.docker.remove_container(&id, Some(options)).await {
            tracing::warn!(%error, stage, "a container of a failed try could not be removed");
        }
    }
}
