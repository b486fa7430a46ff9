//! Whoever could let a pull request run when it came, or when it was approved, may not be able to any more when a worker takes
//! its run.

use circle_core::forge::{Account, Permission};
use circle_core::members::Role;
use circle_core::run::{CancelCause, Run};
use circle_core::trigger::{Approver, Event, Trust};

use crate::auth::Caller;
use crate::http::ApiError;
use crate::records::WorkspaceRecord;
use crate::server::Server;

/// Who ends a run whose people may not let it run any more.
const BY: &str = "circle";

/// Asks once more about those for whom a pull request's run is a member's: the forge about whoever proposed it, or this server
/// about the member who approved it. When one of them may not any more, the run ends.
///
/// # Errors
/// [`ApiError::Conflict`] then; [`ApiError::Upstream`] when the forge does not answer, and the run is offered again.
pub(super) async fn check(server: &Server, run: &Run) -> Result<(), ApiError> {
    let Event::PullRequest {
        people,
        approved_by,
        approver,
        ..
    } = &run.trigger.event
    else {
        return Ok(());
    };
    if run.trigger.trust != Trust::Member {
        return Ok(());
    }
    let objection = match approved_by {
        Some(by) => of_approver(server, run, (by, *approver)).await?,
        None => of_people(server, run, people).await?,
    };
    let Some(why) = objection else { return Ok(()) };
    let by = format!("{BY}: {why}");
    if let Err(error) = server.cancel(run.id, CancelCause::Requested, &by, false).await {
        tracing::warn!(run = %run.id, %error, "a run whose people may not let it run any more was not ended");
    }
    Err(ApiError::Conflict(why))
}

/// Who may not push any more.
async fn of_people(server: &Server, run: &Run, people: &[Account]) -> Result<Option<String>, ApiError> {
    let service = server.service_by_id(run.service).await?;
    let Some(link) = &service.forge else { return Ok(None) };
    let connection = server.forge_connection(link.connection).await?;
    let forge = server.forge(&connection).await?;
    for account in people {
        let now = match forge.permission(&link.repository, account).await {
            Err(error) if error.is_temporary() => return Err(error.into()),
            // Who cannot be judged is no member.
            other => other.unwrap_or(Permission::None),
        };
        if now < Permission::Write {
            return Ok(Some(format!("{} may not push any more", account.login)));
        }
    }
    Ok(None)
}

/// That the approver's role reaches no further, or their account or token is gone.
async fn of_approver(
    server: &Server,
    run: &Run,
    (name, approver): (&str, Option<Approver>),
) -> Result<Option<String>, ApiError> {
    let workspace = server
        .records
        .load::<WorkspaceRecord>(&run.workspace.to_string())
        .await?;
    let caller = match approver {
        Some(approver) => Caller::of_approver(server, approver).await?,
        // Who cannot be judged is no member.
        None => None,
    };
    let role = workspace
        .zip(caller)
        .and_then(|((WorkspaceRecord(workspace), _), caller)| caller.role_in(&workspace));
    let may = role.is_some_and(|role| role >= Role::Developer);
    Ok(
        (!may)
            .then(|| format!("{name}, who approved it, may not let it run any more: somebody else has to approve it")),
    )
}
