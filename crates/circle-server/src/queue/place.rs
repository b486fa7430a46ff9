//! Why a run waits, in a sentence.

use circle_api::resources::WaitingReason;
use circle_core::ids::RunId;

use super::Queue;
use super::entry::{Entry, Phase};
use super::shared::State;

impl Queue {
    /// The reason, place and estimate of a waiting run; `None` when it does not wait.
    pub(crate) fn why(&self, id: RunId) -> Option<WaitingReason> {
        let state = self.lock();
        let entry = state.ready.get(id)?;
        if !matches!(entry.phase, Phase::Waiting | Phase::Offered { .. }) {
            return None;
        }
        if let Some(older) = state.ready.blocked_by(entry) {
            let sentence = format!("run {older} of the same ref goes first");
            return Some(WaitingReason {
                sentence,
                place: None,
                estimate_s: None,
            });
        }
        let active = state.ready.service_active(entry.workspace, entry.service);
        let most = state.ready.parallel(entry.service);
        if active >= most as usize && entry.phase == Phase::Waiting {
            let sentence = format!("the service runs {active} of at most {most} runs at the same time");
            return Some(WaitingReason {
                sentence,
                place: None,
                estimate_s: None,
            });
        }
        Some(state.in_line(entry))
    }
}

impl State {
    fn in_line(&self, entry: &Entry) -> WaitingReason {
        let ahead = self
            .ready
            .entries()
            .filter(|other| other.phase == Phase::Waiting && other.order() < entry.order());
        let ahead = ahead.count() as u64;
        let (cells, busy) = self.workers.cells();
        let line = match ahead {
            0 => "it is next".to_owned(),
            1 => "1 run is ahead".to_owned(),
            more => format!("{more} runs are ahead"),
        };
        let who = match (cells, busy) {
            (0, _) => "no worker is connected: start one, or see `circle doctor` on its machine".to_owned(),
            (cells, busy) if busy >= cells => format!("all {cells} cells are busy"),
            (cells, busy) => format!("{} of {cells} cells are free", cells - busy),
        };
        WaitingReason {
            sentence: format!("{line}; {who}"),
            place: Some(ahead + 1),
            estimate_s: self.estimate(ahead, cells),
        }
    }

    /// The mean of the last runs, for each round of cells that is ahead.
    fn estimate(&self, ahead: u64, cells: u64) -> Option<u64> {
        if self.durations.is_empty() || cells == 0 {
            return None;
        }
        let sum: i64 = self.durations.iter().sum();
        let mean_ms = u64::try_from(sum).ok()? / self.durations.len() as u64;
        Some(mean_ms * (ahead / cells + 1) / 1000)
    }
}
