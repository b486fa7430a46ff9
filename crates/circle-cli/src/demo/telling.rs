//! How the demo speaks: chapters, notes, and a run as it happens.

use std::io::Write;

use anyhow::Result;
use circle_api::client::{Client, FollowWish, LiveEvent};
use circle_api::resources::{RunView, StageWord};
use circle_api::worker::frames::Mark;
use circle_core::ids::RunId;
use jiff::Timestamp;

use crate::paint::{Paint, Tone};

/// Writes to standard output.
#[derive(Debug)]
pub(super) struct Telling {
    paint: Paint,
    told: Vec<(String, StageWord)>,
    deployment_told: Option<Timestamp>,
    partial: Vec<u8>,
}

impl Telling {
    pub(super) fn new(paint: Paint) -> Self {
        Self {
            paint,
            told: Vec::new(),
            deployment_told: None,
            partial: Vec::new(),
        }
    }

    pub(super) fn chapter(&mut self, title: &str) {
        say(&format!("\n{}", self.paint.tone(Tone::Strong, &format!("== {title}"))));
    }

    pub(super) fn note(&mut self, text: &str) {
        say(&format!("   {text}"));
    }

    /// Follows a run to its end; `seen` gets every state of it.
    pub(super) async fn follow(
        &mut self,
        client: &Client,
        run: RunId,
        mut seen: impl FnMut(&RunView),
    ) -> Result<RunView> {
        self.told.clear();
        let mut follow = client.follow(
            run,
            FollowWish {
                logs: true,
                ..FollowWish::default()
            },
        );
        let mut last = None;
        while let Some(event) = follow.next().await? {
            match event {
                LiveEvent::Run(view) => {
                    self.stages(&view);
                    self.deployments(&view);
                    seen(&view);
                    last = Some(*view);
                }
                LiveEvent::Log { bytes, .. } => self.output(&bytes),
                LiveEvent::Mark { mark, .. } => self.mark(&mark),
                LiveEvent::Reconnecting { reason } => {
                    self.note(&format!("the connection was lost ({reason}), trying again"))
                }
            }
        }
        match last {
            Some(view) => Ok(view),
            None => Ok(client.run(run).await?),
        }
    }

    fn stages(&mut self, view: &RunView) {
        for stage in &view.stages {
            let known = self.told.iter().position(|(name, _)| *name == stage.name);
            if known.is_some_and(|place| self.told[place].1 == stage.state) {
                continue;
            }
            match known {
                Some(place) => self.told[place].1 = stage.state,
                None => self.told.push((stage.name.clone(), stage.state)),
            }
            if matches!(stage.state, StageWord::Waiting | StageWord::NotRun) {
                continue;
            }
            let time = stage
                .duration_ms
                .map(|ms| format!(" in {:.2} s", ms as f64 / 1000.0))
                .unwrap_or_default();
            self.stage_line(&stage.name, stage.state, &time);
        }
    }

    /// What happened in deployments since the last look.
    fn deployments(&mut self, view: &RunView) {
        let events = view.deployments.iter().flat_map(|deployment| &deployment.events);
        let mut news: Vec<_> = events
            .filter(|event| self.deployment_told.is_none_or(|told| event.at > told))
            .collect();
        news.sort_by_key(|event| event.at);
        for event in &news {
            say(&format!("   > {}", event.message));
        }
        self.deployment_told = news.last().map(|event| event.at).or(self.deployment_told);
    }

    fn stage_line(&mut self, name: &str, state: StageWord, time: &str) {
        let tone = match state {
            StageWord::Succeeded => Tone::Good,
            StageWord::Failed => Tone::Bad,
            _ => Tone::Busy,
        };
        say(&format!(" ● {name} {}{time}", self.paint.tone(tone, state.word())));
    }

    fn output(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        while let Some(end) = self.partial.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            // A log is foreign text: what could steer the terminal is left out.
            let text: String = String::from_utf8_lossy(&line)
                .chars()
                .filter(|c| !c.is_control() || *c == '\t')
                .collect();
            say(&format!("   | {text}"));
        }
    }

    fn mark(&mut self, mark: &Mark) {
        if let Mark::Begin { title, .. } = mark {
            let text = title.lines().next().unwrap_or_default();
            say(&format!("   $ {text}"));
        }
    }
}

/// A reader that went away (`make demo | head`) ends the telling, not the demo's clean-up.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}
