//! What a hook tells of a repository that is polled too.

use circle_core::ids::DeliveryId;
use circle_core::poll::{Answer, Heard};
use circle_core::pulls::{HeardPull, Pull, labels};
use circle_core::service::Service;
use circle_core::trigger::Event;
use circle_store::records::UpdateError;

use crate::forge::{PullAction, PullNotice};
use crate::http::ApiError;
use crate::reconcile::wish::Wish;
use crate::records::{Delivery, POLL, Payload, PollRecord, PullPollRecord};
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

/// Takes what a call told of a pull request. True when polling had told of the same commit before.
pub(in crate::reconcile) async fn hear_pull(
    server: &Server,
    service: &Service,
    delivery: DeliveryId,
    told: &PullNotice,
) -> Result<bool, ApiError> {
    if service.poll_s.is_none() {
        return Ok(false);
    }
    let id = delivery.to_string();
    let pull = || Pull {
        head: told.head.clone(),
        labels: labels(told.labels.iter().map(String::as_str)),
    };
    let heard = || match told.action {
        PullAction::Opened | PullAction::Synchronised => Some(HeardPull::Moved {
            pull: pull(),
            delivery: &id,
        }),
        PullAction::Labelled => Some(HeardPull::Labelled(pull())),
        PullAction::Closed => Some(HeardPull::Closed),
        PullAction::Other => None,
    };
    let hear = |poll: &mut PullPollRecord| {
        let (Some(mut seen), Some(heard)) = (poll.seen(), heard()) else {
            return Ok(false);
        };
        let was_polled = seen.hear(told.number, heard);
        // What does not fit any more is told by the next look.
        poll.keep(&seen);
        Ok::<_, ApiError>(was_polled)
    };
    match server.records.update(&service.id.to_string(), hear).await {
        Ok(updated) => Ok(updated.result),
        Err(UpdateError::Missing { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
