//! The keeper of the roots of one storage.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::decide::{may_promote, next_to_go};
use super::index::Index;
use super::{KeptRoot, NotPromoted, Promotion, RootName, RootStamp, RootTally};
use crate::CellId;
use crate::storage::{Kept, Storage};

/// A root is the same for all who hold it; it is removed when it was replaced and nobody does.
pub(crate) type Borrowed = Arc<RootStamp>;

/// The roots of one storage: which there are, who uses them, and the swap of one for its successor.
#[derive(Debug)]
pub(crate) struct Roots {
    storage: Arc<dyn Storage>,
    /// What all roots together may take.
    quota_bytes: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    index: Index,
    /// Who uses the present generation of each name.
    lent: BTreeMap<RootName, Borrowed>,
    /// Generations that go when nobody holds them: those that were replaced while cells used them, and those that are
    /// being made, which their maker holds until they are in the index.
    retired: Vec<Borrowed>,
}

impl Roots {
    /// Reads the index and removes what it does not know: half a promotion, or a generation that was replaced.
    pub(crate) async fn open(storage: Arc<dyn Storage>, quota_bytes: u64) -> io::Result<Self> {
        let mut index = Index::read(storage.folder());
        let kept = storage.kept().await?;
        index.roots.retain(|root| kept.contains(&kept_of(&root.stamp)));
        for orphan in kept {
            if !index.roots.iter().any(|root| kept_of(&root.stamp) == orphan) {
                tracing::info!(root = orphan.0, "a kept root that no index names is removed");
                storage.forget(&orphan).await?;
            }
        }
        Ok(Self {
            storage,
            quota_bytes,
            state: Mutex::new(State {
                index,
                ..State::default()
            }),
        })
    }

    /// Says what roots are to be made on from now on. Those that were made on other ground are removed.
    pub(crate) async fn settle(&self, ground: &str) -> io::Result<()> {
        let gone: Vec<RootName> = {
            let mut state = self.state();
            let foreign = state.index.ground != ground;
            ground.clone_into(&mut state.index.ground);
            let roots = state.index.roots.iter().filter(|_| foreign);
            roots.map(|root| root.stamp.name.clone()).collect()
        };
        for name in gone {
            self.forget(&name).await?;
        }
        self.state().index.write(self.storage.folder())
    }

    /// Borrows a root for a cell.
    pub(crate) fn borrow(&self, name: &RootName) -> Option<Borrowed> {
        let mut state = self.state();
        let stamp = state.index.find(name)?.stamp.clone();
        Some(
            state
                .lent
                .entry(name.clone())
                .or_insert_with(|| Arc::new(stamp))
                .clone(),
        )
    }

    /// A root that is there now.
    pub(crate) fn find(&self, name: &RootName) -> Option<KeptRoot> {
        self.state().index.find(name).cloned()
    }

    /// Every root, with how often it was asked for; names without a root as well.
    pub(crate) fn list(&self) -> (Vec<KeptRoot>, BTreeMap<RootName, RootTally>) {
        let state = self.state();
        (state.index.roots.clone(), state.index.tallies.clone())
    }

    /// Counts a run that wished for a root. It is on a run's way, so it is written with the next change only.
    pub(crate) fn count(&self, name: &RootName, hit: bool) {
        self.state().index.count(name, hit, now());
    }

    /// Writes what was counted.
    pub(crate) fn write(&self) -> io::Result<()> {
        self.state().index.write(self.storage.folder())
    }

    /// Whether a promotion would be taken now.
    pub(crate) fn may_promote(&self, began: Option<&RootStamp>, wish: &Promotion) -> Result<(), NotPromoted> {
        let keeps = self.storage.facts().keeps;
        may_promote(keeps, &self.state().index.roots, began, wish)
    }

    /// Makes the disk of a dead cell the next generation of a root.
    pub(crate) async fn promote(
        &self,
        cell: &CellId,
        began: Option<&RootStamp>,
        wish: Promotion,
    ) -> Result<RootStamp, NotPromoted> {
        let failed = |error: io::Error| NotPromoted::Failed(error.to_string());
        self.may_promote(began, &wish)?;
        let pending = self.reserve(&wish.name).map_err(failed)?;
        let stamp = RootStamp::clone(&pending);
        self.storage.keep(cell, &kept_of(&stamp)).await.map_err(failed)?;
        let swapped = self.swap(began, &wish, &stamp);
        drop(pending);
        self.tidy().await.map_err(failed)?;
        swapped.map(|()| stamp)
    }

