//! A run's cell becomes the next generation of its service's root: first everything is removed that the next run should not
//! find, or that this run cannot vouch for.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bollard::errors::Error;
use bollard::query_parameters::{
    ListImagesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder, TagImageOptionsBuilder,
};
use circle_api::worker::Assignment;
use circle_cell::pool::PooledCell;
use circle_cell::{Promoted, Promotion};
use circle_core::roots::{Renewal, RootAccess, RootImage, RootNote};

use super::root_names::root_name;
use crate::engine::Engine;
use crate::execute::Left;

/// What the build cache may take in a root; what was used longest ago goes first.
const BUILD_CACHE_BYTES: u64 = 10 << 30;
/// A step that no build used for so long is of no use.
const BUILD_CACHE_AGE: &str = "336h";

/// The longest that a cell is cleaned for: images of many layers take minutes, and an engine that hangs answers never.
const CLEANING_LIMIT: Duration = Duration::from_secs(10 * 60);

/// How often, and with which pause, it is looked whether a container is gone that somebody else removes.
const REMOVAL_LOOKS: u32 = 100;
const REMOVAL_PAUSE: Duration = Duration::from_millis(100);

/// Everything that a renewal needs of the run.
#[derive(Debug, Clone)]
pub(super) struct Renewing {
    pub(super) access: RootAccess,
    pub(super) renewal: Renewal,
    pub(super) label: String,
    pub(super) note: RootNote,
    /// Tags that stay, with what each must name.
    tags: BTreeMap<String, RootImage>,
    left: Left,
}

impl Renewing {
    /// What a run that succeeded leaves, if its success renews a root. `base` are the operator's images.
    pub(super) fn of(assignment: &Assignment, left: Left, base: &RootNote) -> Option<Self> {
        let access = assignment.roots.clone()?;
        let renewal = access.renews.clone()?;
        let mut tags: BTreeMap<String, RootImage> = left.images.clone();
        // The operator's word stands above what a run resolved.
        tags.extend(base.images.iter().map(|image| (image.name.clone(), image.clone())));
        let note = RootNote {
            run: Some(assignment.run),
            commit: assignment.facts.trigger.commit.clone(),
            images: tags.values().cloned().collect(),
            built: true,
            caches: left.caches.iter().cloned().collect(),
        };
        Some(Self {
            label: format!("{} {}", assignment.facts.service, renewal.git_ref),
            access,
            renewal,
            note,
            tags,
            left,
        })
    }

    fn wish(&self) -> Promotion {
        Promotion {
            name: root_name(self.access.service, &self.renewal.git_ref),
            order: self.renewal.order,
            label: self.label.clone(),
            note: serde_json::to_string(&self.note).unwrap_or_default(),
            caches: self.left.caches.iter().cloned().collect(),
        }
    }
}

/// Cleans the cell and promotes it; says in the log what came of it. The cell is gone afterwards.
pub(super) async fn renew(cell: PooledCell, renewing: Renewing) {
    let id = cell.id().clone();
    let cleaned = match Engine::new(cell.socket()) {
        Ok(engine) => tokio::time::timeout(CLEANING_LIMIT, clean(&engine, &renewing))
            .await
            .unwrap_or_else(|_| Err(format!("not within {} minutes", CLEANING_LIMIT.as_secs() / 60))),
        Err(failure) => Err(failure.message),
    };
    if let Err(why) = cleaned {
        tracing::warn!(cell = %id, why, "the cell could not be cleaned: its root stays as it is");
        if let Err(error) = cell.kill().await {
            tracing::warn!(cell = %id, %error, "a cell was not removed completely; the next sweep tries again");
        }
        return;
    }
    match cell.promote(renewing.wish()).await {
        Ok(Promoted::Yes(stamp)) => {
            tracing::info!(cell = %id, root = %stamp, label = renewing.label, "the root is renewed")
        }
        Ok(Promoted::No(why)) => tracing::info!(cell = %id, %why, "the root stays as it is"),
        Err(error) => tracing::warn!(cell = %id, %error, "the cell did not become a root"),
    }
}

