//! Addresses of the server that people and repositories are given.

use circle_api::routes;
use circle_api::worker::SecretValue;
use circle_core::ids::{RunId, ServiceId};

use crate::server::Server;

impl Server {
    /// A one-time link. What opens it stands behind `#`: no browser sends that, so no log has it.
    pub(crate) fn link_url(&self, value: &SecretValue) -> SecretValue {
        SecretValue::new(format!("{}{}#{}", self.config.url, routes::LINK_PAGE, value.expose()))
    }

    /// The page of a run.
    pub(crate) fn run_url(&self, run: RunId) -> String {
        format!(
            "{}{}",
            self.config.url,
            routes::fill(routes::RUN_PAGE, &[&run.to_string()])
        )
    }

    /// Where a forge reports what happens in a linked service's repository. By id: it stays when the service is renamed.
    pub(crate) fn forge_hook_url(&self, service: ServiceId) -> String {
        let path = routes::fill(routes::FORGE_HOOK, &[&service.to_string()]);
        format!("{}{path}", self.config.url)
    }

    /// Where forges send people back to who let Circle in.
    pub(crate) fn oauth_url(&self) -> String {
        format!("{}{}", self.config.url, routes::OAUTH_PAGE)
    }

    /// Where a service's repository reports pushes.
    pub(crate) fn hook_url(&self, workspace: &str, service: &str) -> String {
        format!(
            "{}{}",
            self.config.url,
            routes::fill(routes::HOOK, &[workspace, service])
        )
    }
}
