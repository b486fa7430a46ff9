//! What a server without administrator or worker makes: one token each, in a file of mode 0600, never printed.
//!
//! The file is written before the hash is stored, and what a crash left is taken up, so that there is never a token
//! that nobody can read.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use circle_api::worker::SecretValue;
use circle_store::records::{Query, Record, RecordError, StoreError, kinds};

use super::tokens::{Minted, hash_of, mint};
use crate::backup::RESTORED;
use crate::records::{TokenKind, TokenRecord, UserRecord, WorkerRecord};
use crate::server::Server;
use crate::time::now_ms;

/// The first administrator's link works for a day, in milliseconds; a later start makes another one.
const WELCOME_MS: i64 = 86_400_000;

/// Why the first tokens could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FirstStartError {
    /// The file cannot be written.
    #[error("cannot write {path}: {source}")]
    File {
        /// Which file.
        path: String,
        #[source]
        source: std::io::Error,
    },
    /// The store does not take the hash.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Makes what is missing.
pub(crate) async fn prepare(server: &Server) -> Result<(), FirstStartError> {
    let folder = &server.config.data;
    let administrators = Query::over(kinds::TOKEN_KIND).equal(TokenKind::Administrator.word());
    // After a restore the tokens of before are in the store, and not on this machine: `circle up` has its own from here.
    let restored = folder.join(RESTORED);
    let is_restored = restored.exists();
    if is_restored || server.records.count(administrators).await.map_err(RecordError::from)? == 0 {
        let path = folder.join("admin-token");
        keep(server, &path, TokenKind::Administrator, "first administrator").await?;
        tracing::info!(file = %path.display(), "an administrator's token lies in this file");
    }
    welcome(server).await?;
    let workers = Query::all(WorkerRecord::KIND);
    if is_restored || server.records.count(workers).await.map_err(RecordError::from)? == 0 {
        keep(
            server,
            &folder.join("local-enrolment"),
            TokenKind::Enrolment,
            "local worker",
        )
        .await?;
    }
    if is_restored {
        let gone = std::fs::remove_file(&restored);
        gone.map_err(|source| FirstStartError::File {
            path: restored.display().to_string(),
            source,
        })?;
    }
    Ok(())
}

/// While nobody has an account, a link for the first administrator's, printed once: the value is not kept.
async fn welcome(server: &Server) -> Result<(), FirstStartError> {
    let users = Query::all(UserRecord::KIND);
    let links = Query::over(kinds::TOKEN_KIND).equal(TokenKind::Welcome.word());
    let page = server.records.find(links).await.map_err(RecordError::from)?;
    let has_users = server.records.count(users).await.map_err(RecordError::from)? > 0;
    for (link, version) in server.records.load_page::<TokenRecord>(&page).await? {
        if link.is_valid(now_ms()) && !has_users {
            return Ok(());
        }
        server
            .records
            .delete::<TokenRecord>(&link.id.to_string(), version)
            .await?;
    }
    if has_users {
        return Ok(());
    }
    let minted = mint(TokenKind::Welcome.prefix());
    let mut record = minted.record(TokenKind::Welcome, "first administrator", now_ms());
    record.expires_at = Some(now_ms() + WELCOME_MS);
    server.records.insert(&record).await?;
    let link = server.link_url(&minted.value);
    tracing::info!(
        link = link.expose(),
        "open this link once, within a day, to make the administrator's account"
    );
    Ok(())
}

async fn keep(server: &Server, path: &Path, kind: TokenKind, name: &str) -> Result<(), FirstStartError> {
    let file = |source| FirstStartError::File {
        path: path.display().to_string(),
        source,
    };
    let minted = match std::fs::read_to_string(path) {
        Ok(text) if text.trim().starts_with(kind.prefix()) => Minted {
            hash: hash_of(text.trim()),
            value: SecretValue::new(text.trim()),
        },
        Ok(_) => write_new(path, kind).map_err(file)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => write_new(path, kind).map_err(file)?,
        Err(error) => return Err(file(error)),
    };
    match server.records.insert(&minted.record(kind, name, now_ms())).await {
        Ok(_) | Err(RecordError::Store(StoreError::Conflict { .. })) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn write_new(path: &Path, kind: TokenKind) -> std::io::Result<Minted> {
    let minted = mint(kind.prefix());
    let aside = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&aside)?;
    writeln!(file, "{}", minted.value.expose())?;
    file.sync_all()?;
    std::fs::rename(&aside, path)?;
    Ok(minted)
}
