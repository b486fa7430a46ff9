//! Whether somebody may still follow a run: looked at again whenever a credential or a workspace changed, and by period.

use circle_core::ids::RunId;
use circle_store::records::Changes;
use tokio::time::{Instant, sleep_until};

use crate::auth::{Caller, Found, Viewer};
use crate::http::ApiError;
use crate::limits::LIVE_PERMISSION_PERIOD;
use crate::records::{RunRecord, TokenRecord, WorkspaceRecord};
use crate::server::Server;

/// The right of one connection.
pub(super) struct Permission {
    caller: Caller,
    run: RunId,
    tokens: Changes,
    workspaces: Changes,
    again_at: Instant,
}

impl Permission {
    pub(super) fn new(server: &Server, caller: Caller, run: RunId) -> Self {
        Self {
            caller,
            run,
            tokens: server.records.changes::<TokenRecord>(),
            workspaces: server.records.changes::<WorkspaceRecord>(),
            again_at: Instant::now() + LIVE_PERMISSION_PERIOD,
        }
    }

    /// Returns when it is time to look again. Cancel safe.
    pub(super) async fn may_have_changed(&mut self) {
        tokio::select! {
            () = self.tokens.changed() => {}
            () = self.workspaces.changed() => {}
            // Another server's changes may be told late or never, and a credential expires without a change.
            () = sleep_until(self.again_at) => {}
        }
    }

    /// Asks the same question as when the connection was opened.
    pub(super) async fn still_holds(&mut self, server: &Server) -> Result<bool, ApiError> {
        self.again_at = Instant::now() + LIVE_PERMISSION_PERIOD;
        let Some(caller) = self.caller.again(server).await? else {
            return Ok(false);
        };
        let found: Result<Found<RunRecord, Viewer>, ApiError> = caller.find(server, &self.run.to_string()).await;
        match found {
            Ok(_) => Ok(true),
            Err(ApiError::NotFound { .. } | ApiError::Role { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
