//! One look at the branches and tags of one repository.

use circle_api::resources::GitHook;
use circle_core::poll::{Change, Refs, Seen};
use circle_core::service::Service;

use super::looked::{answered, failed, polled, put_off};
use crate::http::{ApiError, for_git, store_delivery};
use crate::limits::POLL_CHANGES;
use crate::reconcile::linked::at_its_place;
use crate::records::{Delivery, Payload, PollRecord, ServiceRecord};
use crate::server::Server;
use crate::time::now_ms;

/// As git writes that there is nothing.
const ZERO: &str = "0000000000000000000000000000000000000000";
/// What does not fit into a document is not polled.
const TOO_MANY: &str =
    "the repository has more branches and tags than polling keeps, about 6,000: let it call the hook instead";

/// Looks, takes what changed, delivers it. Whatever happens, the record says when to look again.
pub(super) async fn look(server: &Server, id: &str) -> Result<(), ApiError> {
    let Some((poll, version)) = server.records.load::<PollRecord>(id).await? else {
        return Ok(());
    };
    let service = server
        .records
        .load::<ServiceRecord>(id)
        .await?
        .map(|(ServiceRecord(service), _)| service);
    let Some(service) = service.filter(|service| service.poll_s.is_some()) else {
        return Ok(server.records.delete::<PollRecord>(id, version).await?);
    };
    // What an earlier look took and did not come to deliver.
    deliver(server, &service, &poll).await?;
    if poll.repository != service.repository {
        // It is made anew with the address of now, see `adopt`.
        return put_off(server, &poll, |_| {}).await;
    }
    let service = match at_its_place(server, service).await? {
        Ok(service) => service,
        Err(why) => return put_off(server, &poll, |poll| failed(poll, &why)).await,
    };
    if poll.repository != service.repository {
        // It was renamed or moved, and is looked at where it is now.
        return put_off(server, &poll, |_| {}).await;
    }
    match refs(server, &service).await {
        Err(why) => put_off(server, &poll, |poll| failed(poll, &why)).await,
        Ok(refs) => found(server, &service, &poll, &refs).await,
    }
}

/// What is there now, or why nobody knows.
async fn refs(server: &Server, service: &Service) -> Result<Refs, String> {
    let credential = server.clone_credential(service).await.map_err(|error| {
        tracing::warn!(service = %service.name, %error, "what opens a repository cannot be used now");
        "what opens the repository cannot be used now: set it anew, or look after its forge".to_owned()
    })?;
    let opened = server.repositories.mirror(service, credential.map(for_git)).await;
    let mirror = opened.map_err(|failure| failure.sentence)?;
    mirror.refs().await.map_err(|failure| failure.sentence)
}

/// Compares what is there with what was seen when the look began.
async fn found(server: &Server, service: &Service, before: &PollRecord, refs: &Refs) -> Result<(), ApiError> {
    let Some(seen) = before.seen() else {
        return put_off(server, before, |poll| {
            let base = Seen::base(refs);
            if poll.keep(&base) {
                answered(poll)
            } else {
                failed(poll, TOO_MANY)
            }
        })
        .await;
    };
    let changes = seen.changes(refs);
    for some in changes.chunks(POLL_CHANGES) {
        let taken = server
            .records
            .update(&before.service.to_string(), |poll: &mut PollRecord| {
                Ok::<_, ApiError>(take(poll, before, some))
            })
            .await?;
        if !taken.result {
            return put_off(server, before, |poll| failed(poll, TOO_MANY)).await;
        }
        deliver(server, service, &taken.record).await?;
    }
    put_off(server, before, answered).await
}

/// Takes changes into what was seen, and names them, in one write. False when there is no room.
fn take(poll: &mut PollRecord, before: &PollRecord, changes: &[Change]) -> bool {
    let Some(mut seen) = poll.seen().filter(|_| poll.is_of(before)) else {
        return true;
    };
    let taken: Vec<Change> = changes.iter().filter(|change| seen.take(change)).cloned().collect();
    if taken.is_empty() {
        return true;
    }
    let mut next = poll.clone();
    if !next.keep(&seen) {
        return false;
    }
    (next.round, next.pending) = (poll.round + 1, taken);
    next.looks.changed_at = Some(now_ms());
    *poll = next;
    true
}

/// Delivers what was taken; again it is the same deliveries.
async fn deliver(server: &Server, service: &Service, poll: &PollRecord) -> Result<(), ApiError> {
    if poll.pending.is_empty() {
        return Ok(());
    }
    for change in &poll.pending {
        store_delivery(server, delivery(service, poll, change)?).await?;
    }
    let round = poll.round;
    let set = |poll: &mut PollRecord| {
        if poll.round == round {
            poll.pending.clear();
        }
        Ok::<(), ApiError>(())
    };
    server.records.update(&poll.service.to_string(), set).await?;
    Ok(())
}

fn delivery(service: &Service, poll: &PollRecord, change: &Change) -> Result<Delivery, ApiError> {
    let side = |object: &Option<String>| object.clone().unwrap_or_else(|| ZERO.to_owned());
    let body = GitHook {
        repository: Some(poll.repository.clone()),
        git_ref: change.git_ref.clone(),
        before: side(&change.before),
        after: side(&change.after),
        delivery: None,
    };
    let body = serde_json::to_string(&body).map_err(|error| ApiError::Internal(error.to_string()))?;
    let name = format!("{}:{}:{}", poll.since, poll.round, change.git_ref);
    let payload = Payload::Git {
        body,
        headers: Default::default(),
    };
    Ok(polled(service, name, payload))
}
