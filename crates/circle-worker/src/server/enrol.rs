//! Who this worker is: its token, had once for an enrolment token and kept in a file.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use circle_api::worker::{Enrol, Enrolled, SecretValue, WorkerFacts};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::connection::{CallError, Connection, answer};
use super::pause::Pause;
use crate::{WorkerConfig, WorkerError};

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
    let text = std::fs::read_to_string(path).map_err(|_| WorkerError::NotEnrolled {
        path: Some(path.clone()),
    })?;
    let token = SecretValue::new(text.trim());
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
            Err(error) => return Err(WorkerError::Refused(error.to_string())),
        }
    }
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
    let cpus = std::thread::available_parallelism().map_or(1, |cpus| u32::try_from(cpus.get()).unwrap_or(u32::MAX));
    WorkerFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        max_cells: config.max_cells,
        warm_cells: config.warm_cells,
        memory_bytes: memory_bytes(),
        cpus,
    }
}

fn memory_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes: u64 = line
        .and_then(|line| line.split_whitespace().next())
        .and_then(|word| word.parse().ok())
        .unwrap_or(0);
    kibibytes * 1024
}
