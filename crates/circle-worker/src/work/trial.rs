//! What a worker would find where it is started: the server, a cell, room.

use circle_api::worker::{SecretValue, Trial};
use circle_cell::probe::free_bytes;

use super::cells::plain_spec;
use super::worker::{make_folder, settle_in};
use crate::server::{CallError, Connection, Orders};
use crate::{WorkerConfig, WorkerError};

/// Tries everything that a worker needs before its first run, and removes what it made.
pub async fn try_out(config: &WorkerConfig) -> Trial {
    let cell = make_a_cell(config).await.err().map(|error| sentence(&error));
    Trial {
        disk_free_bytes: free_bytes(&config.folder).unwrap_or(0),
        server: call(config).await.err(),
        cell,
    }
}

/// A server of this protocol refuses whoever has no credential, and says nothing else.
async fn call(config: &WorkerConfig) -> Result<(), String> {
    let connection = Connection::new(&config.server, config.provider.isolation()).map_err(|error| sentence(&error))?;
    match Orders::open(&connection, &SecretValue::new("none")).await {
        Err(CallError::Credential(_)) => Ok(()),
        Ok(_) => Err("it lets in whoever comes, so it is no server of Circle".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

async fn make_a_cell(config: &WorkerConfig) -> Result<(), WorkerError> {
    make_folder(config)?;
    settle_in()?;
    let spec = plain_spec(config)?;
    let provider = crate::provider::open(config).await?;
    let cell = provider.start(&spec).await?;
    cell.kill().await?;
    Ok(())
}

fn sentence(error: &WorkerError) -> String {
    let mut sentence = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        sentence = format!("{sentence}: {next}");
        cause = next.source();
    }
    sentence
}
