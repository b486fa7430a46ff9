//! Closes the logs of ended runs, one after the other.

use std::sync::Arc;

use crate::limits::LOOP_PERIOD;
use crate::server::Server;

/// Runs until the server goes down.
pub(super) async fn run(server: Arc<Server>) {
    loop {
        let run = tokio::select! {
            () = server.shutdown.cancelled() => return,
            run = server.closings.next() => run,
        };
        if let Err(error) = server.log_bus.close(&run.to_string()).await {
            tracing::warn!(%run, %error, "a log was not closed; it is tried again");
            server.closings.put(run);
            tokio::select! {
                () = server.shutdown.cancelled() => return,
                () = tokio::time::sleep(LOOP_PERIOD) => {}
            }
        }
    }
}
