//! What a forge's call asks for. Who asks is what the forge has authenticated; how far that is believed is asked of the
//! forge now, so a call that cannot be judged yet waits.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use circle_core::forge::{Account, ForgeConnection, ForgeLink, Permission, PullFacts};
use circle_core::ids::DeliveryId;
use circle_core::names::{BranchName, CommitId, GitRef, NameError};
use circle_core::queue::Priority;
use circle_core::service::Service;
use circle_core::trigger::{Event, Trust};

use super::planning::cut;
use super::polling;
use super::wish::{NoWish, POLLING, Wish, event_of, is_zero};
use crate::forge::{self, Forge, ForgeError, Notice, PullAction, PullNotice, What, clone_url};
use crate::http::ApiError;
use crate::records::{Delivery, Payload, PolledPull, ServiceRecord};
use crate::server::Server;

/// A call of a forge, or what a look found instead, with what it is about.
struct Call<'a> {
    service: &'a Service,
    link: &'a ForgeLink,
    connection: &'a ForgeConnection,
    /// The delivery of a call; `None` when polling found it.
    told_by: Option<DeliveryId>,
}

/// Reads what a forge told, or what polling found there. A repository that was renamed is followed: the service is given back as it is now.
pub(super) async fn understand(
    server: &Server,
    delivery: &Delivery,
    service: Service,
) -> Result<(Service, Result<Wish, NoWish>), ApiError> {
    let Some(link) = service.forge.clone() else {
        let why = "the service is not linked to a forge any more";
        return Ok((service, Err(NoWish::Refused(why.into()))));
    };
    let notice = match noticed(server, &delivery.payload).await? {
        Ok(notice) => notice,
        Err(no) => return Ok((service, Err(no))),
    };
    let connection = server.forge_connection(link.connection).await?;
    if let Err(no) = of_this_repository(&notice, &link) {
        return Ok((service, Err(no)));
    }
    let service = match notice.full_name.as_deref() {
        Some(now) => follow(server, service, (&connection, now)).await?,
        None => service,
    };
    let call = Call {
        service: &service,
        link: &link,
        connection: &connection,
        told_by: matches!(delivery.payload, Payload::Forge { .. }).then_some(delivery.id),
    };
    let wish = call.wish(server, notice.what).await?;
    Ok((service, wish))
}

async fn noticed(server: &Server, payload: &Payload) -> Result<Result<Notice, NoWish>, ApiError> {
    match payload {
        Payload::Forge { forge, headers, body } => {
            let Some(text) = server.kept_text(body).await? else {
                let why = "the body is damaged, or older than what is kept";
                return Ok(Err(NoWish::Refused(why.into())));
            };
            let notice = forge::read(*forge, &header_map(headers), text.as_bytes());
            Ok(notice.map_err(|error| NoWish::Refused(error.to_string())))
        }
        Payload::Polled { repository, found } => Ok(Ok(polled(repository, found))),
        _ => Err(ApiError::Internal("a delivery of another kind".into())),
    }
}

/// A look tells what a call would, but for who did it.
fn polled(repository: &str, found: &PolledPull) -> Notice {
    let pull = found.pull.clone();
    Notice {
        repository: Some(repository.to_owned()),
        full_name: None,
        what: What::Pull(PullNotice {
            action: found.action,
            number: pull.number,
            head: pull.head,
            base: pull.base,
            into: pull.into,
            from: pull.from,
            author: pull.author,
            sender: None,
            labels: pull.labels,
        }),
    }
}

/// Each once.
fn people(author: &Account, sender: Option<&Account>) -> Vec<Account> {
    let mut people = vec![author.clone()];
    people.extend(sender.filter(|sender| sender.id != author.id).cloned());
    people
}

fn header_map(kept: &std::collections::BTreeMap<String, String>) -> HeaderMap {
    let pairs = kept.iter().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value).ok()?))
    });
    pairs.collect()
}

/// A repository is its id: another one is refused, whatever it is called.
fn of_this_repository(notice: &Notice, link: &ForgeLink) -> Result<(), NoWish> {
    match &notice.repository {
        Some(id) if *id == link.repository => Ok(()),
        None if notice.what == What::Ping => Ok(()),
        None => Err(NoWish::Refused("the call names no repository".into())),
        Some(id) => Err(NoWish::Refused(format!(
            "the call is of the repository {id} ({}), the service is {} ({})",
            cut(notice.full_name.as_deref().unwrap_or("without a name")),
            link.repository,
            link.full_name
        ))),
    }
}

/// The same repository under another name: the service is fetched from there from now on.
pub(super) async fn follow(
    server: &Server,
    service: Service,
    (connection, now): (&ForgeConnection, &str),
) -> Result<Service, ApiError> {
    let known = service.forge.as_ref().map(|link| link.full_name.as_str());
    if known == Some(now) {
        return Ok(service);
    }
    tracing::info!(service = %service.name, from = known, to = now, "a repository was renamed");
    let set = |ServiceRecord(service): &mut ServiceRecord| {
        if let Some(link) = &mut service.forge {
            link.full_name = now.to_owned();
            service.repository = clone_url(connection, now);
        }
        Ok::<(), ApiError>(())
    };
    let updated = server.records.update(&service.id.to_string(), set).await?;
    server.hook_keys.forget();
    Ok(updated.record.0)
}

