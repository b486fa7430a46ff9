//! What a job leaves in its engine, and its end.

use bollard::query_parameters::RemoveContainerOptionsBuilder;
use futures_util::{StreamExt, stream};

use crate::execute::Shared;

/// Removed at the same time.
const AT_ONCE: usize = 16;
/// A build that was cut off may make one more container while others are removed.
const MAX_ROUNDS: usize = 3;

/// Removes every container that Circle did not make: a job's own, and those that its builds left. Where the engine is not the
/// run's own no job can make any.
pub(crate) async fn remove_made(shared: &Shared<'_>) {
    if !shared.cell.labels().is_empty() {
        return;
    }
    for _ in 0..MAX_ROUNDS {
        let others = match shared.own.others(&shared.engine).await {
            Ok(others) if others.is_empty() => return,
            Ok(others) => others,
            Err(error) => {
                return tracing::debug!(%error, "containers of a job were not looked for; they end with the cell");
            }
        };
        stream::iter(others)
            .for_each_concurrent(AT_ONCE, |id| async move { remove(shared, &id).await })
            .await;
    }
}

async fn remove(shared: &Shared<'_>, id: &str) {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    if let Err(error) = shared.engine.docker.remove_container(id, Some(options)).await {
        tracing::debug!(%error, "a container of a job was not removed; it ends with the cell");
    }
}
