//! The adapter's public face.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::append::{Failure, append, write_durably};
use super::follow::EmbeddedFollow;
use super::io_error::at;
use super::layout::{CLOSED_FILE, Layout, sync_folder};
use super::load::load;
use super::marks::read_marks;
use super::pack::{pack_stream, remove_original};
use super::read::{Limits, read_slice};
use super::source::Source;
use super::state::{RunHandle, RunState};
use super::still::StillLogs;
use crate::FolderLockError;
use crate::folder_lock::FolderLock;
use crate::logs::chunk::check_run;
use crate::logs::{
    Appended, Entry, Follow, LogArchive, LogBus, LogError, MarkAt, MarksQuery, Read, Slice, StreamInfo, check_batch,
};

/// Runs whose few numbers are kept in memory when nobody uses them.
const KEPT_RUNS: usize = 256;
/// Calls that touch the disk at the same time: with the bounds of a batch and a slice it bounds their memory.
const CALLS: usize = 16;
/// Runs that are compressed at the same time: it takes a core each, and nobody waits for it.
const PACKS: usize = 1;
/// How often a reader looks again when a run is moved under its hands: it is moved once a stream and once at the end.
const LOOKS: usize = 8;

/// Logs in a folder: [`LogBus`] and [`LogArchive`] on the same files. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EmbeddedLogs {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    layout: Layout,
    runs: Mutex<HashMap<String, Arc<RunHandle>>>,
    calls: Arc<Semaphore>,
    packs: Arc<Semaphore>,
    growth: AtomicU64,
    _lock: FolderLock,
}

/// A run that was not closed and compressed to the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedRun {
    /// Which run.
    pub run: String,
    /// Nothing may be appended to it; closing it again finishes the work.
    pub closed: bool,
}

/// What a follower wants to know.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) newest: Option<StreamInfo>,
    pub(super) closed: bool,
}

impl EmbeddedLogs {
    /// Opens or makes the logs of a folder and repairs what a crash has torn. Blocks.
    pub fn open(folder: &Path) -> Result<Self, LogOpenError> {
        let lock = FolderLock::take(folder)?;
        let layout = Layout::make(folder).map_err(at(folder))?;
        let shared = Shared {
            layout,
            runs: Mutex::default(),
            calls: Arc::new(Semaphore::new(CALLS)),
            packs: Arc::new(Semaphore::new(PACKS)),
            growth: AtomicU64::new(0),
            _lock: lock,
        };
        let logs = Self {
            shared: Arc::new(shared),
        };
        for unfinished in logs.shared.unfinished()? {
            // Damage in one run must not keep the others from their work; it is told again to who reads that run.
            if let Err(error) = load(&logs.shared.layout, &unfinished.run) {
                tracing::error!(run = unfinished.run, %error, "the log of a run cannot be repaired");
            }
        }
        Ok(logs)
    }

    /// The runs that are not compressed yet: a reconciler closes those that have ended.
    pub async fn unfinished(&self) -> Result<Vec<UnfinishedRun>, LogError> {
        self.blocking(|shared| shared.unfinished()).await
    }

    /// Waits for what is being compressed, then keeps every file in its place until the value is dropped.
    pub async fn hold_still(&self) -> Result<StillLogs, LogError> {
        let every = u32::try_from(PACKS).unwrap_or(u32::MAX);
        let turn = Arc::clone(&self.shared.packs).acquire_many_owned(every).await;
        let turn = turn.map_err(|error| LogError::Unavailable {
            reason: error.to_string(),
        })?;
        Ok(StillLogs::new(self.clone(), turn))
    }

    /// What `list` finds in the state of a run, with the folder of all logs.
    pub(super) async fn with_files<T: Send + 'static>(
        &self,
        run: &str,
        list: impl FnOnce(&Path, &RunState) -> T + Send + 'static,
    ) -> Result<T, LogError> {
        check_run(run)?;
        let handle = self.shared.handle(run);
        self.blocking(move |shared| shared.with_state(&handle, |state| Ok(list(shared.layout.root(), state))))
            .await
    }

    pub(super) async fn look(&self, handle: &Arc<RunHandle>, stage: &str) -> Result<Look, LogError> {
        let (handle, stage) = (Arc::clone(handle), stage.to_owned());
        self.blocking(move |shared| {
            shared.with_state(&handle, |state| {
                let newest = state.newest(&stage).map(|stream| state.info(stream));
                Ok(Look {
                    newest,
                    closed: state.closed || state.removed,
                })
            })
        })
        .await
    }

    /// Runs `work` on a thread that may block, when it is its turn.
    async fn blocking<T, W>(&self, work: W) -> Result<T, LogError>
    where
        T: Send + 'static,
        W: FnOnce(&Shared) -> Result<T, LogError> + Send + 'static,
    {
        self.blocking_at(&self.shared.calls, work).await
    }

    async fn blocking_at<T, W>(&self, gate: &Arc<Semaphore>, work: W) -> Result<T, LogError>
    where
        T: Send + 'static,
        W: FnOnce(&Shared) -> Result<T, LogError> + Send + 'static,
    {
        let unavailable = |reason: String| LogError::Unavailable { reason };
        let turn = Arc::clone(gate)
            .acquire_owned()
            .await
            .map_err(|error| unavailable(error.to_string()))?;
        let shared = Arc::clone(&self.shared);
        let task = tokio::task::spawn_blocking(move || {
            let result = work(&shared);
            drop(turn);
            result
        });
        task.await
            .map_err(|error| unavailable(format!("a call did not finish: {error}")))?
    }
}

