//! What a hook tells of a repository that is polled too.

use circle_core::poll::{Answer, Heard};
use circle_core::service::Service;
use circle_core::trigger::Event;
use circle_store::records::UpdateError;

use crate::http::ApiError;
use crate::reconcile::wish::Wish;
use crate::records::{Delivery, POLL, Payload, PollRecord};
use crate::server::Server;

/// Whether polling has told of this push before; if not, it will not either.
pub(in crate::reconcile) async fn was_polled(
    server: &Server,
    service: &Service,
    delivery: &Delivery,
    wish: &Wish,
) -> Result<bool, ApiError> {
    let is_told = matches!(delivery.payload, Payload::Git { .. } | Payload::Forge { .. }) && delivery.source != POLL;
    let is_push = matches!(wish.event, Event::Push { .. } | Event::Tag { .. });
    let (true, true, Some(_), Some(after)) = (is_told, is_push, service.poll_s, &wish.commit) else {
        return Ok(false);
    };
    let id = delivery.id.to_string();
    let hear = |poll: &mut PollRecord| {
        let Some(mut seen) = poll.seen() else {
            return Ok(Answer::New);
        };
        let answer = seen.hear(Heard {
            git_ref: wish.git_ref.as_str(),
            before: wish.before.as_ref().map(|commit| commit.as_str()),
            after: after.as_str(),
            delivery: &id,
        });
        // What does not fit any more is told by the next look.
        poll.keep(&seen);
        Ok::<_, ApiError>(answer)
    };
    match server.records.update(&service.id.to_string(), hear).await {
        Ok(updated) => Ok(updated.result == Answer::Polled),
        Err(UpdateError::Missing { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
