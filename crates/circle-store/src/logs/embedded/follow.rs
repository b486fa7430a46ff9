//! Following: read what is there, wait for growth, read on.

use async_trait::async_trait;
use tokio::sync::watch;

use std::sync::Arc;

use super::logs::EmbeddedLogs;
use super::state::RunHandle;
use crate::logs::{Follow, Followed, LogArchive, LogError, Place, Read};

/// A place in the newest attempt of a stage.
#[derive(Debug)]
pub(super) struct EmbeddedFollow {
    logs: EmbeddedLogs,
    handle: Arc<RunHandle>,
    growth: watch::Receiver<u64>,
    stage: String,
    attempt: Option<u32>,
    offset: u64,
}

impl EmbeddedFollow {
    pub(super) fn new(logs: EmbeddedLogs, handle: Arc<RunHandle>, stage: &str, offset: u64) -> Self {
        let growth = handle.growth.subscribe();
        Self {
            logs,
            handle,
            growth,
            stage: stage.to_owned(),
            attempt: None,
            offset,
        }
    }

    /// What can be said now; `None` to wait.
    async fn look(&mut self) -> Result<Option<Followed>, LogError> {
        let seen = self.logs.look(&self.handle, &self.stage).await?;
        let Some(newest) = seen.newest else {
            return Ok(seen.closed.then_some(Followed::End));
        };
        let attempt = newest.stream.attempt;
        if *self.attempt.get_or_insert(attempt) != attempt {
            self.attempt = Some(attempt);
            self.offset = 0;
            return Ok(Some(Followed::Superseded { attempt }));
        }
        if newest.length > self.offset {
            let read = Read::new(&self.handle.run, &self.stage, Place::Byte(self.offset)).attempt(attempt);
            let slice = self.logs.read(read).await?;
            self.offset = slice.next_offset();
            return Ok(Some(Followed::Bytes { attempt, slice }));
        }
        Ok(newest.complete.then_some(Followed::End))
    }
}

#[async_trait]
impl Follow for EmbeddedFollow {
    async fn next(&mut self) -> Result<Followed, LogError> {
        loop {
            // Marked as seen before looking, so that what comes in between wakes at once.
            self.growth.borrow_and_update();
            if let Some(followed) = self.look().await? {
                return Ok(followed);
            }
            if self.growth.changed().await.is_err() {
                return Ok(Followed::End);
            }
        }
    }
}
