//! The deployer of a server.

use std::sync::Arc;

use super::engine::{Deployer, DeployerParts};
use super::swarm;
use crate::server::Server;

/// An engine over the server's stores that tells the queue and the watchers of every run that it changes.
pub(crate) fn of_server(server: &Arc<Server>) -> Arc<Deployer> {
    // The server owns the task that owns the deployer: a strong handle here would keep both for ever.
    let told = Arc::downgrade(server);
    let net = server.net.clone();
    let parts = DeployerParts {
        records: server.records.clone(),
        leases: Arc::clone(&server.leases),
        vault: Arc::clone(&server.vault),
        net: server.net.clone(),
        connect: Arc::new(move |settings, bundle| {
            let net = net.clone();
            Box::pin(async move { swarm::connect(&net, &settings, bundle).await })
        }),
        tell: Arc::new(move |run, version| {
            let told = told.clone();
            Box::pin(async move {
                if let Some(server) = told.upgrade() {
                    server.observe(&run, version).await;
                }
            })
        }),
    };
    Arc::new(Deployer::new(parts))
}
