//! Questions that workers were asked, and who waits for the answers.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use circle_api::worker::RootReport;
use circle_core::ids::{QuestionId, WorkerId};
use tokio::sync::oneshot;

type Waiting = HashMap<QuestionId, (WorkerId, oneshot::Sender<Vec<RootReport>>)>;

/// In memory only: whoever asked is gone with the server, too.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    waiting: Mutex<Waiting>,
}

impl Questions {
    /// Waits for this worker's answer from now on.
    pub(crate) fn expect(&self, question: QuestionId, worker: WorkerId) -> oneshot::Receiver<Vec<RootReport>> {
        let (answer, answered) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // Those who stopped waiting are forgotten with the next question.
        waiting.retain(|_, (_, asked)| !asked.is_closed());
        waiting.insert(question, (worker, answer));
        answered
    }

    /// Takes an answer; `false` when this worker was not asked, or nobody waits any more.
    pub(crate) fn answer(&self, question: QuestionId, worker: WorkerId, roots: Vec<RootReport>) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_asked = waiting.get(&question).is_some_and(|(asked, _)| *asked == worker);
        let answer = is_asked.then(|| waiting.remove(&question)).flatten();
        answer.is_some_and(|(_, answer)| answer.send(roots).is_ok())
    }
}
