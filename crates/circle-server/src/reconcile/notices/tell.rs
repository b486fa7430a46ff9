//! From a notice to its receiver.

use std::collections::BTreeSet;
use std::sync::Arc;

use circle_core::ids::NoticeId;
use circle_core::notice::{Notice, Receiver};
use circle_store::records::{Kind, Query, kinds};
use tokio::task::JoinSet;

use crate::http::ApiError;
use crate::limits::{LOOP_PERIOD, NOTICES_AT_ONCE, NOTICES_LOOKED_AT};
use crate::notify::{Destination, MailNotifier, NotTold, Notifier, Story, WebhookNotifier};
use crate::records::{NoticeRecord, WebhookRecord};
use crate::server::Server;
use crate::time::{now, now_ms};

/// What notices go out through.
#[derive(Debug, Clone)]
struct Doors {
    /// `None`: no mail server is configured.
    mail: Option<Arc<MailNotifier>>,
    webhooks: WebhookNotifier,
}

/// Runs until the server goes down.
pub(in crate::reconcile) async fn run(server: Arc<Server>, mail: Option<MailNotifier>) {
    let doors = Doors {
        mail: mail.map(Arc::new),
        webhooks: WebhookNotifier::new(server.net.clone()),
    };
    let mut changes = server.records.store().changes(Kind::Notice);
    let mut tasks = JoinSet::new();
    let mut busy = BTreeSet::new();
    loop {
        if let Err(error) = fill(&server, &doors, &mut tasks, &mut busy).await {
            tracing::warn!(%error, "notices that are due cannot be read; it is tried again");
        }
        tokio::select! {
            () = server.shutdown.cancelled() => break,
            () = changes.changed() => {}
            Some(done) = tasks.join_next() => match done {
                Ok(receiver) => { busy.remove(&receiver); }
                Err(_) => {
                    tasks.shutdown().await;
                    busy.clear();
                }
            },
            () = tokio::time::sleep(LOOP_PERIOD) => {}
        }
    }
    tasks.shutdown().await;
}

/// Gives every free hand a notice whose receiver is not spoken to yet: one that is slow delays nobody else's.
async fn fill(
    server: &Arc<Server>,
    doors: &Doors,
    tasks: &mut JoinSet<String>,
    busy: &mut BTreeSet<String>,
) -> Result<(), ApiError> {
    let due = Query::over(kinds::NOTICE_DUE)
        .at_most(now_ms())
        .limit(NOTICES_LOOKED_AT);
    let found = server.records.find(due).await?;
    for (NoticeRecord(notice), _) in server.records.load_page(&found).await? {
        if tasks.len() >= NOTICES_AT_ONCE {
            break;
        }
        let receiver = match &notice.receiver {
            Receiver::Mail { address } => address.to_string(),
            Receiver::Webhook { webhook, .. } => webhook.to_string(),
        };
        if busy.insert(receiver.clone()) {
            let (server, doors) = (Arc::clone(server), doors.clone());
            tasks.spawn(async move {
                handle(&server, &doors, notice).await;
                receiver
            });
        }
    }
    Ok(())
}

async fn handle(server: &Server, doors: &Doors, notice: Notice) {
    let id = notice.id;
    let outcome = match tell(server, doors, &notice).await {
        Ok(outcome) => outcome,
        // The store's own trouble is none of the receiver's.
        Err(error) => Err(NotTold::Later(format!("the server could not read it: {error}"))),
    };
    if let Err(why) = &outcome {
        tracing::info!(notice = %id, %why, "a notice was not delivered");
    }
    if let Err(error) = write_down(server, id, &outcome).await {
        tracing::warn!(notice = %id, %error, "what became of a notice was not written down; it may be told twice");
    }
}

async fn tell(server: &Server, doors: &Doors, notice: &Notice) -> Result<Result<(), NotTold>, ApiError> {
    let never = |why: &str| Ok(Err(NotTold::Never(why.to_owned())));
    let Some(story) = Story::of(server, notice).await? else {
        return never("the run or its service was removed");
    };
    let (to, door): (Destination, &dyn Notifier) = match &notice.receiver {
        Receiver::Mail { address } => match &doors.mail {
            Some(mail) => (Destination::Mail(address.clone()), mail.as_ref()),
            None => return never("the server has no mail server: start it with --mail-server and --mail-from"),
        },
        Receiver::Webhook { webhook, .. } => match destination(server, &webhook.to_string()).await? {
            Some(to) => (to, &doors.webhooks),
            None => return never("the webhook was removed"),
        },
    };
    Ok(door.tell(&to, notice, &story).await)
}

async fn destination(server: &Server, webhook: &str) -> Result<Option<Destination>, ApiError> {
    let Some((WebhookRecord(webhook), _)) = server.records.load::<WebhookRecord>(webhook).await? else {
        return Ok(None);
    };
    let secret = server.open_secret_by_id(webhook.secret).await?;
    Ok(secret.map(|secret| Destination::Webhook {
        url: webhook.url,
        secret,
    }))
}

async fn write_down(server: &Server, id: NoticeId, outcome: &Result<(), NotTold>) -> Result<(), ApiError> {
    let jitter = rand::random();
    let put = |NoticeRecord(notice): &mut NoticeRecord| {
        match outcome {
            Ok(()) => notice.delivered(now()),
            Err(NotTold::Later(why)) => notice.failed(now(), (why, false), jitter),
            Err(NotTold::Never(why)) => notice.failed(now(), (why, true), jitter),
        }
        Ok::<(), ApiError>(())
    };
    server.records.update(&id.to_string(), put).await?;
    Ok(())
}