    /// Takes the next generation's number, so that two promotions side by side never keep under one name. When the
    /// promotion breaks off, the generation goes.
    fn reserve(&self, name: &RootName) -> io::Result<Borrowed> {
        let mut state = self.state();
        let stamp = Arc::new(state.index.next(name));
        state.index.last.insert(name.clone(), stamp.generation);
        state.index.write(self.storage.folder())?;
        state.retired.push(stamp.clone());
        Ok(stamp)
    }

    /// The one moment in which the root changes.
    fn swap(&self, began: Option<&RootStamp>, wish: &Promotion, stamp: &RootStamp) -> Result<(), NotPromoted> {
        let mut state = self.state();
        may_promote(self.storage.facts().keeps, &state.index.roots, began, wish)?;
        let mut index = state.index.clone();
        let before = index.put(KeptRoot {
            stamp: stamp.clone(),
            order: wish.order,
            label: wish.label.clone(),
            note: wish.note.clone(),
            total_bytes: 0,
            own_bytes: 0,
            made_at: now(),
            used_at: now(),
        });
        index
            .write(self.storage.folder())
            .map_err(|error| NotPromoted::Failed(error.to_string()))?;
        state.index = index;
        state.retired.retain(|pending| **pending != *stamp);
        state.retire(before);
        Ok(())
    }

    /// Removes a root; cells that began from it live on. Says whether there was one.
    pub(crate) async fn forget(&self, name: &RootName) -> io::Result<bool> {
        let found = {
            let mut state = self.state();
            let taken = state.index.take(name);
            let found = taken.is_some();
            if found {
                state.index.write(self.storage.folder())?;
            }
            state.retire(taken);
            found
        };
        self.tidy_retired().await?;
        Ok(found)
    }

    /// Looks at the sizes, and removes roots until all of them take no more than they may.
    pub(crate) async fn tidy(&self) -> io::Result<Vec<RootName>> {
        let mut gone = Vec::new();
        loop {
            self.tidy_retired().await?;
            self.measure().await?;
            let next = next_to_go(&self.state().index.roots, self.quota_bytes);
            let Some(name) = next else { return Ok(gone) };
            tracing::info!(root = %name, "the roots take more than they may; the one used longest ago goes");
            self.forget(&name).await?;
            gone.push(name);
        }
    }

    async fn measure(&self) -> io::Result<()> {
        let stamps: Vec<RootStamp> = self.state().index.roots.iter().map(|root| root.stamp.clone()).collect();
        for stamp in stamps {
            // One that was replaced meanwhile has no size any more.
            let Ok(size) = self.storage.size_of(&kept_of(&stamp)).await else {
                continue;
            };
            let mut state = self.state();
            if let Some(root) = state.index.roots.iter_mut().find(|root| root.stamp == stamp) {
                (root.total_bytes, root.own_bytes) = (size.total_bytes, size.own_bytes);
            }
        }
        self.state().index.write(self.storage.folder())
    }

    /// Removes replaced generations that nobody uses any more.
    pub(crate) async fn tidy_retired(&self) -> io::Result<()> {
        let unused: Vec<Borrowed> = {
            let mut state = self.state();
            let (unused, used) = std::mem::take(&mut state.retired)
                .into_iter()
                .partition(|stamp| Arc::strong_count(stamp) == 1);
            state.retired = used;
            unused
        };
        for stamp in unused {
            self.storage.forget(&kept_of(&stamp)).await?;
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn retire(&mut self, root: Option<KeptRoot>) {
        if let Some(root) = root {
            let lent = self.lent.remove(&root.stamp.name);
            self.retired.push(lent.unwrap_or_else(|| Arc::new(root.stamp)));
        }
    }
}

/// The disk of a generation.
pub(crate) fn kept_of(stamp: &RootStamp) -> Kept {
    Kept(stamp.to_string())
}

/// In seconds since 1970.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
