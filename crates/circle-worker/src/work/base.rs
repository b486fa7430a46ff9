//! The base: a root with the operator's images, made once and begun from ever after.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use circle_cell::pool::Pool;
use circle_cell::{CellError, CellProvider, CellSpec, Keeps, Promoted, Promotion, RootName};
use circle_core::roots::RootNote;

use super::renew::tags_of;
use crate::WorkerConfig;
use crate::engine::Engine;

/// The first warm cells come before the base: a run may wait for them. It is looked so often whether they stand.
const LOOK: Duration = Duration::from_millis(100);
/// After so long the base is made beside whatever else goes on.
const PATIENCE: Duration = Duration::from_secs(20);
/// A root that another Circle may read differently has another number.
const FORMAT: u32 = 1;

/// What roots are made on, in words: when they change, every root is made anew.
pub(super) fn ground(config: &WorkerConfig) -> String {
    let mut words = vec![format!("roots {FORMAT}"), format!("engine {}", engine())];
    for image in &config.images {
        words.push(identity(image));
    }
    words.push(format!("disk {:?}", config.cell_disk_bytes));
    words.join("; ")
}

/// An engine that was replaced may want another format of its data root.
fn engine() -> String {
    let places = [
        "/usr/local/bin/dockerd",
        "/usr/local/sbin/dockerd",
        "/usr/bin/dockerd",
        "/usr/sbin/dockerd",
    ];
    let found = places.iter().map(Path::new).find(|place| place.exists());
    found.map_or_else(|| "none".to_owned(), identity)
}

/// The same words for the same file, others when it was replaced.
fn identity(file: &Path) -> String {
    match std::fs::metadata(file) {
        Ok(meta) => format!(
            "{} {} {}.{}",
            file.display(),
            meta.len(),
            meta.mtime(),
            meta.mtime_nsec()
        ),
        Err(_) => format!("{} missing", file.display()),
    }
}

/// Makes the base, unless it is there. Nobody waits for it: until then cells load the images themselves.
pub(super) async fn make_base(provider: Arc<dyn CellProvider>, pool: Arc<Pool>, spec: CellSpec) {
    if spec.images.is_empty() {
        return;
    }
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < deadline && pool.counters().ready + pool.counters().in_use == 0 {
        tokio::time::sleep(LOOK).await;
    }
    match make(provider.as_ref(), &spec).await {
        Ok(Some(Promoted::Yes(stamp))) => {
            tracing::info!(root = %stamp, "the base is made; new cells begin from it");
            pool.refresh();
        }
        Ok(Some(Promoted::No(why))) => tracing::warn!(%why, "the base was not made; cells load the images themselves"),
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "the base was not made; cells load the images themselves"),
    }
}

async fn make(provider: &dyn CellProvider, spec: &CellSpec) -> Result<Option<Promoted>, CellError> {
    let base = RootName::base();
    if provider.storage().await?.keeps == Keeps::Nothing || provider.root(&base).await?.is_some() {
        return Ok(None);
    }
    let cell = provider.start(spec).await?;
    let tags = match Engine::new(cell.socket()) {
        Ok(engine) => tags_of(&engine).await.map_err(|error| error.to_string()),
        Err(failure) => Err(failure.message),
    };
    let images = tags.map_err(|why| CellError::Unable(format!("the images of the base cannot be listed: {why}")))?;
    let note = RootNote {
        images,
        ..RootNote::default()
    };
    let wish = Promotion {
        name: base,
        order: 1,
        label: "the operator's images".to_owned(),
        note: serde_json::to_string(&note).unwrap_or_default(),
        caches: Vec::new(),
    };
    provider.promote(cell, wish).await.map(Some)
}

#[cfg(test)]
mod tests {
    use super::ground;
    use crate::WorkerConfig;

    #[test]
    fn the_ground_changes_with_the_images() {
        let folder = tempfile::tempdir().expect("a folder");
        let image = folder.path().join("image.tar");
        std::fs::write(&image, "one").expect("a file");
        let mut config = WorkerConfig::new("unix:///run/circle.sock", folder.path());
        let none = ground(&config);
        config.images.push(image.clone());
        let one = ground(&config);
        assert_ne!(none, one);
        assert_eq!(one, ground(&config));
        std::fs::write(&image, "three").expect("a file");
        assert_ne!(one, ground(&config), "the image was replaced");
    }
}
