//! The way of outputs out of a container.

use bollard::errors::Error;
use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use circle_core::plan::Output;
use circle_core::run::{Failure, FailureKind, StoredOutput};
use futures_util::{StreamExt, TryStreamExt};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio_tar::Builder;
use tokio_util::io::StreamReader;

use super::check::Checker;
use super::rewrite::{RewriteError, rewrite};
use super::unpack;
use crate::engine::sentence;
use crate::execute::{StageRun, cell_failure};

/// Copies the declared outputs out of an ended container, lays them over the checkout of later stages, and has them kept
/// for reruns.
///
/// # Errors
/// [`FailureKind::Output`] names an output that is not there, or an entry that is refused.
pub(crate) async fn copy_out(
    stage: &mut StageRun<'_>,
    container: &str,
    outputs: &[Output],
) -> Result<StoredOutput, Failure> {
    let folder = stage.shared.fresh_name("outputs");
    let folder = stage
        .shared
        .cell
        .new_folder(&folder)
        .await
        .map_err(cell_failure("the folder of the outputs"))?;
    let host = folder.host().join("outputs.tar");
    // Never through a link, whoever could have put one there.
    let file = File::create_new(&host).await.map_err(broken)?;
    let mut tar = Builder::new(file);
    let mut checker = Checker::default();
    for output in outputs {
        stage
            .log
            .say(&format!("circle: copying out {} to {}", output.from, output.to))
            .await;
        one(stage, container, output, (&mut tar, &mut checker)).await?;
    }
    let mut file = tar.into_inner().await.map_err(broken)?;
    file.flush().await.map_err(broken)?;
    let inside = folder.inside().join("outputs.tar");
    let (layer, stored) = tokio::join!(
        unpack(stage.shared, &inside),
        stage.shared.sink.store(&stage.stage.name, &host)
    );
    stage.carried.layers.insert(0, layer?);
    let stored = stored.map_err(|error| {
        Failure::new(
            FailureKind::Infrastructure,
            format!("the outputs could not be kept on the server: {error}"),
        )
    })?;
    stage
        .log
        .say(&format!(
            "circle: kept {} bytes of outputs as {}",
            stored.bytes, stored.digest
        ))
        .await;
    Ok(stored)
}

async fn one(
    stage: &StageRun<'_>,
    container: &str,
    output: &Output,
    (tar, checker): (&mut Builder<File>, &mut Checker),
) -> Result<(), Failure> {
    let options = DownloadFromContainerOptionsBuilder::default()
        .path(&output.from)
        .build();
    let mut download = Box::pin(
        stage
            .shared
            .engine
            .docker
            .download_from_container(container, Some(options)),
    );
    // The head of the answer says whether there is such a path; it comes with the first piece.
    let first = match download.next().await {
        Some(Ok(first)) => first,
        Some(Err(error)) => return Err(not_there(output, &error)),
        None => {
            return Err(Failure::new(
                FailureKind::Infrastructure,
                format!("the engine sent nothing for {}", output.from),
            ));
        }
    };
    let stream = futures_util::stream::once(std::future::ready(Ok(first))).chain(download);
    let reader = StreamReader::new(Box::pin(stream.map_err(std::io::Error::other)));
    rewrite(reader, tar, checker, &output.to)
        .await
        .map_err(|error| match error {
            RewriteError::Refused(why) => Failure::new(
                FailureKind::Output,
                format!("the output {} cannot be taken: {why}", output.from),
            ),
            RewriteError::Io(error) => broken(error),
        })
}

fn not_there(output: &Output, error: &Error) -> Failure {
    if let Error::DockerResponseServerError { status_code: 404, .. } = error {
        let message = format!(
            "the declared output {} is not there: the stage succeeded, but made no such file or folder",
            output.from
        );
        return Failure::new(FailureKind::Output, message);
    }
    Failure::new(
        FailureKind::Infrastructure,
        format!(
            "the output {} could not be copied out: {}",
            output.from,
            sentence(error)
        ),
    )
}

fn broken(error: std::io::Error) -> Failure {
    Failure::new(
        FailureKind::Infrastructure,
        format!("the outputs could not be copied out: {error}"),
    )
}
