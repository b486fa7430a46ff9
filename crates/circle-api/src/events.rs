//! What happens to runs, as Server-Sent Events at [`EVENTS`](crate::routes::EVENTS).
//!
//! - [`RESET`] comes first, and whenever changes were missed: read the list of runs now; every later change will be told.
//! - [`RUN`] carries a [`RunSummary`](crate::resources::RunSummary) after each change of a run of the workspace or service.
//! - A client that comes back sends the id of the last event as [`LAST_EVENT_ID`] and gets what it missed, in order. The
//!   server remembers the latest changes only, and none of before its start: then it says [`RESET`] again.
//! - Every [`KEEP_ALIVE_SECONDS`] without an event an id without data is sent.

use circle_core::names::Slug;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

/// The event after which the list is read anew. Its data is an empty object.
pub const RESET: &str = "reset";
/// The event of one changed run.
pub const RUN: &str = "run";
/// The header by which a client comes back, in lower case.
pub const LAST_EVENT_ID: &str = "last-event-id";
/// Between two signs of life, in seconds.
pub const KEEP_ALIVE_SECONDS: u64 = 15;

/// Whose events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// Only of this service, by name; else of the whole workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub service: Option<Slug>,
}
