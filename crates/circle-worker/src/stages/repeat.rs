//! What is taken over from a run that is repeated, and what a failed try leaves.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use circle_core::run::{Failure, FailureKind, StoredOutput};
use sha2::{Digest, Sha256};

use crate::execute::{Carried, STAGE_LABEL, Shared, cell_failure};
use crate::filter::remove_made;
use crate::outputs::unpack;

/// What a digest begins with.
const DIGEST: &str = "sha256:";
/// Read and hashed at a time.
const HASHED_BYTES: usize = 64 * 1024;

/// Lays the kept outputs of a stage over the checkout instead of running it.
pub(crate) async fn take_over(
    shared: &Shared<'_>,
    carried: &mut Carried,
    stage: &str,
    output: Option<&StoredOutput>,
) -> Result<(), Failure> {
    let Some(output) = output else { return Ok(()) };
    let folder = shared
        .cell
        .new_folder(&shared.fresh_name("kept"))
        .await
        .map_err(cell_failure("a folder for kept outputs"))?;
    let tar = folder.host().join("outputs.tar");
    let failed = |why: String| {
        let message = format!("the kept outputs of {stage} could not be had: {why}");
        Failure::new(FailureKind::Infrastructure, message)
    };
    let fetched = shared.sink.fetch(stage, &tar).await;
    fetched.map_err(|error| failed(error.to_string()))?;
    let digest = digest_of(tar).await.map_err(|error| failed(error.to_string()))?;
    // A working tree has no digest: it is packed when it is asked for.
    if output.digest.starts_with(DIGEST) && digest != output.digest {
        let why = format!(
            "they are not what was kept ({digest} came, {} was kept); run it again from an earlier stage",
            output.digest
        );
        return Err(failed(why));
    }
    let layer = unpack(shared, &folder.inside().join("outputs.tar")).await?;
    carried.layers.insert(0, layer);
    Ok(())
}

/// What is in a file, as it is written beside the outputs of a stage.
async fn digest_of(path: PathBuf) -> io::Result<String> {
    let hash = move || {
        let (mut file, mut hash) = (BufReader::with_capacity(HASHED_BYTES, File::open(path)?), Sha256::new());
        loop {
            let piece = file.fill_buf()?;
            if piece.is_empty() {
                return Ok(format!("{DIGEST}{}", hex::encode(hash.finalize())));
            }
            hash.update(piece);
            let read = piece.len();
            file.consume(read);
        }
    };
    tokio::task::spawn_blocking(hash).await.map_err(io::Error::other)?
}

/// Removes the containers of a failed try, so that the next one has their memory and their names.
pub(crate) async fn clear(shared: &Shared<'_>, stage: &str) {
    remove_made(shared).await;
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
