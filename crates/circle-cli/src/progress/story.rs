//! From live events to lines. Pure: what was told is all that it knows.

use std::collections::BTreeMap;

use circle_api::client::LiveEvent;
use circle_api::resources::{RunView, StageWord};
use circle_api::worker::frames::Mark;

use super::follow::Detail;
use super::groups::Groups;
use super::held::{Change, Held};
use super::lines::Lines;
use super::stages::{deployment_line, headline, stage_head, stage_line, verdict_line};
use crate::paint::{Paint, Tone};
use crate::text::{duration, safe_line};

/// What was told of a run so far.
#[derive(Debug)]
pub(super) struct Story {
    paint: Paint,
    detail: Detail,
    head_told: bool,
    waiting: Option<String>,
    stages: BTreeMap<String, (StageWord, u32)>,
    deployments: BTreeMap<String, String>,
    logs: BTreeMap<String, StageLog>,
    /// The stage whose name was told last.
    current: Option<String>,
    held: Held,
    verdict: Option<String>,
}

#[derive(Debug, Default)]
struct StageLog {
    attempt: u32,
    lines: Lines,
    groups: Groups,
}

impl Story {
    pub(super) fn new(paint: Paint, detail: Detail) -> Self {
        Self {
            paint,
            detail,
            head_told: false,
            waiting: None,
            stages: BTreeMap::new(),
            deployments: BTreeMap::new(),
            logs: BTreeMap::new(),
            current: None,
            held: Held::default(),
            verdict: None,
        }
    }

    /// The lines that an event is worth.
    pub(super) fn take(&mut self, event: &LiveEvent) -> Vec<String> {
        let mut out = Vec::new();
        match event {
            LiveEvent::Run(view) => self.run(view, &mut out),
            LiveEvent::Log {
                stage, attempt, bytes, ..
            } => self.log(stage, *attempt, bytes, &mut out),
            LiveEvent::Mark {
                stage, attempt, mark, ..
            } => self.mark(stage, *attempt, mark, &mut out),
            LiveEvent::Reconnecting { reason } => {
                out.push(
                    self.paint
                        .tone(Tone::Warn, &format!("the connection is lost ({reason}); trying again")),
                );
            }
        }
        out
    }

    /// Whether lines about states wait for a log that may still come.
    pub(super) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// The lines that were held back; to be asked for when the log was silent for a while.
    pub(super) fn release(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        let lines = self.held.all();
        self.tell_held(lines, &mut out);
        out
    }

    /// The last lines: what was held back or had no newline, and the verdict.
    pub(super) fn end(&mut self) -> Vec<String> {
        let mut out = self.release();
        let stages: Vec<String> = self.logs.keys().cloned().collect();
        for stage in stages {
            self.flush(&stage, &mut out);
        }
        out.extend(self.verdict.take());
        out
    }

    fn run(&mut self, view: &RunView, out: &mut Vec<String>) {
        if !self.head_told {
            self.head_told = true;
            out.push(headline(&view.run, self.paint));
            out.extend(
                view.warnings
                    .iter()
                    .map(|warning| self.paint.tone(Tone::Warn, &format!("warning: {warning}"))),
            );
        }
        self.tell_waiting(view, out);
        for stage in &view.stages {
            let state = (stage.state, stage.tries);
            let quiet = matches!(stage.state, StageWord::Waiting | StageWord::NotRun);
            if self.stages.insert(stage.name.clone(), state) == Some(state) || quiet {
                continue;
            }
            let name = stage.name.clone();
            let running = stage.state == StageWord::Running;
            let change = if running {
                Change::Started(name)
            } else {
                Change::Ended(name)
            };
            self.held.push(change, stage_line(stage, self.paint));
        }
        self.hold_deployments(view);
        if self.detail == Detail::Stages {
            out.extend(self.release());
        }
        if view.run.state.is_ended() {
            self.verdict = Some(verdict_line(view, self.paint));
        }
    }

    fn hold_deployments(&mut self, view: &RunView) {
        for deployment in &view.deployments {
            let (id, state) = (deployment.id.to_string(), deployment.state.clone());
            if self.deployments.insert(id, state).as_ref() != Some(&deployment.state) {
                self.held.push(Change::Other, deployment_line(deployment, self.paint));
            }
        }
    }

    fn tell_held(&mut self, lines: Vec<(Change, String)>, out: &mut Vec<String>) {
        for (change, line) in lines {
            match change {
                Change::Started(stage) => {
                    let told = self.current.as_ref() == Some(&stage) && line == stage_head(&stage, self.paint);
                    self.current = Some(stage);
                    out.extend((!told).then_some(line));
                }
                Change::Ended(stage) => {
                    self.flush(&stage, out);
                    out.push(line);
                }
                Change::Other => out.push(line),
            }
        }
    }

    fn tell_waiting(&mut self, view: &RunView, out: &mut Vec<String>) {
        let sentence = view.waiting.as_ref().map(|waiting| match waiting.estimate_s {
            Some(estimate) => format!(
                "{} (about {})",
                waiting.sentence,
                duration(estimate.saturating_mul(1_000))
            ),
            None => waiting.sentence.clone(),
        });
        if sentence != self.waiting {
            out.extend(
                sentence
                    .as_ref()
                    .map(|sentence| self.paint.tone(Tone::Dim, &format!("waits: {sentence}"))),
            );
            self.waiting = sentence;
        }
    }