impl Call<'_> {
    async fn wish(&self, server: &Server, what: What) -> Result<Result<Wish, NoWish>, ApiError> {
        Ok(match what {
            What::Ping => Err(NoWish::Ignored("a ping: the hook works".into())),
            What::Unknown(name) => Err(NoWish::Ignored(format!("Circle does nothing about {}", cut(&name)))),
            What::Push {
                git_ref,
                before,
                after,
                sender,
            } => self.push((git_ref, before, after), &sender),
            What::Pull(pull) => self.proposal(server, pull).await?,
        })
    }

    async fn proposal(&self, server: &Server, pull: PullNotice) -> Result<Result<Wish, NoWish>, ApiError> {
        let judged = match self.may_run(&pull) {
            Ok(()) => self.trust(server, &pull).await?,
            Err(no) => Err(no),
        };
        // What waits is told when it is judged; until then polling may find it.
        let told_by = self.told_by.filter(|_| !matches!(judged, Err(NoWish::Later(_))));
        if let Some(delivery) = told_by
            && polling::hear_pull(server, self.service, delivery, &pull).await?
        {
            let why = "polling had found this commit of the pull request before the call came";
            return Ok(Err(NoWish::Ignored(why.into())));
        }
        Ok(judged.and_then(|trust| {
            self.pull(pull, trust)
                .map_err(|error| NoWish::Refused(error.to_string()))
        }))
    }

    /// Whoever could push is a member: the forge has seen to it.
    fn push(&self, (git_ref, before, after): (String, String, String), sender: &Account) -> Result<Wish, NoWish> {
        let refused = |error: NameError| NoWish::Refused(error.to_string());
        let git_ref = GitRef::new(git_ref).map_err(refused)?;
        if is_zero(&after) {
            return Err(NoWish::Ignored(format!("{git_ref} was deleted")));
        }
        let event = event_of(&git_ref).ok_or_else(|| NoWish::Ignored("only branches and tags start runs".into()))?;
        let before = if is_zero(&before) {
            None
        } else {
            Some(CommitId::new(before).map_err(refused)?)
        };
        Ok(Wish {
            event,
            git_ref,
            commit: Some(CommitId::new(after).map_err(refused)?),
            before,
            actor: sender.actor(self.connection.kind),
            priority: Priority::Normal,
            trust: Trust::Member,
            inputs: Default::default(),
        })
    }

    fn may_run(&self, pull: &PullNotice) -> Result<(), NoWish> {
        let number = pull.number;
        let ignored = |why: String| Err(NoWish::Ignored(why));
        match pull.action {
            PullAction::Opened | PullAction::Synchronised if pull.from.is_some() => Ok(()),
            PullAction::Opened | PullAction::Synchronised => {
                ignored(format!("the repository of pull request {number} is gone"))
            }
            PullAction::Closed => ignored(format!("pull request {number} was closed")),
            PullAction::Labelled => ignored(format!("labels of pull request {number} start nothing")),
            PullAction::Other => ignored(format!("pull request {number} has the same commits as before")),
        }
    }

    /// Who cannot be judged for good is a stranger; who cannot be judged now waits. A look does not say who moved it: whoever did could
    /// push to the repository, as its branch lies there.
    async fn trust(&self, server: &Server, pull: &PullNotice) -> Result<Result<Trust, NoWish>, ApiError> {
        let same_repository = pull.from.as_deref() == Some(self.link.repository.as_str());
        if !same_repository {
            return Ok(Ok(Trust::Stranger));
        }
        let forge = server.forge(self.connection).await?;
        let author = self.permission(forge.as_ref(), &pull.author).await;
        let sender = match (&author, &pull.sender) {
            (Ok(known), None) => Ok(*known),
            (Ok(known), Some(sender)) if sender.id == pull.author.id => Ok(*known),
            (_, Some(sender)) => self.permission(forge.as_ref(), sender).await,
            (Err(error), None) => Err(error.clone()),
        };
        Ok(match (author, sender) {
            (Ok(author), Ok(sender)) => Ok(PullFacts {
                same_repository,
                author,
                sender,
            }
            .trust()),
            (Err(error), _) | (_, Err(error)) => Err(NoWish::Later(error.to_string())),
        })
    }

    async fn permission(&self, forge: &dyn Forge, account: &Account) -> Result<Permission, ForgeError> {
        match forge.permission(&self.link.repository, account).await {
            Err(error) if !error.is_temporary() => {
                tracing::warn!(service = %self.service.name, %error, "a member cannot be told from a stranger");
                Ok(Permission::None)
            }
            other => other,
        }
    }

    fn pull(&self, pull: PullNotice, trust: Trust) -> Result<Wish, NameError> {
        let base = pull.base.map(CommitId::new).transpose()?;
        Ok(Wish {
            event: Event::PullRequest {
                number: pull.number,
                into: BranchName::new(pull.into)?,
                base: base.clone(),
                fork: pull.from.as_deref() != Some(self.link.repository.as_str()),
                people: people(&pull.author, pull.sender.as_ref()),
                approved_by: None,
                approver: None,
            },
            git_ref: GitRef::new(self.connection.kind.pull_ref(pull.number))?,
            commit: Some(CommitId::new(pull.head)?),
            before: base,
            actor: pull
                .sender
                .map_or_else(|| POLLING.to_owned(), |sender| sender.actor(self.connection.kind)),
            priority: Priority::Normal,
            trust,
            inputs: Default::default(),
        })
    }
}
