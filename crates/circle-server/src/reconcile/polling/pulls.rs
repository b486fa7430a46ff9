//! One look at the pull requests of one repository.

use std::collections::BTreeMap;
use std::time::Duration;

use circle_core::pulls::{Became, Pull, PullChange, Pulls, SeenPulls, labels};
use circle_core::service::Service;

use super::looked::{answered, failed, polled, put_off};
use crate::forge::{Forge, ForgeError, OpenPulls, PullAction, PullRequest, PullsWish};
use crate::http::{ApiError, store_delivery};
use crate::limits::{POLL_CHANGES, PULLS_POLLED, PULLS_REST};
use crate::reconcile::linked::{followed, opened};
use crate::records::{Payload, PolledPull, PullPollRecord, ServiceRecord};
use crate::server::Server;
use crate::time::now_ms;

/// What does not fit into a document is not polled.
const TOO_MANY: &str =
    "more than 1,000 pull requests are open, which polling does not list: let the forge call the hook instead";

/// Looks, takes what changed, delivers it; says how long the forge is left alone afterwards. Whatever happens, the record says when
/// to look again.
pub(super) async fn look(server: &Server, id: &str) -> Result<Duration, ApiError> {
    let Some((poll, version)) = server.records.load::<PullPollRecord>(id).await? else {
        return Ok(Duration::ZERO);
    };
    let service = server.records.load::<ServiceRecord>(id).await?;
    let service = service.map(|(ServiceRecord(service), _)| service);
    let service = service.filter(|service| service.poll_s.is_some());
    let Some((service, link)) = service.and_then(|service| Some((service.clone(), service.forge?))) else {
        server.records.delete::<PullPollRecord>(id, version).await?;
        return Ok(Duration::ZERO);
    };
    // What an earlier look took and did not come to deliver.
    deliver(server, &service, &poll).await?;
    if !poll.is_of_place(link.connection, &link.repository) {
        // It is made anew with the repository of now, see `adopt`.
        put_off(server, &poll, |_| {}).await?;
        return Ok(Duration::ZERO);
    }
    let forge = match opened(server, &service, &link).await {
        Ok(forge) => forge,
        Err(why) => {
            put_off(server, &poll, |poll| failed(poll, why)).await?;
            return Ok(PULLS_REST);
        }
    };
    let wish = PullsWish {
        max: PULLS_POLLED,
        mark: poll.mark.as_deref().filter(|_| poll.seen.is_some()),
    };
    // The rules of the base are read there, too.
    let service = match followed(server, service, (forge.as_ref(), &link)).await? {
        Ok(service) => service,
        Err(error) => {
            put_off(server, &poll, |poll| failed(poll, &error.to_string())).await?;
            return Ok(rest_after(&error));
        }
    };
    match forge.open_pull_requests(&link.repository, wish).await {
        Ok(OpenPulls::Same) => put_off(server, &poll, answered).await?,
        Ok(OpenPulls::TooMany) => put_off(server, &poll, |poll| failed(poll, TOO_MANY)).await?,
        Ok(OpenPulls::All { items, mark }) => {
            let list = List::of(items, mark);
            return found(server, (&service, forge.as_ref()), &poll, list).await;
        }
        Err(error) => {
            put_off(server, &poll, |poll| failed(poll, &error.to_string())).await?;
            return Ok(rest_after(&error));
        }
    }
    Ok(PULLS_REST)
}

/// A forge that wants to be left alone is, by every service of this token.
fn rest_after(error: &ForgeError) -> Duration {
    match error {
        ForgeError::Busy(rest) => PULLS_REST.max(*rest),
        _ => PULLS_REST,
    }
}

/// What is open now.
struct List {
    pulls: Pulls,
    shown: BTreeMap<u64, PullRequest>,
    mark: Option<String>,
}

impl List {
    fn of(items: Vec<PullRequest>, mark: Option<String>) -> Self {
        let compared = |pull: &PullRequest| Pull {
            head: pull.head.clone(),
            labels: labels(pull.labels.iter().map(String::as_str)),
        };
        Self {
            pulls: items.iter().map(|pull| (pull.number, compared(pull))).collect(),
            shown: items.into_iter().map(|pull| (pull.number, pull)).collect(),
            mark,
        }
    }
}

/// A change with what is told of it: nothing when the forge does not know the pull request any more.
struct Tale {
    change: PullChange,
    tell: Option<PolledPull>,
}

