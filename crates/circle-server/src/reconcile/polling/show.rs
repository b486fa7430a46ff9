//! What is known of a service's polling.

use circle_api::resources::{PollView, PullPollView};
use circle_core::service::Service;

use crate::http::ApiError;
use crate::records::{PollRecord, PullPollRecord};
use crate::server::Server;
use crate::time::from_ms;

/// What polling has seen; `None` where it is off.
pub(crate) async fn poll_view(server: &Server, service: &Service) -> Result<Option<PollView>, ApiError> {
    let Some(every_s) = service.poll_s else { return Ok(None) };
    let pulls = pulls(server, service).await?;
    let known = server.records.load::<PollRecord>(&service.id.to_string()).await?;
    let Some((poll, _)) = known else {
        let view = PollView::new(every_s);
        return Ok(Some(PollView { pulls, ..view }));
    };
    let looks = poll.looks;
    Ok(Some(PollView {
        every_s,
        refs: poll.seen.is_some().then_some(poll.refs),
        looked_at: looks.looked_at.map(from_ms),
        changed_at: looks.changed_at.map(from_ms),
        next_at: Some(from_ms(looks.due)),
        failures: looks.failures,
        trouble: looks.trouble,
        pulls,
    }))
}

/// Of pull requests; `None` where no forge tells of them.
async fn pulls(server: &Server, service: &Service) -> Result<Option<PullPollView>, ApiError> {
    if service.forge.is_none() {
        return Ok(None);
    }
    let known = server.records.load::<PullPollRecord>(&service.id.to_string()).await?;
    let Some((poll, _)) = known else {
        return Ok(Some(PullPollView::default()));
    };
    let looks = poll.looks;
    Ok(Some(PullPollView {
        open: poll.seen.is_some().then_some(poll.open),
        looked_at: looks.looked_at.map(from_ms),
        changed_at: looks.changed_at.map(from_ms),
        next_at: Some(from_ms(looks.due)),
        failures: looks.failures,
        trouble: looks.trouble,
    }))
}
