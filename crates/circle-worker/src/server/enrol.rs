//! Who this worker is: its token, had once for an enrolment token and kept in a file.

use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use circle_api::worker::{Enrol, Enrolled, SecretValue, WorkerFacts};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::connection::{CallError, Connection, answer, sentence};
use super::pause::Pause;
use crate::machine::Machine;
use crate::{WorkerConfig, WorkerError};

/// What every enrolment token begins with.
const PREFIX: &str = "circle_enrol_";
/// Longest enrolment token that is read, with what stands around it.
const MAX_TOKEN_BYTES: u64 = 512;
/// The file in the worker's folder.
const FILE: &str = "token";

#[derive(Serialize, Deserialize)]
struct Kept {
    worker: String,
    token: SecretValue,
}

/// The kept token, or a fresh one for the enrolment token. With `anew`, the kept one has been refused.
pub(crate) async fn identity(
    connection: &Connection,
    config: &WorkerConfig,
    anew: bool,
) -> Result<SecretValue, WorkerError> {
    let file = config.folder.join(FILE);
    if !anew && let Some(kept) = read(&file)? {
        return Ok(kept.token);
    }
    let enrolled = enrol(connection, config).await?;
    keep(&file, &enrolled).map_err(|source| WorkerError::Folder {
        path: file.clone(),
        source,
    })?;
    tracing::info!(worker = %enrolled.worker, name = %config.name, "enrolled");
    Ok(enrolled.token)
}

async fn enrol(connection: &Connection, config: &WorkerConfig) -> Result<Enrolled, WorkerError> {
    let Some(path) = &config.enrolment else {
        return Err(WorkerError::NotEnrolled { path: None });
    };
    let not_there = || WorkerError::NotEnrolled {
        path: Some(path.clone()),
    };
    let token = enrolment_token(path).ok_or_else(not_there)?;
    let body = Enrol {
        name: config.name.clone(),
        facts: facts(config),
    };
    let mut pause = Pause::default();
    loop {
        match answer(connection.request(Method::POST, "/enrol", &token).json(&body)).await {
            Ok(enrolled) => return Ok(enrolled),
            Err(CallError::Later(why)) => {
                tracing::warn!(why, "the server cannot be reached; trying again");
                pause.wait().await;
            }
            // Here a conflict is about the name.
            Err(CallError::Gone(text)) => return Err(WorkerError::Refused(sentence(&text))),
            Err(error) => return Err(WorkerError::Refused(error.to_string())),
        }
    }
}

/// The token in a file. This process is root, and the folder may be the server's, who is not: what is no enrolment token
/// is never sent, wherever a link leads.
fn enrolment_token(path: &Path) -> Option<SecretValue> {
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(MAX_TOKEN_BYTES).read_to_string(&mut text).ok()?;
    let token = text.trim();
    let fits = token
        .strip_prefix(PREFIX)
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    fits.then(|| SecretValue::new(token))
}

fn read(file: &Path) -> Result<Option<Kept>, WorkerError> {
    let folder = |source| WorkerError::Folder {
        path: file.to_owned(),
        source,
    };
    match std::fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| folder(error.into())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(folder(error)),
    }
}

/// Written beside and renamed: half a token is none.
fn keep(file: &Path, enrolled: &Enrolled) -> std::io::Result<()> {
    let kept = Kept {
        worker: enrolled.worker.to_string(),
        token: enrolled.token.clone(),
    };
    let fresh = file.with_extension("new");
    let _ = std::fs::remove_file(&fresh);
    let mut out = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)?;
    out.write_all(&serde_json::to_vec(&kept)?)?;
    out.sync_all()?;
    std::fs::rename(fresh, file)
}

/// What this machine is.
fn facts(config: &WorkerConfig) -> WorkerFacts {
    let machine = Machine::this();
    WorkerFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        max_cells: config.max_cells(),
        warm_cells: config.warm_cells(),
        memory_bytes: machine.memory_bytes,
        cpus: machine.cores,
    }
}

#[cfg(test)]
mod tests {
    use super::enrolment_token;

    #[test]
    fn only_an_enrolment_token_is_ever_sent() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("local-enrolment");
        assert!(enrolment_token(&path).is_none(), "there is none");
        for foreign in ["root:x:0:0", "circle_admin_00ff", "circle_enrol_00\nmore", ""] {
            std::fs::write(folder.path().join("foreign"), foreign).expect("a file");
            let _ = std::fs::remove_file(&path);
            std::os::unix::fs::symlink("foreign", &path).expect("a link");
            assert!(enrolment_token(&path).is_none(), "{foreign} would be sent");
        }
        std::fs::remove_file(&path).expect("removed");
        std::fs::write(&path, "circle_enrol_00ff\n").expect("a token");
        assert_eq!(enrolment_token(&path).expect("a token").expose(), "circle_enrol_00ff");
    }
}
