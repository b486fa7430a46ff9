//! A run's document: the run itself beside what the indexes need.

use circle_core::plan::Concurrency;
use circle_core::run::{Run, RunState};
use circle_store::records::{Kind, Record};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A run as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord(pub Run);

impl RunRecord {
    /// The names of states that nothing follows, as `/state/name` has them.
    pub const ENDS: [&str; 4] = ["succeeded", "failed", "cancelled", "skipped"];

    /// Whether a state by its name is an end.
    pub fn is_end(name: &str) -> bool {
        Self::ENDS.contains(&name)
    }
}

#[derive(Serialize)]
struct Written<'a> {
    run: &'a Run,
    workspace: String,
    service: String,
    number: u64,
    trigger_key: &'a str,
    state: State,
    priority: i64,
    title: Option<&'a str>,
    #[serde(rename = "ref")]
    git_ref: &'a str,
    commit: Option<&'a str>,
    concurrency: Option<Concurrency>,
    queue_deadline: i64,
    created_at: i64,
    updated_at: i64,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    outbox_due: Option<i64>,
    notices_due: Option<i64>,
}

#[derive(Serialize)]
struct State {
    name: &'static str,
}

#[derive(Deserialize)]
struct Read {
    run: Run,
}

impl Serialize for RunRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let run = &self.0;
        let ended_at = match run.state {
            RunState::Ended { at, .. } => Some(at.as_millisecond()),
            _ => None,
        };
        let written = Written {
            run,
            workspace: run.workspace.to_string(),
            service: run.service.to_string(),
            number: run.number,
            trigger_key: &run.trigger.key,
            state: State { name: run.state.word() },
            priority: run.priority,
            title: run.trigger.title.as_deref(),
            git_ref: run.trigger.git_ref.as_str(),
            commit: run.trigger.commit.as_ref().map(|commit| commit.as_str()),
            concurrency: run.plan.as_ref().map(|plan| plan.concurrency),
            queue_deadline: run.queue_deadline.as_millisecond(),
            created_at: run.created_at.as_millisecond(),
            updated_at: run.updated_at.as_millisecond(),
            started_at: run.started_at().map(|at| at.as_millisecond()),
            ended_at,
            outbox_due: run.report_due().map(|at| at.as_millisecond()),
            notices_due: ended_at.filter(|_| !run.noticed),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RunRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Read::deserialize(deserializer).map(|read| Self(read.run))
    }
}

impl Record for RunRecord {
    const KIND: Kind = Kind::Run;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        self.0.id.to_string()
    }
}
