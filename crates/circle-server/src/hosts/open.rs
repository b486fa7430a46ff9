//! From a record to its host.

use circle_net::NetError;
use secrecy::SecretString;

use super::docker::DockerHost;
use super::{HostError, WorkerHost};
use crate::docker::{Docker, Judged};
use crate::records::HostRecord;
use crate::server::Server;

/// The adapter of a host.
///
/// A workspace's may not lead the server to where a workspace has no business: its address is judged like any that users
/// give, and what was judged is what is connected to.
pub(crate) async fn open(server: &Server, record: &HostRecord) -> Result<Box<dyn WorkerHost>, HostError> {
    let bundle = bundle(server, record).await?;
    let endpoint = record.settings.endpoint.as_str();
    let judged = match record.workspace {
        Some(_) => Judged::of(&server.net, endpoint).await.map_err(closed)?,
        None => None,
    };
    let docker = Docker::new(endpoint, bundle.as_ref(), judged.as_ref());
    let docker = docker.map_err(|unusable| HostError::Unable(unusable.to_string()))?;
    Ok(Box::new(DockerHost::new(record.id, record.settings.clone(), docker)))
}

async fn bundle(server: &Server, record: &HostRecord) -> Result<Option<SecretString>, HostError> {
    let Some(id) = record.tls else { return Ok(None) };
    let opened = server.open_secret_by_id(id).await;
    let opened = opened.map_err(|error| HostError::Unable(format!("its certificates cannot be opened: {error}")))?;
    opened
        .map(Some)
        .ok_or_else(|| HostError::Unable("its certificates are gone: register it again".into()))
}

fn closed(error: NetError) -> HostError {
    if error.is_temporary() {
        return HostError::Unreachable(error.to_string());
    }
    HostError::Unable(error.to_string())
}
