//! What is known of a service's polling.

use circle_api::resources::PollView;
use circle_core::service::Service;

use crate::http::ApiError;
use crate::records::PollRecord;
use crate::server::Server;
use crate::time::from_ms;

/// What polling has seen; `None` where it is off.
pub(crate) async fn poll_view(server: &Server, service: &Service) -> Result<Option<PollView>, ApiError> {
    let Some(every_s) = service.poll_s else { return Ok(None) };
    let known = server.records.load::<PollRecord>(&service.id.to_string()).await?;
    let Some((poll, _)) = known else {
        return Ok(Some(PollView::new(every_s)));
    };
    Ok(Some(PollView {
        every_s,
        refs: poll.seen.is_some().then_some(poll.refs),
        looked_at: poll.looked_at.map(from_ms),
        changed_at: poll.changed_at.map(from_ms),
        next_at: Some(from_ms(poll.due)),
        failures: poll.failures,
        trouble: poll.trouble,
    }))
}
