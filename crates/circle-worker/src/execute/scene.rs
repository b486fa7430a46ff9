//! What is left of a stage that failed, for somebody who wants to look.

use std::sync::{Arc, Mutex, PoisonError};

use circle_core::plan::Shell;

/// Where a job ran. The environment is the job's without its secrets.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    /// The stage's name.
    pub(crate) stage: String,
    /// Its container, which has ended.
    pub(crate) container: String,
    /// The image that it was of, for people.
    pub(crate) image: String,
    /// The job's view of the checkout, as the engine sees it, with what the job wrote.
    pub(crate) view: Option<String>,
    /// The engine's name of its network.
    pub(crate) network: String,
    pub(crate) user: Option<String>,
    pub(crate) directory: String,
    pub(crate) environment: Vec<String>,
    pub(crate) shell: Shell,
}

/// The scene of the stage that runs, if cells of failed stages are kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct SceneSlot(Arc<Mutex<Option<Scene>>>);

impl SceneSlot {
    /// A job begins.
    pub(crate) fn set(&self, scene: Scene) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(scene);
    }

    /// A stage succeeded: there is nothing to look at.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Takes it out.
    pub(crate) fn take(&self) -> Option<Scene> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
