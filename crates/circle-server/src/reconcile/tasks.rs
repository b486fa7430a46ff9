//! Starting the loops; whoever owns the set owns them all.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{closing, deadlines, deliveries, notices, polling, reseal, retention, schedules, statuses, view};
use crate::http::ApiError;
use crate::notify::MailNotifier;
use crate::server::Server;

/// Builds the view, then starts every loop.
pub(crate) async fn start(
    server: &Arc<Server>,
    mail: Option<MailNotifier>,
    tasks: &mut JoinSet<()>,
) -> Result<(), ApiError> {
    view::rebuild(server).await?;
    let (waiting, active, _) = server.queue.figures();
    tracing::info!(waiting, active, "the queue was read");
    let deployer = crate::deploy::of_server(server);
    tasks.spawn(deployer.run(server.shutdown.clone()));
    tasks.spawn(deliveries::run(Arc::clone(server)));
    for course in [polling::Course::Refs, polling::Course::Pulls] {
        tasks.spawn(polling::run(Arc::clone(server), course));
    }
    tasks.spawn(schedules::run(Arc::clone(server)));
    tasks.spawn(statuses::run(Arc::clone(server)));
    tasks.spawn(notices::make(Arc::clone(server)));
    tasks.spawn(notices::tell(Arc::clone(server), mail));
    tasks.spawn(closing::run(Arc::clone(server)));
    tasks.spawn(deadlines::run(Arc::clone(server)));
    tasks.spawn(view::run(Arc::clone(server)));
    tasks.spawn(reseal::run(Arc::clone(server)));
    tasks.spawn(crate::hosts::run(Arc::clone(server)));
    tasks.spawn(retention::run(Arc::clone(server)));
    Ok(())
}
