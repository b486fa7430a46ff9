//! What the records of both loops have in common.

use circle_core::ids::DeliveryId;
use circle_core::poll::pause_ms;
use circle_core::service::Service;
use circle_store::records::Record;
use rand::RngExt;
use uuid::Uuid;

use crate::http::ApiError;
use crate::records::{Delivery, DeliveryState, Looks, POLL, Payload, PollRecord, PullPollRecord};
use crate::server::Server;
use crate::time::now_ms;

/// A record of what is looked at by the clock.
pub(super) trait Looked: Record + Clone {
    fn looks(&self) -> &Looks;

    fn looks_mut(&mut self) -> &mut Looks;

    /// Whether nothing began anew in between.
    fn is_of(&self, before: &Self) -> bool;

    /// Whether it is of the same repository, whenever it began.
    fn is_of_same_place(&self, other: &Self) -> bool;
}

impl Looked for PollRecord {
    fn looks(&self) -> &Looks {
        &self.looks
    }

    fn looks_mut(&mut self) -> &mut Looks {
        &mut self.looks
    }

    fn is_of(&self, before: &Self) -> bool {
        Self::is_of(self, before)
    }

    fn is_of_same_place(&self, other: &Self) -> bool {
        self.repository == other.repository
    }
}

impl Looked for PullPollRecord {
    fn looks(&self) -> &Looks {
        &self.looks
    }

    fn looks_mut(&mut self) -> &mut Looks {
        &mut self.looks
    }

    fn is_of(&self, before: &Self) -> bool {
        Self::is_of(self, before)
    }

    fn is_of_same_place(&self, other: &Self) -> bool {
        self.is_of_place(other.connection, &other.repository)
    }
}

/// Says what came of a look, and when the next one is.
pub(super) async fn put_off<R: Looked>(
    server: &Server,
    before: &R,
    note: impl Fn(&mut R) + Send + Sync,
) -> Result<(), ApiError> {
    let chance: u32 = rand::rng().random();
    let set = |poll: &mut R| {
        if !poll.is_of(before) {
            return Ok(());
        }
        note(poll);
        let looks = poll.looks_mut();
        looks.due = now_ms() + pause_ms(looks.interval_s, looks.failures, chance);
        Ok::<(), ApiError>(())
    };
    server.records.update(&before.id(), set).await?;
    Ok(())
}

/// A look was answered.
pub(super) fn answered<R: Looked>(poll: &mut R) {
    poll.looks_mut().answered(now_ms());
}

/// It was not, or not so that it can be used.
pub(super) fn failed<R: Looked>(poll: &mut R, why: &str) {
    poll.looks_mut().failed(why);
}

/// What polling found, as if a hook had told of it. The same name again is the same delivery.
pub(super) fn polled(service: &Service, name: String, payload: Payload) -> Delivery {
    let now = now_ms();
    Delivery {
        id: DeliveryId::from_uuid(Uuid::now_v7()),
        workspace: service.workspace,
        service: service.id,
        forge: format!("{POLL}:{}", service.id),
        delivery_id: name,
        source: POLL.into(),
        payload,
        state: DeliveryState::Waiting,
        received_at: now,
        tries: 0,
        next_try_at: now,
    }
}
