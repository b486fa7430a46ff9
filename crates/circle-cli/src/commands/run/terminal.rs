//! Tells a terminal what happens, as it happens; and hands out the working tree.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use circle_api::worker::frames::Mark;
use circle_core::run::{StoredOutput, WorkerEvent};
use circle_worker::{Sink, SinkError};
use serde_json::json;

use super::tree::Tree;
use crate::printer::Printer;
use crate::progress::LocalStory;

/// A sink that prints.
#[derive(Debug)]
pub(super) struct Terminal {
    printer: Printer,
    tree: Tree,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    story: LocalStory,
    /// The first failure of standard output; nothing is printed after it.
    broken: Option<anyhow::Error>,
}

impl Terminal {
    pub(super) fn new(printer: Printer, tree: Tree) -> Self {
        let story = LocalStory::new(printer.paint);
        Self {
            printer,
            tree,
            state: Mutex::new(State { story, broken: None }),
        }
    }

    /// Prints what has no newline yet; tells whether everything was printed.
    pub(super) fn end(&self) -> anyhow::Result<()> {
        self.tell(&serde_json::Value::Null, LocalStory::end);
        match self.state().broken.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, event: &serde_json::Value, story: impl FnOnce(&mut LocalStory) -> Vec<String>) {
        let mut state = self.state();
        if state.broken.is_some() {
            return;
        }
        let printed = if self.printer.json {
            if event.is_null() {
                Ok(())
            } else {
                self.printer.event(event)
            }
        } else {
            let lines = story(&mut state.story);
            lines.iter().try_for_each(|line| self.printer.line(line))
        };
        state.broken = printed.err();
    }
}

#[async_trait]
impl Sink for Terminal {
    async fn event(&self, event: WorkerEvent) {
        self.tell(&json!({ "event": "run", "what": event }), |story| story.event(&event));
    }

    async fn output(&self, stage: &str, bytes: Bytes) {
        let text = String::from_utf8_lossy(&bytes);
        self.tell(&json!({ "event": "log", "stage": stage, "text": text }), |story| {
            story.output(stage, &bytes)
        });
    }

    async fn mark(&self, stage: &str, mark: Mark) {
        let told = match &mark {
            Mark::Begin { group, title } => json!({ "event": "begin", "stage": stage, "group": group, "title": title }),
            Mark::End {
                group,
                exit_code,
                duration_ms,
            } => {
                json!({ "event": "end", "stage": stage, "group": group, "exit_code": exit_code, "duration_ms": duration_ms })
            }
        };
        self.tell(&told, |story| story.mark(stage, &mark));
    }

    /// Nobody reruns a local run from a stage: nothing is kept.
    async fn store(&self, _stage: &str, tar: &Path) -> Result<StoredOutput, SinkError> {
        let bytes = tokio::fs::metadata(tar).await?.len();
        Ok(StoredOutput {
            digest: "this run's alone".to_owned(),
            bytes,
        })
    }

    async fn fetch(&self, stage: &str, tar: &Path) -> Result<(), SinkError> {
        let (tree, to) = (self.tree.clone(), tar.to_path_buf());
        let packed = tokio::task::spawn_blocking(move || tree.pack(&to)).await;
        let packed = packed.map_err(|broken| SinkError::Refused(broken.to_string()))??;
        let root = self.tree.root().display().to_string();
        let told = json!({ "event": "tree", "stage": stage, "root": root, "files": packed.files });
        self.tell(&told, |story| story.tree(stage, &root, (packed.files, packed.by_git)));
        Ok(())
    }
}
