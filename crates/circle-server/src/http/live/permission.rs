//! Whether somebody may still follow a run: looked at again whenever a credential or a workspace changed, and by period.

use circle_core::ids::RunId;
use circle_store::records::Changes;
use tokio::time::{Instant, sleep_until};

use crate::auth::{AtLeast, Caller, Found, Viewer, Within};
use crate::http::ApiError;
use crate::limits::LIVE_PERMISSION_PERIOD;
use crate::records::{RunRecord, TokenRecord, WorkspaceRecord};
use crate::server::Server;

/// When the right of a connection is to be looked at again.
pub(in crate::http) struct Recheck {
    tokens: Changes,
    workspaces: Changes,
    again_at: Instant,
}

impl Recheck {
    pub(in crate::http) fn new(server: &Server) -> Self {
        Self {
            tokens: server.records.changes::<TokenRecord>(),
            workspaces: server.records.changes::<WorkspaceRecord>(),
            again_at: Instant::now() + LIVE_PERMISSION_PERIOD,
        }
    }

    /// Returns when it is time to look again. Cancel safe.
    pub(in crate::http) async fn due(&mut self) {
        tokio::select! {
            () = self.tokens.changed() => {}
            () = self.workspaces.changed() => {}
            // Another server's changes may be told late or never, and a credential expires without a change.
            () = sleep_until(self.again_at) => {}
        }
        self.again_at = Instant::now() + LIVE_PERMISSION_PERIOD;
    }
}

/// Whether somebody still has a role in a workspace; when that cannot be told, they have none.
pub(in crate::http) async fn may_still<R: AtLeast>(server: &Server, caller: &Caller, workspace: &str) -> bool {
    match caller.again(server).await {
        Ok(Some(caller)) => {
            let within: Result<Within<R>, ApiError> = caller.enter(server, workspace).await;
            within.is_ok()
        }
        Ok(None) | Err(_) => false,
    }
}

/// The right of one connection to a run.
pub(super) struct Permission {
    caller: Caller,
    run: RunId,
    recheck: Recheck,
}

impl Permission {
    pub(super) fn new(server: &Server, caller: Caller, run: RunId) -> Self {
        let recheck = Recheck::new(server);
        Self { caller, run, recheck }
    }

    /// Returns when it is time to look again. Cancel safe.
    pub(super) async fn may_have_changed(&mut self) {
        self.recheck.due().await;
    }

    /// Asks the same question as when the connection was opened.
    pub(super) async fn still_holds(&mut self, server: &Server) -> Result<bool, ApiError> {
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
