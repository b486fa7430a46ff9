//! A sink that keeps everything in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use circle_api::worker::frames::Mark;
use circle_core::run::{StoredOutput, WorkerEvent};
use circle_worker::{Sink, SinkError};
use sha2::{Digest, Sha256};

/// Keeps what it is told; outputs lie in a folder.
#[derive(Debug)]
pub(crate) struct MemorySink {
    folder: PathBuf,
    pub(crate) events: Mutex<Vec<WorkerEvent>>,
    logs: Mutex<BTreeMap<String, Vec<u8>>>,
    pub(crate) marks: Mutex<Vec<(String, usize, Mark)>>,
}

impl MemorySink {
    pub(crate) fn new(folder: PathBuf) -> Self {
        std::fs::create_dir_all(&folder).expect("a folder for outputs");
        Self {
            folder,
            events: Mutex::default(),
            logs: Mutex::default(),
            marks: Mutex::default(),
        }
    }

    /// A stage's log.
    pub(crate) fn log(&self, stage: &str) -> String {
        String::from_utf8_lossy(&self.bytes(stage)).into_owned()
    }

    pub(crate) fn bytes(&self, stage: &str) -> Vec<u8> {
        self.logs.lock().expect("logs").get(stage).cloned().unwrap_or_default()
    }

    /// Everything, for messages.
    pub(crate) fn all(&self) -> String {
        let logs = self.logs.lock().expect("logs");
        let logs: String = logs
            .iter()
            .map(|(stage, log)| format!("--- {stage}\n{}", String::from_utf8_lossy(log)))
            .collect();
        format!("{logs}--- events\n{:#?}", self.events.lock().expect("events"))
    }

    /// Titles of a stage's groups with the exit codes of their ends.
    pub(crate) fn groups(&self, stage: &str) -> Vec<(String, Option<i64>)> {
        let marks = self.marks.lock().expect("marks");
        let mut groups = Vec::new();
        for (_, _, mark) in marks.iter().filter(|(of, ..)| of == stage) {
            if let Mark::Begin { group, title } = mark {
                let end = marks.iter().find_map(|(of, _, mark)| match mark {
                    Mark::End {
                        group: ended,
                        exit_code,
                        ..
                    } if ended == group && of == stage => Some(*exit_code),
                    _ => None,
                });
                groups.push((title.clone(), end.flatten()));
            }
        }
        groups
    }

    /// What a stage kept.
    pub(crate) fn kept(&self, stage: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(stage)).expect("kept outputs")
    }
}

#[async_trait]
impl Sink for MemorySink {
    async fn event(&self, event: WorkerEvent) {
        self.events.lock().expect("events").push(event);
    }

    async fn output(&self, stage: &str, bytes: Bytes) {
        self.logs
            .lock()
            .expect("logs")
            .entry(stage.to_owned())
            .or_default()
            .extend_from_slice(&bytes);
    }

    async fn mark(&self, stage: &str, mark: Mark) {
        let offset = self.bytes(stage).len();
        self.marks.lock().expect("marks").push((stage.to_owned(), offset, mark));
    }

    async fn store(&self, stage: &str, tar: &Path) -> Result<StoredOutput, SinkError> {
        let bytes = std::fs::read(tar)?;
        std::fs::write(self.folder.join(stage), &bytes)?;
        Ok(StoredOutput {
            digest: format!("sha256:{}", hex::encode(Sha256::digest(&bytes))),
            bytes: bytes.len() as u64,
        })
    }

    async fn fetch(&self, stage: &str, tar: &Path) -> Result<(), SinkError> {
        std::fs::copy(self.folder.join(stage), tar)?;
        Ok(())
    }
}
