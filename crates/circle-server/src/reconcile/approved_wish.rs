//! What an approval asks for: exactly the commit that was looked at, as a member's.

use circle_core::ids::RunId;
use circle_core::queue::Priority;
use circle_core::service::Service;
use circle_core::trigger::{Approver, Event, Trust};

use super::wish::{NoWish, Wish};
use crate::http::ApiError;
use crate::server::Server;

/// Reads an approval of a run of this service.
pub(super) async fn understand(
    server: &Server,
    service: &Service,
    of: RunId,
    (by, whose): (&str, Option<Approver>),
) -> Result<Result<Wish, NoWish>, ApiError> {
    let found = server.run(of).await?.filter(|(run, _)| run.service == service.id);
    let Some((run, _)) = found else {
        return Ok(Err(NoWish::Refused("the run that was approved is gone".into())));
    };
    let trigger = run.trigger;
    let (Event::PullRequest { .. }, Trust::Stranger, Some(_)) = (&trigger.event, trigger.trust, &trigger.commit) else {
        return Ok(Err(NoWish::Refused("the run is of no stranger's pull request".into())));
    };
    let mut event = trigger.event;
    let mut before = None;
    if let Event::PullRequest {
        approved_by,
        approver,
        base,
        ..
    } = &mut event
    {
        *approved_by = Some(by.to_owned());
        *approver = whose;
        before.clone_from(base);
    }
    Ok(Ok(Wish {
        event,
        git_ref: trigger.git_ref,
        commit: trigger.commit,
        before,
        actor: trigger.actor,
        priority: Priority::Normal,
        trust: Trust::Member,
        inputs: Default::default(),
    }))
}