    fn log(&mut self, stage: &str, attempt: u32, bytes: &[u8], out: &mut Vec<String>) {
        self.announce(stage, attempt, out);
        let (colors, all) = (self.paint.is_on(), self.detail == Detail::Lines);
        let log = self.logs.entry(stage.to_owned()).or_default();
        let groups = &mut log.groups;
        log.lines
            .take(bytes, |line| keep(safe_line(line, colors), all, groups, out));
    }

    fn mark(&mut self, stage: &str, attempt: u32, mark: &Mark, out: &mut Vec<String>) {
        self.announce(stage, attempt, out);
        self.flush(stage, out);
        let log = self.logs.entry(stage.to_owned()).or_default();
        match mark {
            Mark::Begin { group, title } => {
                let title = safe_line(title.lines().next().unwrap_or_default().as_bytes(), false);
                if self.detail == Detail::Lines {
                    out.push(self.paint.tone(Tone::Strong, &format!("$ {title}")));
                }
                log.groups.begin(*group, &title);
            }
            Mark::End {
                group,
                exit_code,
                duration_ms,
            } => {
                let Some(ended) = log.groups.end(*group) else { return };
                self.head(stage, out);
                let failed = exit_code.is_some_and(|code| code != 0);
                if failed && self.detail == Detail::Groups {
                    out.extend(ended.tail().map(|line| format!("    {line}")));
                }
                out.push(self.ended(&ended.title, *exit_code, *duration_ms));
            }
        }
    }

    fn ended(&self, title: &str, exit_code: Option<i64>, duration_ms: u64) -> String {
        let took = duration(duration_ms);
        let title = self.paint.tone(Tone::Dim, &format!("$ {title}"));
        match exit_code {
            Some(code) if code != 0 => {
                format!(
                    "  {} {title}  {took}  exit code {code}",
                    self.paint.tone(Tone::Bad, "✗")
                )
            }
            _ => format!("  {} {title}  {took}", self.paint.tone(Tone::Good, "✓")),
        }
    }

    /// Says which stage speaks when another one spoke before, and that a new attempt begins anew.
    fn announce(&mut self, stage: &str, attempt: u32, out: &mut Vec<String>) {
        let before = self.held.until_start_of(stage);
        self.tell_held(before, out);
        let log = self.logs.entry(stage.to_owned()).or_default();
        if attempt > log.attempt && log.attempt > 0 {
            out.push(
                self.paint
                    .tone(Tone::Warn, &format!("another worker took the run: {stage} begins anew")),
            );
            *log = StageLog::default();
        }
        log.attempt = attempt;
        if self.detail == Detail::Lines {
            self.head(stage, out);
        }
    }

    fn head(&mut self, stage: &str, out: &mut Vec<String>) {
        if self.current.as_deref() != Some(stage) {
            self.current = Some(stage.to_owned());
            out.push(stage_head(stage, self.paint));
        }
    }

    fn flush(&mut self, stage: &str, out: &mut Vec<String>) {
        let (colors, all) = (self.paint.is_on(), self.detail == Detail::Lines);
        if let Some(log) = self.logs.get_mut(stage) {
            let groups = &mut log.groups;
            log.lines.flush(|line| keep(safe_line(line, colors), all, groups, out));
        }
    }
}

fn keep(line: String, all: bool, groups: &mut Groups, out: &mut Vec<String>) {
    if all {
        out.push(line);
    } else {
        groups.line(line);
    }
}

#[cfg(test)]
mod tests {
    use super::{Detail, Story};
    use crate::paint::Paint;
    use bytes::Bytes;
    use circle_api::client::LiveEvent;
    use circle_api::worker::frames::Mark;
    use serde_json::{Value, json};

    fn run(state: &str, stages: &Value, more: Value) -> LiveEvent {
        let mut view = json!({
            "run": {"id": "run_00000000000000000000000000000007", "service": "svc_00000000000000000000000000000002",
                "service_name": "web", "number": 12, "state": state, "event": "push", "ref": "refs/heads/main",
                "commit": "0123456789abcdef0123456789abcdef01234567", "title": "Mend the door", "actor": "alice",
                "created_at": "2026-01-02T03:04:05Z"},
            "workspace": "ws_00000000000000000000000000000001", "url": "http://localhost/runs/7", "stages": stages, "images": [], "deployments": [], "warnings": [],
            "reruns": [], "updated_at": "2026-01-02T03:04:05Z"
        });
        for (key, value) in more.as_object().expect("an object") {
            match (key.as_str(), value) {
                ("run", Value::Object(fields)) => {
                    view["run"].as_object_mut().expect("an object").extend(fields.clone());
                }
                _ => view[key] = value.clone(),
            }
        }
        LiveEvent::Run(Box::new(serde_json::from_value(view).expect("a view")))
    }

