//! What a run leaves in its cell that the next one may find again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use circle_core::roots::{RootImage, RootNote};

/// What an execution used and made, while it goes on: from it the cell is cleaned before it becomes a root.
#[derive(Debug, Default)]
pub struct Traces {
    /// What the root holds that the cell began from; `None` = the operator's images, or nothing.
    began: Option<RootNote>,
    left: Mutex<Left>,
}

/// What is worth keeping of a cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// Tags that this run resolved, as the engine spells them.
    pub(crate) images: BTreeMap<String, RootImage>,
    /// Ids of images that it built.
    pub(crate) built: BTreeSet<String>,
    /// Keys of the cache folders that it used.
    pub(crate) caches: BTreeSet<String>,
}

impl Traces {
    /// Of a run whose cell began from a root with this in it.
    pub fn beginning_from(began: Option<RootNote>) -> Self {
        Self {
            began,
            left: Mutex::default(),
        }
    }

    /// What the cell's root held.
    pub(crate) fn began(&self) -> Option<&RootNote> {
        self.began.as_ref()
    }

    /// A tag was resolved by this run, against its registry or the operator's images.
    pub(crate) fn resolved(&self, image: RootImage) {
        self.left().images.insert(image.name.clone(), image);
    }

    pub(crate) fn built(&self, id: &str) {
        self.left().built.insert(id.to_owned());
    }

    pub(crate) fn cached(&self, key: &str) {
        self.left().caches.insert(key.to_owned());
    }

    /// What is worth keeping by now.
    pub(crate) fn all(&self) -> Left {
        self.left().clone()
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