/// Why the logs of a folder did not open.
#[derive(Debug, thiserror::Error)]
pub enum LogOpenError {
    /// The folder is in use or cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderLockError),
    /// The folder cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
}

#[async_trait]
impl LogBus for EmbeddedLogs {
    async fn append(&self, run: &str, batch: Vec<Entry>) -> Result<Appended, LogError> {
        check_batch(run, &batch)?;
        let handle = self.shared.handle(run);
        self.blocking(move |shared| shared.append(&handle, batch)).await
    }

    async fn follow(&self, run: &str, stage: &str, from: u64) -> Result<Box<dyn Follow>, LogError> {
        check_run(run)?;
        Ok(Box::new(EmbeddedFollow::new(
            self.clone(),
            self.shared.handle(run),
            stage,
            from,
        )))
    }

    async fn grown(&self, run: &str, seen: u64) -> Result<u64, LogError> {
        check_run(run)?;
        let handle = self.shared.handle(run);
        let mut growth = handle.growth.subscribe();
        let now = growth.wait_for(|now| *now != seen).await;
        now.map(|now| *now).map_err(|_| LogError::Closed)
    }

    async fn close(&self, run: &str) -> Result<(), LogError> {
        check_run(run)?;
        let handle = self.shared.handle(run);
        let closing = Arc::clone(&handle);
        self.blocking(move |shared| shared.mark_closed(&closing)).await?;
        self.blocking_at(&self.shared.packs, move |shared| shared.pack(&handle))
            .await
    }
}

#[async_trait]
impl LogArchive for EmbeddedLogs {
    async fn read(&self, read: Read) -> Result<Slice, LogError> {
        check_run(&read.run)?;
        let handle = self.shared.handle(&read.run);
        self.blocking(move |shared| shared.read(&handle, &read)).await
    }

    async fn streams(&self, run: &str) -> Result<Vec<StreamInfo>, LogError> {
        check_run(run)?;
        let handle = self.shared.handle(run);
        self.blocking(move |shared| {
            shared.with_state(&handle, |state| {
                Ok(state.streams.iter().map(|stream| state.info(stream)).collect())
            })
        })
        .await
    }

    async fn marks(&self, run: &str, query: MarksQuery) -> Result<Vec<MarkAt>, LogError> {
        check_run(run)?;
        let handle = self.shared.handle(run);
        self.blocking(move |shared| {
            // Read under the lock: the folder stays where it is, and appends wait for a file of a few pages.
            shared.with_state(&handle, |state| read_marks(&state.folder, state.marks_end, &query))
        })
        .await
    }

    async fn remove(&self, run: &str) -> Result<(), LogError> {
        check_run(run)?;
        let handle = self.shared.handle(run);
        self.blocking(move |shared| shared.remove(&handle)).await
    }
}

