//! What is older than the operator wants: logs and outputs of ended runs, notices, tokens that have expired, and what the audit
//! keeps no longer.

use std::sync::Arc;

use circle_core::ids::RunId;
use circle_store::blobs::Digest;
use circle_store::records::{Query, Record, kinds};

use crate::http::ApiError;
use crate::limits::RETENTION_PERIOD;
use crate::records::{AnswerRecord, AuditRecord, BlobRecord, NoticeRecord, RunRecord, TokenRecord};
use crate::server::Server;
use crate::time::now_ms;

/// Documents that one round looks at; the next round goes on.
const ROUND: usize = 500;
/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// Runs until the server goes down.
pub(super) async fn run(server: Arc<Server>) {
    loop {
        let looked = tokio::select! {
            () = server.shutdown.cancelled() => return,
            looked = round(&server, now_ms()) => looked,
        };
        if let Err(error) = looked {
            tracing::warn!(%error, "old things were not removed; it is tried again");
        }
        tokio::select! {
            () = server.shutdown.cancelled() => return,
            () = tokio::time::sleep(RETENTION_PERIOD) => {}
        }
    }
}

/// One round, as of `now_ms`.
pub(super) async fn round(server: &Server, now_ms: i64) -> Result<(), ApiError> {
    let oldest = now_ms - i64::from(server.config.keep_days) * DAY_MS;
    tokens(server, now_ms).await?;
    answers(server, now_ms).await?;
    notices(server, oldest).await?;
    audit(server, now_ms - i64::from(server.config.keep_audit_days) * DAY_MS).await?;
    // A backup that is being made has to find what its copy of the records names.
    let _turn = server.backups.removing().lock().await;
    outputs(server, oldest).await?;
    logs(server, oldest).await
}

async fn tokens(server: &Server, now_ms: i64) -> Result<(), ApiError> {
    let page = server
        .records
        .find(Query::over(kinds::TOKEN_EXPIRES).at_most(now_ms).limit(ROUND))
        .await?;
    for (token, version) in server.records.load_page::<TokenRecord>(&page).await? {
        server
            .records
            .delete::<TokenRecord>(&token.id.to_string(), version)
            .await?;
    }
    Ok(())
}

async fn answers(server: &Server, now_ms: i64) -> Result<(), ApiError> {
    let old = Query::over(kinds::ANSWER_EXPIRES).at_most(now_ms).limit(ROUND);
    let page = server.records.find(old).await?;
    for (answer, version) in server.records.load_page::<AnswerRecord>(&page).await? {
        server.records.delete::<AnswerRecord>(&answer.id, version).await?;
    }
    Ok(())
}

async fn notices(server: &Server, oldest: i64) -> Result<(), ApiError> {
    let old = Query::over(kinds::NOTICE_CREATED).at_most(oldest).limit(ROUND);
    let page = server.records.find(old).await?;
    for (NoticeRecord(notice), version) in server.records.load_page::<NoticeRecord>(&page).await? {
        let id = notice.id.to_string();
        server.records.delete::<NoticeRecord>(&id, version).await?;
    }
    Ok(())
}

/// The only way in which an entry of the audit goes: from its old end, all that are too old.
async fn audit(server: &Server, oldest: i64) -> Result<(), ApiError> {
    loop {
        let page = server
            .records
            .find(Query::over(kinds::AUDIT_AT).at_most(oldest).limit(ROUND))
            .await?;
        for (entry, version) in server.records.load_page::<AuditRecord>(&page).await? {
            let id = entry.id.to_string();
            server.records.delete::<AuditRecord>(&id, version).await?;
        }
        if page.next.is_none() {
            return Ok(());
        }
    }
}

async fn outputs(server: &Server, oldest: i64) -> Result<(), ApiError> {
    let page = server
        .records
        .find(Query::over(kinds::BLOB_CREATED).at_most(oldest).limit(ROUND))
        .await?;
    for (blob, version) in server.records.load_page::<BlobRecord>(&page).await? {
        server.records.delete::<BlobRecord>(&blob.id(), version).await?;
        let others = server
            .records
            .count(Query::over(kinds::BLOB_DIGEST).equal(blob.digest.as_str()))
            .await?;
        if others == 0 {
            let digest: Digest = blob.digest.parse()?;
            server.blobs.delete(&digest).await?;
        }
    }
    Ok(())
}

/// Runs that ended before `oldest`; removing a log twice is harmless, so no note of it is kept.
async fn logs(server: &Server, oldest: i64) -> Result<(), ApiError> {
    for state in RunRecord::ENDS {
        let query = Query::over(kinds::RUN_STATE)
            .equal(state)
            .at_most(oldest)
            .descending()
            .limit(ROUND);
        for head in server.records.find(query).await?.heads {
            if let Ok(run) = head.id.parse::<RunId>() {
                server.log_archive.remove(&run.to_string()).await?;
            }
        }
    }
    Ok(())
}
