//! Build: images, one after the other; nothing is pushed yet.

use circle_core::plan::ImageBuild;
use circle_core::run::{BuiltImage, Failure, WorkerEvent};

use crate::build::build_image;
use crate::execute::{Phase, StageRun};

pub(super) async fn run(stage: &mut StageRun<'_>, images: &[ImageBuild]) -> Result<(), Failure> {
    stage.clock.enter(Phase::Run);
    for image in images {
        let built = build_image(stage, image).await?;
        stage.shared.traces.built(&built.id);
        stage
            .log
            .say(&format!(
                "circle: built {} as {} ({} bytes)",
                image.name, built.id, built.bytes
            ))
            .await;
        let image = BuiltImage {
            name: image.name.clone(),
            image_id: built.id,
            repository: None,
            digest: None,
            tags: Vec::new(),
            bytes: built.bytes,
        };
        stage.carried.images.retain(|known| known.name != image.name);
        stage.carried.images.push(image.clone());
        stage.shared.sink.event(WorkerEvent::ImageBuilt { image }).await;
    }
    Ok(())
}
