//! A few connections that read beside the writer: one for what is short, at the caller's own place, the others on threads
//! that may block.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection::open_reader;
use super::sqlite_error::sql;
use crate::records::StoreError;

/// Reads on threads at the same time; more wait for their turn.
const READERS: usize = 3;

/// Opens connections when first needed and keeps them.
pub(super) struct Readers {
    path: PathBuf,
    near: Mutex<Option<Connection>>,
    turns: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            near: Mutex::new(None),
            turns: Arc::new(Semaphore::new(READERS)),
            idle: Arc::default(),
        }
    }

    /// Runs work: at the caller's place when it is short, on a thread otherwise.
    pub(super) async fn run<T, W>(&self, is_short: bool, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        if is_short {
            self.glance(work).await
        } else {
            self.read(work).await
        }
    }

    /// Runs short work where the caller is, unless another is being run so: then on a thread.
    ///
    /// Pages that the kernel has in memory are read in less time than waking a thread takes. A page that has to come from a
    /// slow disk holds up the caller's thread, and because of the one place it holds up no second one (ADR 016).
    pub(super) async fn glance<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match self.at_once(work) {
            Ok(result) => result,
            Err(work) => self.read(work).await,
        }
    }

    /// Gives the work back if the place is taken.
    fn at_once<T, W>(&self, work: W) -> Result<Result<T, StoreError>, W>
    where
        W: FnOnce(&Connection) -> Result<T, StoreError>,
    {
        let mut near = match self.near.try_lock() {
            Ok(near) => near,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(work),
        };
        let connection = near.take().map_or_else(|| open_reader(&self.path).map_err(sql), Ok);
        Ok(connection.and_then(|connection| work(near.insert(connection))))
    }

    /// Runs `work` on a thread that may block.
    pub(super) async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let gone = |reason: &str| StoreError::Unavailable {
            reason: reason.to_owned(),
        };
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|_| gone("the store was closed"))?;
        let (idle, path) = (Arc::clone(&self.idle), self.path.clone());
        let task = tokio::task::spawn_blocking(move || {
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = kept.map_or_else(|| open_reader(&path).map_err(sql), Ok)?;
            let result = work(&connection);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            drop(turn);
            result
        });
        task.await
            .map_err(|error| gone(&format!("a read did not finish: {error}")))?
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Readers")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
