//! One cell's engine.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bollard::Docker;
use circle_api::worker::RegistryAccess;
use circle_core::run::Failure;
use serde_json::json;

use super::{Reference, engine_failure};

/// A request's head must come within this time; the bodies of builds and waits may take as long as they take.
const HEAD_SECONDS: u64 = 120;

/// The engine of a cell. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) docker: Docker,
    pub(super) socket: PathBuf,
}

impl Engine {
    /// Opens no connection yet.
    pub(crate) fn new(socket: &Path) -> Result<Self, Failure> {
        let address = format!("unix://{}", socket.display());
        let docker = Docker::connect_with_unix(&address, HEAD_SECONDS, bollard::API_DEFAULT_VERSION)
            .map_err(|error| engine_failure("the cell's Docker engine could not be addressed", &error))?;
        Ok(Self {
            docker,
            socket: socket.to_owned(),
        })
    }
}

/// The header `X-Registry-Auth`: URL-safe base64, or the engine takes it for no credential at all.
pub(super) fn registry_header(access: &RegistryAccess) -> String {
    let password = access.password.as_ref().map(|password| password.expose());
    let json = json!({
        "username": access.username.as_deref().unwrap_or_default(),
        "password": password.unwrap_or_default(),
        "serveraddress": access.address,
    });
    URL_SAFE.encode(json.to_string())
}

/// The credential for the registry of this image; a credential never goes to another host.
pub(crate) fn access_for<'a>(registries: &'a [RegistryAccess], image: &Reference) -> Option<&'a RegistryAccess> {
    registries
        .iter()
        .find(|access| access.address == image.host && access.username.is_some())
}
