//! One mirror for each service, opened when it is first needed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use circle_core::ids::ServiceId;
use circle_core::service::Service;
use circle_net::Net;
use circle_vcs::{Credential, FailureClass, GitFailure, Mirror, MirrorOptions, RepositoryUrl};
use tokio::sync::Mutex;

/// Mirrors that are open at the same time; beyond it, one that nobody uses is closed.
const OPEN_MIRRORS: usize = 256;

/// The mirrors of this server.
#[derive(Debug)]
pub(crate) struct Repositories {
    folder: PathBuf,
    /// Makes the connections of every mirror: addresses of repositories are typed in by people.
    net: Net,
    open: Mutex<HashMap<ServiceId, Arc<Mirror>>>,
}

impl Repositories {
    pub(crate) fn new(folder: PathBuf, net: Net) -> Self {
        Self {
            folder,
            net,
            open: Mutex::default(),
        }
    }

    /// The mirror of a service's repository as it is configured now, opened with what opens it now.
    pub(crate) async fn mirror(
        &self,
        service: &Service,
        credential: Option<Credential>,
    ) -> Result<Arc<Mirror>, GitFailure> {
        let url = RepositoryUrl::parse(&service.repository).map_err(|error| GitFailure {
            class: FailureClass::Forbidden,
            sentence: error.to_string(),
        })?;
        let mut open = self.open.lock().await;
        if let Some(known) = open
            .get(&service.id)
            .filter(|known| known.url().as_str() == url.as_str())
        {
            known.use_credential(credential);
            return Ok(Arc::clone(known));
        }
        if open.len() >= OPEN_MIRRORS {
            open.retain(|_, mirror| Arc::strong_count(mirror) > 1);
        }
        let folder = self.folder.join(service.id.to_string());
        let options = MirrorOptions {
            credential,
            net: Some(self.net.clone()),
            ..MirrorOptions::default()
        };
        let mirror = Arc::new(Mirror::open(&folder, url, options).await?);
        open.insert(service.id, Arc::clone(&mirror));
        Ok(mirror)
    }

    /// Removes what is kept of a service that is gone.
    pub(crate) async fn forget(&self, service: ServiceId) {
        self.open.lock().await.remove(&service);
        let folder = self.folder.join(service.to_string());
        if let Err(error) = tokio::fs::remove_dir_all(&folder).await
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(folder = %folder.display(), %error, "a mirror was not removed: remove the folder by hand");
        }
    }
}
