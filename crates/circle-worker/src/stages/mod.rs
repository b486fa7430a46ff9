//! The kinds of stages, one file each.

mod build;
mod checkout;
mod integration;
mod post_build;
mod pre_build;
mod push;
mod repeat;

use circle_core::plan::Work;
use circle_core::run::{Failure, StoredOutput};

use crate::execute::StageRun;

pub(crate) use repeat::{clear, take_over};

/// Runs one try of a stage and gives what it leaves for reruns.
pub(crate) async fn run(stage: &mut StageRun<'_>) -> Result<Option<StoredOutput>, Failure> {
    // Boxed, since the futures of some stages are large and all of them live in one state machine otherwise.
    match &stage.stage.work {
        Work::Checkout { submodules } => Box::pin(checkout::run(stage, *submodules)).await.map(|()| None),
        Work::Integration { sidecars, job } => Box::pin(integration::run(stage, sidecars, job)).await.map(|()| None),
        Work::PreBuild { how, outputs } => Box::pin(pre_build::run(stage, how, outputs)).await,
        Work::Build { images } => Box::pin(build::run(stage, images)).await.map(|()| None),
        Work::Push { images } => Box::pin(push::run(stage, images)).await.map(|()| None),
        Work::PostBuild { job } => Box::pin(post_build::run(stage, job)).await.map(|()| None),
    }
}
