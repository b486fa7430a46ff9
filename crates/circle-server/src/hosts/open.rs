//! From a record to its host.

use std::net::SocketAddr;

use secrecy::SecretString;

use super::docker::DockerHost;
use super::{HostError, WorkerHost};
use crate::docker::Docker;
use crate::records::HostRecord;
use crate::server::Server;

/// The adapter of a host.
///
/// A workspace's may not lead the server to where a workspace has no business: its address is judged like any that users
/// give, and what was judged is what is connected to.
pub(crate) async fn open(server: &Server, record: &HostRecord) -> Result<Box<dyn WorkerHost>, HostError> {
    let bundle = bundle(server, record).await?;
    let endpoint = record.settings.endpoint.as_str();
    let judged = match (record.workspace, endpoint.strip_prefix("tcp://")) {
        (Some(_), Some(place)) => Some(addresses(server, place).await?),
        _ => None,
    };
    let judged = judged
        .as_ref()
        .map(|(host, addresses)| (host.as_str(), addresses.as_slice()));
    let docker = Docker::at(endpoint, bundle.as_ref(), judged);
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

async fn addresses(server: &Server, place: &str) -> Result<(String, Vec<SocketAddr>), HostError> {
    let unable = |why: String| HostError::Unable(why);
    let url: url::Url = format!("tcp://{place}")
        .parse()
        .map_err(|error| unable(format!("{place} is no address: {error}")))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = url.port().ok_or_else(|| unable(format!("{place} names no port")))?;
    match server.net.addresses(&host, port).await {
        Ok(addresses) => Ok((host, addresses)),
        Err(error) if error.is_temporary() => Err(HostError::Unreachable(error.to_string())),
        Err(error) => Err(unable(error.to_string())),
    }
}
