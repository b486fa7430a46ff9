//! Whoever could push when a pull request came may not be able to any more when a worker takes its run.

use circle_core::forge::Permission;
use circle_core::run::{CancelCause, Run};
use circle_core::trigger::{Event, Trust};

use crate::http::ApiError;
use crate::server::Server;

/// Who ends a run whose people may not push any more.
const BY: &str = "circle";

/// Asks the forge once more about those for whom a pull request's run is a member's. When one of them may not push any more,
/// the run ends.
///
/// # Errors
/// [`ApiError::Conflict`] then; [`ApiError::Upstream`] when the forge does not answer, and the run is offered again.
pub(super) async fn check(server: &Server, run: &Run) -> Result<(), ApiError> {
    let Event::PullRequest {
        people, approved_by, ..
    } = &run.trigger.event
    else {
        return Ok(());
    };
    if run.trigger.trust != Trust::Member || approved_by.is_some() {
        return Ok(());
    }
    let service = server.service_by_id(run.service).await?;
    let Some(link) = &service.forge else { return Ok(()) };
    let connection = server.forge_connection(link.connection).await?;
    let forge = server.forge(&connection).await?;
    for account in people {
        let now = match forge.permission(&link.repository, account).await {
            Err(error) if error.is_temporary() => return Err(error.into()),
            // Who cannot be judged is no member.
            other => other.unwrap_or(Permission::None),
        };
        if now < Permission::Write {
            let by = format!("{BY}: {} may not push any more", account.login);
            if let Err(error) = server.cancel(run.id, CancelCause::Requested, &by, false).await {
                tracing::warn!(run = %run.id, %error, "a run whose people may not push any more was not ended");
            }
            return Err(ApiError::Conflict(format!("{} may not push any more", account.login)));
        }
    }
    Ok(())
}
