//! Deliveries that are known to wait, by service, in the order in which they came. Only a view: the store is asked again
//! by period, and every delivery is read before anything is done with it.

use std::collections::{BTreeMap, HashSet, VecDeque};

use circle_core::ids::ServiceId;
use circle_store::records::{FindAll, Head, Query, StoreError, kinds};

use crate::limits::{BACKLOG, BATCH};
use crate::server::Server;

/// Writes of the same moment may be committed in another order; what comes later still is found by the next full look.
const SLACK_MS: i64 = 500;

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    waiting: BTreeMap<ServiceId, VecDeque<String>>,
    /// Waiting here, or under way.
    known: HashSet<String>,
    busy: HashSet<ServiceId>,
    /// The youngest that was seen, in milliseconds since 1970.
    newest_ms: i64,
}

/// Deliveries of one service to be handled in order.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) service: ServiceId,
    pub(super) deliveries: Vec<String>,
}

impl Backlog {
    /// Looks for everything that waits.
    pub(super) async fn look(&mut self, server: &Server) -> Result<(), StoreError> {
        self.find(server, Query::over(kinds::DELIVERY_STATE).equal("waiting"))
            .await
    }

    /// Looks for what came since the last look.
    pub(super) async fn look_at_new(&mut self, server: &Server) -> Result<(), StoreError> {
        let since = self.newest_ms.saturating_sub(SLACK_MS);
        self.find(
            server,
            Query::over(kinds::DELIVERY_STATE).equal("waiting").at_least(since),
        )
        .await
    }

    /// The next service's turn. Services take turns, so a flood of one does not delay the others.
    pub(super) fn next(&mut self) -> Option<Batch> {
        let free = self.waiting.iter().find(|(service, _)| !self.busy.contains(service));
        let service = *free?.0;
        let mut queue = self.waiting.remove(&service)?;
        let rest = queue.split_off(queue.len().min(BATCH));
        if !rest.is_empty() {
            self.waiting.insert(service, rest);
        }
        self.busy.insert(service);
        Some(Batch {
            service,
            deliveries: queue.into(),
        })
    }

    /// A batch was handled, well or not.
    pub(super) fn done(&mut self, batch: &Batch) {
        self.busy.remove(&batch.service);
        for delivery in &batch.deliveries {
            self.known.remove(delivery);
        }
    }

    /// Something went wrong with the tasks themselves: everything is looked for anew.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    async fn find(&mut self, server: &Server, query: Query) -> Result<(), StoreError> {
        let mut pages = FindAll::new(server.records.store().as_ref(), query.limit(1000));
        while let Some(heads) = pages.next().await? {
            for head in heads {
                if self.known.len() >= BACKLOG {
                    return Ok(());
                }
                self.put(head);
            }
        }
        Ok(())
    }

    fn put(&mut self, head: Head) {
        self.newest_ms = self.newest_ms.max(head.number("/received_at").unwrap_or(0));
        let service = head.text("/service").and_then(|text| text.parse().ok());
        if let Some(service) = service
            && self.known.insert(head.id.clone())
        {
            self.waiting.entry(service).or_default().push_back(head.id);
        }
    }
}
