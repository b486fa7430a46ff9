//! Hints to wake up.

use std::sync::Arc;

use tokio::sync::watch;

use super::Kind;

/// Wakes when documents of a kind may have changed. Missed hints are joined into one.
#[derive(Debug, Clone)]
pub struct Changes {
    receiver: watch::Receiver<u64>,
}

impl Changes {
    /// Waits until something may have changed since this was made or last waited on.
    ///
    /// Never returns once the store is gone. Cancel safe.
    pub async fn changed(&mut self) {
        if self.receiver.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// What an adapter keeps to hand out [`Changes`]: one counter a kind.
#[derive(Debug, Clone)]
pub struct ChangeBoard {
    senders: Arc<[watch::Sender<u64>]>,
}

impl Default for ChangeBoard {
    fn default() -> Self {
        Self {
            senders: Kind::all().map(|_| watch::Sender::new(0)).collect(),
        }
    }
}

impl ChangeBoard {
    /// A receiver that has seen everything up to now.
    pub fn changes(&self, kind: Kind) -> Changes {
        Changes {
            receiver: self.senders[kind as usize].subscribe(),
        }
    }

    /// Wakes everybody who waits on the kind.
    pub fn notify(&self, kind: Kind) {
        self.senders[kind as usize].send_modify(|count| *count = count.wrapping_add(1));
    }
}
