//! Why a run waits: its place, a sentence, and how long it may still be.

use circle_api::resources::WaitingReason;
use circle_core::ids::{RunId, ServiceId};
use circle_core::queue::{Wait, starts_in};
use jiff::Timestamp;

use super::Queue;
use super::entry::{Entry, Phase};
use super::shared::State;

impl Queue {
    /// The reason, place and estimate of a waiting run; `None` when it does not wait.
    pub(crate) fn why(&self, id: RunId, now_ms: i64) -> Option<WaitingReason> {
        let mut state = self.lock();
        let entry = state.view.get(id)?.clone();
        let times_out_at = entry.deadline_ms.and_then(|at| Timestamp::from_millisecond(at).ok());
        if matches!(entry.phase, Phase::Offered { .. }) {
            return Some(WaitingReason {
                sentence: "a worker was asked to take it".into(),
                place: Some(1),
                estimate_s: Some(0),
                times_out_at,
            });
        }
        let wait = state.view.line.why(id)?;
        Some(WaitingReason {
            sentence: state.sentence(&entry, &wait),
            place: wait.place(),
            estimate_s: state.estimate_ms(&entry, &wait, now_ms).map(|ms| ms.div_ceil(1000)),
            times_out_at,
        })
    }

    /// Whether what a service's runs took is known.
    pub(crate) fn knows_history(&self, service: ServiceId) -> bool {
        self.lock().history.knows(service)
    }

    /// Takes in what a service's runs took, oldest first.
    pub(crate) fn learn_history(&self, service: ServiceId, worked_ms: &[u64]) {
        self.lock().history.learn(service, worked_ms);
    }
}

impl State {
    fn sentence(&self, entry: &Entry, wait: &Wait) -> String {
        let ahead = wait.ahead().len();
        let limit = |of: &str, most: usize| {
            let others = match ahead {
                0 => String::new(),
                1 => "; 1 run of it is ahead".to_owned(),
                more => format!("; {more} runs of it are ahead"),
            };
            format!("the {of} runs at most {most} at the same time{others}")
        };
        match wait {
            Wait::Older { number, .. } if self.is_ending(entry, *number) => {
                format!("run {number} of the same ref ends first: it is being cancelled")
            }
            Wait::Older { number, .. } => format!("run {number} of the same ref goes first"),
            Wait::Ref { most, .. } => limit("ref", *most),
            Wait::Service { most, .. } => limit("service", *most),
            Wait::Workspace { most, .. } => limit("workspace", *most),
            Wait::Turn { .. } => format!("{}; {}", in_line(wait), self.who(entry)),
        }
    }

    /// Whether the oldest run of the ref was asked to end.
    fn is_ending(&self, entry: &Entry, number: u64) -> bool {
        let same =
            |other: &&Entry| other.service == entry.service && other.git_ref == entry.git_ref && other.number == number;
        self.view.active().find(same).is_some_and(|older| older.cancelled)
    }

    fn who(&self, entry: &Entry) -> String {
        match self.cells_for(entry) {
            (0, _) if let Some((host, trouble)) = self.hosts.troubled() => {
                format!("no worker that may take it is connected, and the host {host} gives trouble: {trouble}")
            }
            (0, _) if self.workers.connected() > 0 => {
                "no worker that may take it is connected: the connected ones are of other workspaces, or take no stranger's code"
                    .to_owned()
            }
            (0, _) => "no worker is connected: start one, or see `circle doctor` on its machine".to_owned(),
            (1, 1..) => "the only cell is busy".to_owned(),
            (cells, busy) if busy >= cells => format!("all {cells} cells are busy"),
            (cells, busy) => format!("{} of {cells} cells are free", cells - busy),
        }
    }

    /// All cells of the workers that may take it, and those that are busy.
    fn cells_for(&self, entry: &Entry) -> (u64, u64) {
        self.cells(|reach| reach.takes(entry.workspace, entry.trust))
    }

    /// When what it waits for is free for it, as far as earlier runs tell.
    fn estimate_ms(&self, entry: &Entry, wait: &Wait, now_ms: i64) -> Option<u64> {
        let active = self.view.active();
        let left = |counts: &dyn Fn(&Entry) -> bool| -> Vec<u64> {
            let counted = active.filter(|other| counts(other));
            counted.map(|other| self.left_ms(other, now_ms)).collect()
        };
        let mut free = match wait {
            Wait::Older { .. } | Wait::Ref { .. } => {
                left(&|other| other.service == entry.service && other.git_ref == entry.git_ref)
            }
            Wait::Service { .. } => left(&|other| other.service == entry.service),
            Wait::Workspace { .. } => left(&|other| other.workspace == entry.workspace),
            Wait::Turn { .. } => left(&|other| other.worker().is_some()),
        };
        let (cells, busy) = self.cells_for(entry);
        match wait {
            Wait::Turn { .. } => free.resize(usize::try_from(cells).unwrap_or(0), 0),
            Wait::Older { .. } if free.is_empty() && cells > busy => free.push(0),
            _ => {}
        }
        if cells == 0 {
            return None;
        }
        let takes = wait.ahead().iter().filter_map(|run| self.view.get(*run));
        let takes: Option<Vec<u64>> = takes.map(|other| self.history.takes_ms(other.service)).collect();
        self.history.takes_ms(entry.service)?;
        starts_in(free, takes?)
    }

    /// What is left of an active run, by the median of its service.
    fn left_ms(&self, other: &Entry, now_ms: i64) -> u64 {
        let takes = self.history.takes_ms(other.service).unwrap_or(0);
        let since = other.since_ms.unwrap_or(now_ms);
        takes.saturating_sub(u64::try_from(now_ms.saturating_sub(since)).unwrap_or(0))
    }
}

fn in_line(wait: &Wait) -> String {
    match (wait.place(), wait.ahead().len()) {
        (None, looked) => format!("more than {looked} runs are ahead"),
        (_, 0) => "it is next".to_owned(),
        (_, 1) => "1 run is ahead".to_owned(),
        (_, more) => format!("{more} runs are ahead"),
    }
}
