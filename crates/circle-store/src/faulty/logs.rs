//! Logs that fail on purpose.

use std::sync::Arc;

use async_trait::async_trait;

use super::Plan;
use crate::logs::{Appended, Entry, Follow, LogArchive, LogBus, LogError, MarkAt, MarksQuery, Read, Slice, StreamInfo};

/// Any logs with a plan before them. Operations: the methods of [`LogBus`] but `grown`, and of [`LogArchive`].
#[derive(Clone, Debug)]
pub struct FaultyLogs {
    bus: Arc<dyn LogBus>,
    archive: Arc<dyn LogArchive>,
    plan: Plan,
}

impl FaultyLogs {
    /// Puts a plan before both ports.
    pub fn new(bus: Arc<dyn LogBus>, archive: Arc<dyn LogArchive>, plan: Plan) -> Self {
        Self { bus, archive, plan }
    }
}

fn lost() -> LogError {
    LogError::Unavailable {
        reason: "a fault that was planned".to_owned(),
    }
}

#[async_trait]
impl LogBus for FaultyLogs {
    async fn append(&self, run: &str, batch: Vec<Entry>) -> Result<Appended, LogError> {
        self.plan.run("append", lost, self.bus.append(run, batch)).await
    }

    async fn follow(&self, run: &str, stage: &str, from: u64) -> Result<Box<dyn Follow>, LogError> {
        self.plan.run("follow", lost, self.bus.follow(run, stage, from)).await
    }

    async fn grown(&self, run: &str, seen: u64) -> Result<u64, LogError> {
        self.bus.grown(run, seen).await
    }

    async fn close(&self, run: &str) -> Result<(), LogError> {
        self.plan.run("close", lost, self.bus.close(run)).await
    }
}

#[async_trait]
impl LogArchive for FaultyLogs {
    async fn read(&self, read: Read) -> Result<Slice, LogError> {
        self.plan.run("read", lost, self.archive.read(read)).await
    }

    async fn streams(&self, run: &str) -> Result<Vec<StreamInfo>, LogError> {
        self.plan.run("streams", lost, self.archive.streams(run)).await
    }

    async fn marks(&self, run: &str, query: MarksQuery) -> Result<Vec<MarkAt>, LogError> {
        self.plan.run("marks", lost, self.archive.marks(run, query)).await
    }

    async fn remove(&self, run: &str) -> Result<(), LogError> {
        self.plan.run("remove", lost, self.archive.remove(run)).await
    }
}