/// Compares what is open with what was seen when the look began.
async fn found(
    server: &Server,
    (service, forge): (&Service, &dyn Forge),
    before: &PullPollRecord,
    list: List,
) -> Result<Duration, ApiError> {
    let Some(seen) = before.seen() else {
        let base = SeenPulls::base(&list.pulls);
        put_off(server, before, |poll| settled(poll, Some(&base), list.mark.clone())).await?;
        return Ok(PULLS_REST);
    };
    let (tales, rest) = tales(forge, before, seen.changes(&list.pulls), &list.shown).await;
    // A list that is not told of to its end is read again.
    let mark = list.mark.filter(|_| rest.is_none());
    for some in tales.chunks(POLL_CHANGES) {
        let take = |poll: &mut PullPollRecord| Ok::<_, ApiError>(take(poll, before, some));
        let taken = server.records.update(&before.service.to_string(), take).await?;
        if !taken.result {
            put_off(server, before, |poll| failed(poll, TOO_MANY)).await?;
            return Ok(PULLS_REST);
        }
        deliver(server, service, &taken.record).await?;
    }
    let is_as_listed = |poll: &PullPollRecord| poll.seen().is_some_and(|seen| seen.changes(&list.pulls).is_empty());
    put_off(server, before, |poll| {
        // A call that told of something meanwhile made it another list.
        let mark = mark.clone().filter(|_| is_as_listed(poll));
        settled(poll, None, mark);
    })
    .await?;
    Ok(rest.unwrap_or(PULLS_REST))
}

/// A look was answered; what was seen is `base` if it is a first one.
fn settled(poll: &mut PullPollRecord, base: Option<&SeenPulls>, mark: Option<String>) {
    if base.is_some_and(|base| !poll.keep(base)) {
        return failed(poll, TOO_MANY);
    }
    poll.mark = mark;
    answered(poll);
}

/// What is told of changes. One that is gone from the list is asked for by itself: lists of several pages shift while they are read.
/// The second value is how long to rest, when some were left for the next look.
async fn tales(
    forge: &dyn Forge,
    before: &PullPollRecord,
    changes: Vec<PullChange>,
    shown: &BTreeMap<u64, PullRequest>,
) -> (Vec<Tale>, Option<Duration>) {
    let (mut tales, mut questions, mut rest) = (Vec::new(), POLL_CHANGES, None);
    for change in changes {
        if let Some(pull) = shown.get(&change.number) {
            let tell = Some(PolledPull {
                action: action(change.became()),
                pull: pull.clone(),
            });
            tales.push(Tale { change, tell });
            continue;
        }
        if questions == 0 {
            rest = rest.or(Some(PULLS_REST));
            continue;
        }
        questions -= 1;
        match forge.pull_request(&before.repository, change.number).await {
            Ok(pull) if pull.open => rest = rest.or(Some(PULLS_REST)),
            Ok(pull) => {
                let action = PullAction::Closed;
                let tell = Some(PolledPull { action, pull });
                tales.push(Tale { change, tell });
            }
            Err(ForgeError::NotFound) => tales.push(Tale { change, tell: None }),
            Err(error) => {
                tracing::warn!(service = %before.service, number = change.number, %error, "a pull request is asked for at the next look");
                (questions, rest) = (0, Some(rest_after(&error)));
            }
        }
    }
    (tales, rest)
}

fn action(became: Became) -> PullAction {
    match became {
        Became::Opened => PullAction::Opened,
        Became::Moved => PullAction::Synchronised,
        Became::Labelled => PullAction::Labelled,
        Became::Closed => PullAction::Closed,
    }
}

/// Takes changes into what was seen, and what is told of them, in one write. False when there is no room.
fn take(poll: &mut PullPollRecord, before: &PullPollRecord, tales: &[Tale]) -> bool {
    let Some(mut seen) = poll.seen().filter(|_| poll.is_of(before)) else {
        return true;
    };
    let taken: Vec<&Tale> = tales.iter().filter(|tale| seen.take(&tale.change)).collect();
    if taken.is_empty() {
        return true;
    }
    let mut next = poll.clone();
    if !next.keep(&seen) {
        return false;
    }
    next.round += 1;
    next.pending = taken.into_iter().filter_map(|tale| tale.tell.clone()).collect();
    next.looks.changed_at = Some(now_ms());
    *poll = next;
    true
}

/// Delivers what was taken; again it is the same deliveries.
async fn deliver(server: &Server, service: &Service, poll: &PullPollRecord) -> Result<(), ApiError> {
    if poll.pending.is_empty() {
        return Ok(());
    }
    for found in &poll.pending {
        let name = format!("pulls:{}:{}:{}", poll.since, poll.round, found.pull.number);
        let payload = Payload::Polled {
            repository: poll.repository.clone(),
            found: found.clone(),
        };
        store_delivery(server, polled(service, name, payload)).await?;
    }
    let round = poll.round;
    let set = |poll: &mut PullPollRecord| {
        if poll.round == round {
            poll.pending.clear();
        }
        Ok::<(), ApiError>(())
    };
    server.records.update(&poll.service.to_string(), set).await?;
    Ok(())
}
