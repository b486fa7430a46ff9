//! A run of a story: wait for it, read it, end it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use circle_api::client::Client;
use circle_api::resources::{CancelRequest, RerunRequest, RunView, StageWord, VerdictView};
use circle_core::ids::RunId;

use crate::until::until;

/// Longest wait for a run's end; the longest story compiles for minutes.
const END_LIMIT: Duration = Duration::from_secs(240);
/// Longest wait for a stage to begin.
const STAGE_LIMIT: Duration = Duration::from_secs(90);
/// How much of a log is read at once.
const PIECE_BYTES: usize = 4 * 1024 * 1024;

/// One run.
#[derive(Debug)]
pub struct StoryRun {
    client: Client,
    id: RunId,
}

impl StoryRun {
    pub(crate) fn new(client: Client, id: RunId) -> Self {
        Self { client, id }
    }

    /// Its id.
    pub fn id(&self) -> RunId {
        self.id
    }

    /// Everything about it as it stands.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn view(&self) -> Result<RunView> {
        self.client.run(self.id).await.context("show the run")
    }

    /// Its number in the service.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn number(&self) -> Result<u64> {
        Ok(self.view().await?.run.number)
    }

    /// Waits for the end; a server that is away for a moment is waited for too.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn ended(&self) -> Result<RunView> {
        until("the run's end", END_LIMIT, || async {
            let view = self.view().await.map_err(|error| format!("{error:#}"))?;
            if view.run.state.is_ended() {
                Ok(view)
            } else {
                Err(timeline(&view))
            }
        })
        .await
    }

    /// Waits for the end and wants success.
    ///
    /// # Errors
    /// When it ends otherwise.
    pub async fn succeeds(&self) -> Result<RunView> {
        self.ends_as("succeeded").await
    }

    /// Waits for the end and wants this word.
    ///
    /// # Errors
    /// When it ends otherwise; with its timeline, its message and the end of its logs.
    pub async fn ends_as(&self, word: &str) -> Result<RunView> {
        let view = self.ended().await?;
        if view.run.state.word() != word {
            bail!(
                "the run {} instead of {word}: {}\n{}",
                view.run.state.word(),
                timeline(&view),
                self.log_ends(&view).await
            );
        }
        Ok(view)
    }

    /// Waits for a failure of this kind and gives its sentence.
    ///
    /// # Errors
    /// When it ends otherwise.
    pub async fn fails(&self, kind: &str) -> Result<String> {
        let view = self.ends_as("failed").await?;
        match &view.verdict {
            Some(VerdictView::Failed { failure }) if failure.kind == kind => Ok(failure.message.clone()),
            other => bail!("failed, but not as {kind}: {other:?}\n{}", self.log_ends(&view).await),
        }
    }

    /// Waits until a stage has begun.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn reaches(&self, stage: &str) -> Result<()> {
        until(&format!("stage {stage}"), STAGE_LIMIT, || async {
            let view = self.view().await.map_err(|error| format!("{error:#}"))?;
            let begun = |word| !matches!(word, StageWord::Waiting | StageWord::NotRun);
            let found = view
                .stages
                .iter()
                .any(|record| record.name == stage && begun(record.state));
            if found { Ok(()) } else { Err(timeline(&view)) }
        })
        .await
    }

    /// Waits until the log of a stage says something.
    ///
    /// # Errors
    /// When it does not in time; with what it says instead.
    pub async fn says(&self, stage: &str, words: &str) -> Result<()> {
        until(words, STAGE_LIMIT, || async {
            let log = self.log(stage).await.unwrap_or_default();
            if log.contains(words) { Ok(()) } else { Err(log) }
        })
        .await
    }

    /// Waits until the server deploys.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn deploys(&self) -> Result<()> {
        until("the deployment", END_LIMIT, || async {
            let view = self.view().await.map_err(|error| format!("{error:#}"))?;
            if view.run.state.word() == "deploying" {
                Ok(())
            } else {
                Err(timeline(&view))
            }
        })
        .await
    }

    /// Asks to end it.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn cancel(&self) -> Result<()> {
        self.client.cancel(self.id, &CancelRequest::default()).await?;
        Ok(())
    }

    /// Repeats it, from a stage or anew.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn rerun(&self, from_stage: Option<&str>) -> Result<Self> {
        self.repeat(RerunRequest {
            from_stage: from_stage.map(str::to_owned),
            hold: false,
        })
        .await
    }

    /// Repeats it and keeps the cell of a stage that fails.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn rerun_and_hold(&self) -> Result<Self> {
        self.repeat(RerunRequest {
            from_stage: None,
            hold: true,
        })
        .await
    }

    async fn repeat(&self, wish: RerunRequest) -> Result<Self> {
        let run = self.client.rerun(self.id, &wish).await?;
        Ok(Self::new(self.client.clone(), run.id))
    }

    /// The log of a stage as text.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn log(&self, stage: &str) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.log_bytes(stage).await?).into_owned())
    }

    /// The log of a stage, byte for byte.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn log_bytes(&self, stage: &str) -> Result<Vec<u8>> {
        let mut log = Vec::new();
        loop {
            let piece = self
                .client
                .log_bytes(self.id, stage, log.len() as u64, PIECE_BYTES)
                .await
                .context("read the log")?;
            if piece.is_empty() {
                return Ok(log);
            }
            log.extend_from_slice(&piece);
        }
    }

    /// One word a stage, for snapshots: `checkout succeeded · integration failed · build not run`.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn timeline(&self) -> Result<String> {
        Ok(timeline(&self.view().await?))
    }

    async fn log_ends(&self, view: &RunView) -> String {
        let mut ends = String::new();
        for stage in &view.stages {
            let log = self.log(&stage.name).await.unwrap_or_default();
            let from = log.char_indices().rev().nth(1_500).map_or(0, |(place, _)| place);
            ends.push_str(&format!("--- {} ---\n{}\n", stage.name, &log[from..]));
        }
        ends
    }
}

fn timeline(view: &RunView) -> String {
    let stages: Vec<String> = view
        .stages
        .iter()
        .map(|stage| format!("{} {}", stage.name, stage.state.word()))
        .collect();
    let message = view
        .run
        .message
        .as_deref()
        .map(|message| format!(" ({message})"))
        .unwrap_or_default();
    format!("{}{message}: {}", view.run.state.word(), stages.join(" · "))
}