/// Removes containers with their volumes, images that this run did not use, tags that it cannot vouch for, and old steps of the
/// build cache.
async fn clean(engine: &Engine, renewing: &Renewing) -> Result<(), String> {
    remove_containers(engine).await?;
    // Before anything is removed: with an image, the engine removes those without a name that it was built upon.
    for tag in renewing.tags.values() {
        restore(engine, tag).await;
    }
    for image in engine.images().await.map_err(|error| error.to_string())? {
        clean_image(engine, renewing, &image.id, &image.tags.unwrap_or_default()).await?;
    }
    let filters = serde_json::json!({"until": {BUILD_CACHE_AGE: true}}).to_string();
    let until = crate::execute::encoded(&filters);
    for query in [
        format!("all=1&filters={until}"),
        format!("all=1&keep-storage={BUILD_CACHE_BYTES}"),
    ] {
        let pruned = engine.lines("POST", &format!("/build/prune?{query}"), None).await;
        let mut lines = pruned.map_err(|error| error.to_string())?;
        while lines.next().await.map_err(|error| error.to_string())?.is_some() {}
    }
    Ok(())
}

/// Removes every container. One that its client or the engine removes at the same time is waited for.
async fn remove_containers(engine: &Engine) -> Result<(), String> {
    let told = |error: Error| error.to_string();
    for _ in 0..REMOVAL_LOOKS {
        let containers = engine.container_ids().await.map_err(|error| error.to_string())?;
        if containers.is_empty() {
            return Ok(());
        }
        for id in containers {
            let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
            match engine.docker.remove_container(&id, Some(options)).await {
                // It is gone, or on its way: the next look tells.
                Err(Error::DockerResponseServerError {
                    status_code: 404 | 409, ..
                }) => tokio::time::sleep(REMOVAL_PAUSE).await,
                removed => removed.map_err(told)?,
            }
        }
    }
    Err("a container could not be removed".to_owned())
}

async fn clean_image(engine: &Engine, renewing: &Renewing, id: &str, tags: &[String]) -> Result<(), String> {
    let told = |error: Error| error.to_string();
    let forced = || RemoveImageOptionsBuilder::default().force(true).build();
    let stands = |tag: &&String| renewing.tags.get(*tag).is_some_and(|known| known.id == id);
    let wanted = tags.iter().any(|tag| stands(&tag));
    let known = renewing.tags.values().any(|image| image.id == id) || renewing.left.built.contains(id);
    if !wanted && !known {
        engine
            .docker
            .remove_image(id, Some(forced()), None)
            .await
            .map_err(told)?;
        return Ok(());
    }
    for tag in tags.iter().filter(|tag| !stands(tag) && *tag != "<none>:<none>") {
        // An image that the run built lives on in the build cache when its only name goes.
        engine
            .docker
            .remove_image(tag, Some(forced()), None)
            .await
            .map_err(told)?;
    }
    Ok(())
}

/// A tag that was led elsewhere names its own image again, when that is still there.
async fn restore(engine: &Engine, tag: &RootImage) {
    let Ok(there) = engine.docker.inspect_image(&tag.id).await else {
        return;
    };
    if there.repo_tags.unwrap_or_default().contains(&tag.name) {
        return;
    }
    let Some((repository, version)) = tag.name.rsplit_once(':').filter(|(_, version)| !version.contains('/')) else {
        return;
    };
    let options = TagImageOptionsBuilder::default().repo(repository).tag(version).build();
    if let Err(error) = engine.docker.tag_image(&tag.id, Some(options)).await {
        tracing::debug!(%error, name = tag.name, "a tag could not be restored");
    }
}

/// Every tag of a cell that nobody has used yet: what the operator's images are called.
pub(super) async fn tags_of(engine: &Engine) -> Result<Vec<RootImage>, Error> {
    let images = engine
        .docker
        .list_images(Some(ListImagesOptionsBuilder::default().build()))
        .await?;
    let mut tags: HashMap<String, RootImage> = HashMap::new();
    for image in images {
        for name in image.repo_tags.iter().filter(|tag| *tag != "<none>:<none>") {
            let tag = RootImage {
                name: name.clone(),
                id: image.id.clone(),
                private: false,
                operators: true,
            };
            tags.insert(name.clone(), tag);
        }
    }
    let mut tags: Vec<RootImage> = tags.into_values().collect();
    tags.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(tags)
}