    fn stage(name: &str, state: &str, ms: Option<u64>) -> Value {
        let phases =
            json!({"queue_ms": 0, "cell_ms": 0, "pull_ms": 1_250, "start_ms": 20, "run_ms": 900, "copy_out_ms": 0});
        let failure = (state == "failed").then(|| json!({"kind": "command", "message": "`make` exited with 2"}));
        json!({"name": name, "kind": name, "state": state, "tries": 1, "phases": phases, "duration_ms": ms, "failure": failure})
    }

    fn log(text: &str) -> LiveEvent {
        LiveEvent::Log {
            stage: "build".into(),
            attempt: 1,
            offset: 0,
            bytes: Bytes::copy_from_slice(text.as_bytes()),
        }
    }

    fn mark(mark: Mark) -> LiveEvent {
        LiveEvent::Mark {
            stage: "build".into(),
            attempt: 1,
            offset: 0,
            mark,
        }
    }

    fn failing_run() -> Vec<LiveEvent> {
        let end = json!({"run": {"duration_ms": 23_400, "message": "`make` exited with 2"}});
        let waiting = json!({"waiting": {"sentence": "All 2 cells are busy.", "place": 1, "estimate_s": 90}});
        vec![
            run("queued", &json!([stage("build", "waiting", None)]), waiting.clone()),
            run("queued", &json!([stage("build", "waiting", None)]), waiting),
            run("running", &json!([stage("build", "running", None)]), json!({})),
            mark(Mark::Begin {
                group: 0,
                title: "make deps".into(),
            }),
            log("fetching\x1b[2J\n"),
            mark(Mark::End {
                group: 0,
                exit_code: Some(0),
                duration_ms: 1_200,
            }),
            mark(Mark::Begin {
                group: 1,
                title: "make\nmore".into(),
            }),
            log("one\ntw"),
            log("o\nError 2"),
            mark(Mark::End {
                group: 1,
                exit_code: Some(2),
                duration_ms: 300,
            }),
            run(
                "failed",
                &json!([stage("build", "failed", Some(2_200)), stage("push", "not_run", None)]),
                end,
            ),
        ]
    }

    fn told(detail: Detail, events: &[LiveEvent]) -> String {
        let mut story = Story::new(Paint::off(), detail);
        let mut lines: Vec<String> = events.iter().flat_map(|event| story.take(event)).collect();
        lines.extend(story.end());
        lines.join("\n")
    }

    #[test]
    fn folded_groups_open_where_something_failed() {
        insta::assert_snapshot!(told(Detail::Groups, &failing_run()));
    }

    #[test]
    fn every_line_is_told_when_asked_for() {
        insta::assert_snapshot!(told(Detail::Lines, &failing_run()));
    }

    #[test]
    fn a_state_that_is_faster_than_the_log_waits_for_it() {
        let mut events = failing_run();
        let last = events.pop().expect("the last state");
        events.insert(6, last);
        assert_eq!(told(Detail::Lines, &events), told(Detail::Lines, &failing_run()));
    }

    #[test]
    fn what_is_held_is_told_when_the_log_is_silent() {
        let mut story = Story::new(Paint::off(), Detail::Groups);
        let told = story.take(&run("running", &json!([stage("build", "running", None)]), json!({})));
        assert_eq!(
            (told.len(), story.is_holding()),
            (1, true),
            "only the headline: {told:?}"
        );
        assert_eq!(
            (story.release(), story.is_holding()),
            (vec!["▸ build".to_owned()], false)
        );
        assert_eq!(
            story.take(&log("one\n")),
            Vec::<String>::new(),
            "the stage is not told twice"
        );
    }

    #[test]
    fn stages_alone_when_only_state_is_watched() {
        let events: Vec<LiveEvent> = failing_run()
            .into_iter()
            .filter(|event| matches!(event, LiveEvent::Run(_)))
            .collect();
        insta::assert_snapshot!(told(Detail::Stages, &events));
    }

    #[test]
    fn a_deployment_is_told_with_its_digests_and_its_roll_back() {
        let deployment = |state: &str, more: Value| {
            let mut view = json!({
                "id": "dep_00000000000000000000000000000001", "run": "run_00000000000000000000000000000007",
                "run_number": 12, "service": "svc_00000000000000000000000000000002", "service_name": "web",
                "environment": "staging", "workload": "web", "state": state, "image": "r.example/web@sha256:bb",
                "before_digest": format!("sha256:{}", "a".repeat(64)), "after_digest": format!("sha256:{}", "b".repeat(64)),
                "events": [], "created_at": "2026-01-02T03:04:05Z"});
            view.as_object_mut()
                .expect("an object")
                .extend(more.as_object().expect("an object").clone());
            json!({"deployments": [view]})
        };
        let ended = json!({"ended_at": "2026-01-02T03:04:05Z", "failure": {"kind": "deploy", "message": "it never became healthy"}});
        let events = [
            run("deploying", &json!([]), deployment("watching", json!({}))),
            run("deploying", &json!([]), deployment("watching", json!({}))),
            run("failed", &json!([]), deployment("rolled_back", ended)),
        ];
        insta::assert_snapshot!(told(Detail::Stages, &events));
    }
}