impl Shared {
    fn handle(&self, run: &str) -> Arc<RunHandle> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if runs.len() >= KEPT_RUNS && !runs.contains_key(run) {
            runs.retain(|_, handle| Arc::strong_count(handle) > 1);
        }
        let make = || Arc::new(RunHandle::new(run, self.next_growth()));
        Arc::clone(runs.entry(run.to_owned()).or_insert_with(make))
    }

    fn next_growth(&self) -> u64 {
        self.growth.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn with_state<T>(
        &self,
        handle: &RunHandle,
        work: impl FnOnce(&mut RunState) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let mut state = handle.lock();
        let loaded = match state.take() {
            Some(loaded) => loaded,
            None => load(&self.layout, &handle.run)?,
        };
        work(state.insert(loaded))
    }

    fn append(&self, handle: &RunHandle, batch: Vec<Entry>) -> Result<Appended, LogError> {
        let mut state = handle.lock();
        let mut loaded = match state.take() {
            Some(loaded) => loaded,
            None => load(&self.layout, &handle.run)?,
        };
        let appended = append(&mut loaded, batch);
        // After a failure that leaves open what is on the disk the run is loaded again before anything else happens.
        if !matches!(appended, Err(Failure::Unknown(_))) {
            *state = Some(loaded);
        }
        drop(state);
        match appended {
            Ok(appended) => {
                handle.growth.send_replace(self.next_growth());
                Ok(appended)
            }
            Err(Failure::Clean(error) | Failure::Unknown(error)) => Err(error),
        }
    }

    fn read(&self, handle: &RunHandle, read: &Read) -> Result<Slice, LogError> {
        let limits = Limits::new(read.limit_bytes, read.limit_lines);
        for _ in 0..LOOKS {
            let (folder, stream, complete) = self.with_state(handle, |state| {
                let stream = state.stream(&read.stage, read.attempt).ok_or(LogError::Missing)?;
                Ok((state.folder.clone(), stream.clone(), state.is_complete(stream)))
            })?;
            if let Some(source) = Source::open(&folder, &stream)? {
                return read_slice(&source, &stream, read.from, limits, complete);
            }
        }
        Err(LogError::Missing)
    }

    /// From here on nothing is appended and followers come to the end.
    fn mark_closed(&self, handle: &RunHandle) -> Result<(), LogError> {
        self.with_state(handle, |state| {
            if !state.closed && !state.removed && state.folder.is_dir() {
                let path = state.folder.join(CLOSED_FILE);
                write_durably(&path, b"").map_err(at(&path))?;
                state.closed = true;
            }
            Ok(())
        })?;
        handle.growth.send_replace(self.next_growth());
        Ok(())
    }

    /// Compresses a closed run and moves it to its last place.
    fn pack(&self, handle: &RunHandle) -> Result<(), LogError> {
        let _packing = handle.packing.lock().unwrap_or_else(PoisonError::into_inner);
        let open = self.with_state(handle, |state| Ok(state.clone()))?;
        if !open.closed || open.done || open.removed {
            return Ok(());
        }
        for stream in open.streams.iter().filter(|stream| !stream.packed) {
            // Nothing is appended any more, so this runs beside the readers.
            let packed = pack_stream(&open.folder, stream)?;
            self.with_state(handle, |state| {
                state
                    .streams
                    .iter_mut()
                    .filter(|other| other.number == packed.number)
                    .for_each(|other| {
                        *other = packed.clone();
                    });
                remove_original(&state.folder, packed.number)
            })?;
        }
        self.with_state(handle, |state| self.settle(&handle.run, state))
    }

    /// Moves a compressed run to its last place.
    fn settle(&self, run: &str, state: &mut RunState) -> Result<(), LogError> {
        if state.removed {
            return Ok(());
        }
        let done = self.layout.done_run(run);
        let shard = done.parent().unwrap_or(&done);
        let moved = std::fs::create_dir_all(shard)
            .and_then(|()| shard.parent().map_or(Ok(()), sync_folder))
            .and_then(|()| std::fs::rename(&state.folder, &done))
            .and_then(|()| sync_folder(shard))
            .and_then(|()| sync_folder(&self.layout.live()));
        moved.map_err(at(&done))?;
        state.folder = done;
        state.done = true;
        Ok(())
    }

    fn remove(&self, handle: &RunHandle) -> Result<(), LogError> {
        let _packing = handle.packing.lock().unwrap_or_else(PoisonError::into_inner);
        self.with_state(handle, |state| {
            let trash = self.layout.trash();
            let grave = trash.join(format!("{}-{}", handle.run, self.next_growth()));
            if state.folder.is_dir() {
                let gone = std::fs::create_dir_all(&trash)
                    .and_then(|()| std::fs::rename(&state.folder, &grave))
                    .and_then(|()| std::fs::remove_dir_all(&grave));
                gone.map_err(at(&state.folder))?;
            }
            *state = RunState {
                removed: true,
                ..RunState::fresh(self.layout.live_run(&handle.run))
            };
            Ok(())
        })?;
        handle.growth.send_replace(self.next_growth());
        Ok(())
    }

    fn unfinished(&self) -> Result<Vec<UnfinishedRun>, LogError> {
        let live = self.layout.live();
        let mut runs = Vec::new();
        for entry in std::fs::read_dir(&live).map_err(at(&live))? {
            let entry = entry.map_err(at(&live))?;
            let Ok(run) = entry.file_name().into_string() else {
                continue;
            };
            if check_run(&run).is_ok() && entry.path().is_dir() {
                runs.push(UnfinishedRun {
                    run,
                    closed: entry.path().join(CLOSED_FILE).exists(),
                });
            }
        }
        runs.sort_by(|left, right| left.run.cmp(&right.run));
        Ok(runs)
    }
}
