//! A local run as lines. Pure: what was told is all that it knows.

use std::collections::BTreeMap;

use circle_api::resources::PhasesView;
use circle_api::worker::frames::Mark;
use circle_core::run::{Phases, WorkerEvent};
use jiff::Timestamp;

use super::lines::Lines;
use super::stages::{phases, stage_head};
use crate::paint::{Paint, Tone};
use crate::text::{duration, safe_line};

/// What was told of a run that this process executes.
#[derive(Debug)]
pub(crate) struct LocalStory {
    paint: Paint,
    lines: BTreeMap<String, Lines>,
    began: BTreeMap<String, Timestamp>,
    /// The stage whose name was told last.
    current: Option<String>,
}

impl LocalStory {
    pub(crate) fn new(paint: Paint) -> Self {
        Self {
            paint,
            lines: BTreeMap::new(),
            began: BTreeMap::new(),
            current: None,
        }
    }

    /// The working tree takes the checkout's place.
    pub(crate) fn tree(&mut self, stage: &str, root: &str, (files, by_git): (usize, bool)) -> Vec<String> {
        let which = if by_git {
            "uncommitted changes included, ignored files not"
        } else {
            "all of it, since this is no git work tree"
        };
        let rest = self.paint.tone(Tone::Dim, &format!("{root}: {files} files; {which}"));
        vec![format!("{} {stage}  {rest}", self.paint.tone(Tone::Good, "✓"))]
    }

    pub(crate) fn event(&mut self, event: &WorkerEvent) -> Vec<String> {
        let mut out = Vec::new();
        match event {
            WorkerEvent::StageStarted { stage, at, .. } => {
                self.began.insert(stage.clone(), *at);
                self.head(stage, &mut out);
            }
            WorkerEvent::StageSucceeded { stage, at, phases, .. } => {
                self.ended(stage, (*at, phases), ("✓", Tone::Good), "", &mut out);
            }
            WorkerEvent::StageFailed {
                stage,
                at,
                phases,
                failure,
                ..
            } => self.ended(stage, (*at, phases), ("✗", Tone::Bad), &failure.message, &mut out),
            WorkerEvent::ImageBuilt { image } => out.push(
                self.paint
                    .tone(Tone::Dim, &format!("image {}: {}", image.name, image.image_id)),
            ),
            WorkerEvent::CellTaken { .. }
            | WorkerEvent::CheckedOut { .. }
            | WorkerEvent::ImagePushed { .. }
            | WorkerEvent::PartSucceeded
            | WorkerEvent::PartFailed { .. }
            | WorkerEvent::PartCancelled => {}
        }
        out
    }

    pub(crate) fn output(&mut self, stage: &str, bytes: &[u8]) -> Vec<String> {
        let (mut out, colors) = (Vec::new(), self.paint.is_on());
        let mut lines = Vec::new();
        self.lines
            .entry(stage.to_owned())
            .or_default()
            .take(bytes, |line| lines.push(safe_line(line, colors)));
        if !lines.is_empty() {
            self.head(stage, &mut out);
            out.extend(lines);
        }
        out
    }

    pub(crate) fn mark(&mut self, stage: &str, mark: &Mark) -> Vec<String> {
        let mut out = Vec::new();
        match mark {
            Mark::Begin { title, .. } => {
                self.head(stage, &mut out);
                let first = title.lines().next().unwrap_or_default();
                let title = safe_line(format!("$ {first}").as_bytes(), false);
                out.push(self.paint.tone(Tone::Strong, &title));
            }
            Mark::End { .. } => self.flush(stage, &mut out),
        }
        out
    }

    /// The rest that has no newline.
    pub(crate) fn end(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        let stages: Vec<String> = self.lines.keys().cloned().collect();
        for stage in stages {
            self.flush(&stage, &mut out);
        }
        out
    }

    fn head(&mut self, stage: &str, out: &mut Vec<String>) {
        if self.current.as_deref() != Some(stage) {
            self.current = Some(stage.to_owned());
            out.push(stage_head(stage, self.paint));
        }
    }

    fn ended(
        &mut self,
        stage: &str,
        (at, spent): (Timestamp, &Phases),
        (mark, tone): (&str, Tone),
        why: &str,
        out: &mut Vec<String>,
    ) {
        self.flush(stage, out);
        let began = self.began.remove(stage).unwrap_or(at);
        let took = u64::try_from(at.duration_since(began).as_millis()).unwrap_or(0);
        let spent = phases(&PhasesView::from(spent));
        let rest = if why.is_empty() { spent } else { why.to_owned() };
        let line = format!(
            "{} {stage}  {}  {}",
            self.paint.tone(tone, mark),
            duration(took),
            self.paint.tone(Tone::Dim, &rest)
        );
        out.push(line.trim_end().to_owned());
    }

    fn flush(&mut self, stage: &str, out: &mut Vec<String>) {
        let colors = self.paint.is_on();
        if let Some(lines) = self.lines.get_mut(stage) {
            lines.flush(|line| out.push(safe_line(line, colors)));
        }
    }
}

#[cfg(test)]
mod tests {
    use circle_api::worker::frames::Mark;
    use circle_core::run::{Failure, FailureKind, Phases, WorkerEvent};
    use jiff::Timestamp;

    use super::LocalStory;
    use crate::paint::Paint;

    #[test]
    fn a_run_reads_as_it_happened() {
        let mut story = LocalStory::new(Paint::off());
        let at = |ms| Timestamp::from_millisecond(ms).expect("a time");
        let mut told = story.tree("checkout", "/src/shop", (3, true));
        told.extend(story.event(&WorkerEvent::StageStarted {
            stage: "integration".into(),
            at: at(0),
            attempt: 1,
        }));
        let title = "cargo test\n--workspace".to_owned();
        told.extend(story.mark("integration", &Mark::Begin { group: 0, title }));
        told.extend(story.output("integration", b"one\ntw"));
        told.extend(story.output("integration", b"o\nthree \x1b[2J"));
        told.extend(story.mark(
            "integration",
            &Mark::End {
                group: 0,
                exit_code: Some(1),
                duration_ms: 5,
            },
        ));
        told.extend(story.event(&WorkerEvent::StageFailed {
            stage: "integration".into(),
            at: at(12_300),
            phases: Phases::default(),
            failure: Failure::new(FailureKind::Command, "`cargo test` exited with code 1"),
            again: false,
        }));
        told.extend(story.end());
        insta::assert_snapshot!(told.join("\n"), @r"
        ✓ checkout  /src/shop: 3 files; uncommitted changes included, ignored files not
        ▸ integration
        $ cargo test
        one
        two
        three 
        ✗ integration  12.3 s  `cargo test` exited with code 1
        ");
    }
}
