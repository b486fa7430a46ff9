//! From an ended run to its notices.

use std::sync::Arc;

use circle_core::ids::{NoticeId, RunId};
use circle_core::notice::{Cause, MailAddress, Notice, NoticeState, Receiver};
use circle_core::run::{Run, RunState};
use circle_core::service::Service;
use circle_store::records::{Kind, Query, RecordError, StoreError, kinds};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::http::{ApiError, for_git};
use crate::limits::{LOOP_PERIOD, NOTICES_LOOKED_AT, RUNS_BEFORE};
use crate::records::{NoticeRecord, RunRecord, WebhookRecord};
use crate::server::Server;
use crate::time::{now, now_ms};

/// Runs until the server goes down.
pub(in crate::reconcile) async fn run(server: Arc<Server>) {
    let mut changes = server.records.store().changes(Kind::Run);
    loop {
        let is_more = match make_due(&server).await {
            Ok(is_more) => is_more,
            Err(error) => {
                tracing::warn!(%error, "notices of ended runs were not made; it is tried again");
                false
            }
        };
        if is_more && !server.shutdown.is_cancelled() {
            continue;
        }
        tokio::select! {
            () = server.shutdown.cancelled() => return,
            () = changes.changed() => {}
            () = tokio::time::sleep(LOOP_PERIOD) => {}
        }
    }
}

/// Says whether there may be more.
async fn make_due(server: &Server) -> Result<bool, ApiError> {
    let due = Query::over(kinds::RUN_NOTICES)
        .at_most(now_ms())
        .limit(NOTICES_LOOKED_AT);
    let heads = server.records.find(due).await?.heads;
    let is_full = heads.len() == NOTICES_LOOKED_AT;
    let mut made = 0;
    for head in heads {
        let Ok(id) = head.id.parse::<RunId>() else { continue };
        match make(server, id).await {
            Ok(()) => made += 1,
            Err(error) => tracing::warn!(run = %id, %error, "the notices of a run were not made; it is tried again"),
        }
    }
    Ok(is_full && made > 0)
}

async fn make(server: &Server, id: RunId) -> Result<(), ApiError> {
    if let Some((run, _)) = server.run(id).await?
        && let RunState::Ended { verdict, .. } = &run.state
    {
        match server.service_by_id(run.service).await {
            Ok(service) => {
                let cause = Cause::of(verdict, before(server, &run).await?.as_deref());
                for receiver in receivers(server, &service, &run, cause).await? {
                    insert(server, notice(&run, cause, receiver)).await?;
                }
            }
            Err(ApiError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let told = |RunRecord(run): &mut RunRecord| {
        run.noticed = true;
        Ok::<(), ApiError>(())
    };
    server.records.update(&id.to_string(), told).await?;
    Ok(())
}

/// The verdict of the run before on the same ref, of those that came to one.
async fn before(server: &Server, run: &Run) -> Result<Option<String>, ApiError> {
    let earlier = Query::over(kinds::RUN_SERVICE)
        .equal(run.service.to_string())
        .at_most(run.created_at.as_millisecond())
        .descending()
        .limit(RUNS_BEFORE);
    let heads = server.records.find(earlier).await?.heads;
    let found = heads.iter().find(|head| {
        head.number("/number")
            .is_some_and(|number| number < i64::try_from(run.number).unwrap_or(i64::MAX))
            && head.text("/ref") == Some(run.trigger.git_ref.as_str())
            && matches!(head.text("/state/name"), Some("failed" | "succeeded"))
    });
    Ok(found.and_then(|head| head.text("/state/name")).map(str::to_owned))
}

async fn receivers(server: &Server, service: &Service, run: &Run, cause: Cause) -> Result<Vec<Receiver>, ApiError> {
    let mut receivers = Vec::new();
    if cause.is_for_people(run.trigger.trust) {
        let mut addresses = service.mail.to.clone();
        if service.mail.author {
            addresses.extend(author(server, service, run).await);
        }
        addresses.sort();
        addresses.dedup();
        receivers.extend(addresses.into_iter().map(|address| Receiver::Mail { address }));
    }
    let webhooks = Query::over(kinds::WEBHOOK_NAME).equal(service.id.to_string());
    let found = server.records.find(webhooks).await?;
    for (WebhookRecord(webhook), _) in server.records.load_page(&found).await? {
        receivers.push(Receiver::Webhook {
            webhook: webhook.id,
            name: webhook.name,
        });
    }
    Ok(receivers)
}

/// The author's address as the commit has it; nobody when the repository or the address is of no use.
async fn author(server: &Server, service: &Service, run: &Run) -> Option<MailAddress> {
    let commit = run.trigger.commit.as_ref()?;
    let told = |why: String| tracing::info!(run = %run.id, why, "the author of a commit gets no mail");
    let credential = server
        .clone_credential(service)
        .await
        .map_err(|error| told(error.to_string()))
        .ok()?
        .map(for_git);
    let mirror = server
        .repositories
        .mirror(service, credential)
        .await
        .map_err(|error| told(error.sentence))
        .ok()?;
    let address = mirror
        .author_address(commit)
        .await
        .map_err(|error| told(error.sentence))
        .ok()?;
    address
        .parse()
        .map_err(|error: circle_core::notice::MailAddressError| told(error.to_string()))
        .ok()
}

fn notice(run: &Run, cause: Cause, receiver: Receiver) -> Notice {
    let key = match &receiver {
        Receiver::Mail { address } => format!("{}\nmail\n{address}", run.id),
        Receiver::Webhook { webhook, .. } => format!("{}\nwebhook\n{webhook}", run.id),
    };
    let digest = Sha256::digest(key.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Notice {
        id: NoticeId::from_uuid(Uuid::from_bytes(bytes)),
        workspace: run.workspace,
        service: run.service,
        run: Some(run.id),
        cause,
        receiver,
        state: NoticeState::Waiting { next_at: now() },
        tries: 0,
        why: None,
        created_at: now(),
    }
}

/// One that is there already was made before a crash, or by another server.
async fn insert(server: &Server, notice: Notice) -> Result<(), ApiError> {
    match server.records.insert(&NoticeRecord(notice)).await {
        Ok(_) | Err(RecordError::Store(StoreError::Conflict { .. })) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
