//! A build's progress as groups of the log: one for each step, with its output and its duration.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bollard::moby::buildkit::v1::{StatusResponse, Vertex};

use crate::execute::{Group, LogStream, StageLog};

/// Steps of the engine's own, told only when they fail.
const INTERNAL: &str = "[internal]";

/// The open steps of one build.
#[derive(Debug)]
pub(super) struct Progress {
    log: StageLog,
    open: HashMap<String, Step>,
    done: HashSet<String>,
    count: u32,
}

#[derive(Debug)]
struct Step {
    number: u32,
    group: Group,
    output: LogStream,
    /// An unfinished line.
    line: Vec<u8>,
}

impl Progress {
    pub(super) fn new(log: StageLog) -> Self {
        Self {
            log,
            open: HashMap::new(),
            done: HashSet::new(),
            count: 0,
        }
    }

    /// Tells one report of the engine.
    pub(super) async fn tell(&mut self, report: StatusResponse) {
        for vertex in &report.vertexes {
            self.begin(vertex).await;
        }
        for piece in &report.logs {
            self.output(&piece.vertex, &piece.msg).await;
        }
        for vertex in report.vertexes.iter().filter(|vertex| vertex.completed.is_some()) {
            self.end(vertex).await;
        }
    }

    /// Closes what the engine left open.
    pub(super) async fn finish(mut self) {
        for (_, step) in std::mem::take(&mut self.open) {
            close(&self.log, step, None, None).await;
        }
    }

    async fn begin(&mut self, vertex: &Vertex) {
        let is_quiet = vertex.name.starts_with(INTERNAL) && vertex.error.is_empty();
        if vertex.started.is_none()
            || is_quiet
            || self.done.contains(&vertex.digest)
            || self.open.contains_key(&vertex.digest)
        {
            return;
        }
        self.count += 1;
        let group = self.log.begin(&vertex.name).await;
        let step = Step {
            number: self.count,
            group,
            output: self.log.stream(),
            line: Vec::new(),
        };
        self.open.insert(vertex.digest.clone(), step);
    }

    /// Whole lines, under the step's number while several steps run side by side.
    async fn output(&mut self, digest: &str, bytes: &[u8]) {
        let alone = self.open.len() == 1;
        let Some(step) = self.open.get_mut(digest) else { return };
        if alone && step.line.is_empty() {
            step.output.write(bytes).await;
            return;
        }
        step.line.extend_from_slice(bytes);
        while let Some(end) = step.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = step.line.drain(..=end).collect();
            step.output
                .write(&[format!("#{} ", step.number).as_bytes(), &line].concat())
                .await;
        }
    }

    async fn end(&mut self, vertex: &Vertex) {
        let Some(step) = self.open.remove(&vertex.digest) else {
            return;
        };
        self.done.insert(vertex.digest.clone());
        if vertex.cached {
            self.log.say("CACHED").await;
        }
        let failed = !vertex.error.is_empty();
        close(&self.log, step, failed.then_some(1), duration(vertex)).await;
    }
}

async fn close(log: &StageLog, mut step: Step, exit_code: Option<i64>, duration: Option<Duration>) {
    if !step.line.is_empty() {
        let line = std::mem::take(&mut step.line);
        step.output.write(&line).await;
        step.output.write(b"\n").await;
    }
    step.output.finish().await;
    log.end(step.group, exit_code, duration).await;
}

/// By the engine's clock.
fn duration(vertex: &Vertex) -> Option<Duration> {
    let (started, completed) = (vertex.started.as_ref()?, vertex.completed.as_ref()?);
    let nanoseconds =
        i128::from(completed.seconds - started.seconds) * 1_000_000_000 + i128::from(completed.nanos - started.nanos);
    u64::try_from(nanoseconds).ok().map(Duration::from_nanos)
}
