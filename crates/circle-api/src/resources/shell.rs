//! Who was in a run's cell.

use circle_core::ids::{RunId, ShellId, WorkerId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One shell in the held cell of a run; kept as long as the server's records are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShellView {
    #[schema(value_type = String)]
    pub id: ShellId,
    #[schema(value_type = String)]
    pub run: RunId,
    /// The name of the token that opened it.
    pub actor: String,
    /// The worker that holds the cell.
    #[schema(value_type = String)]
    pub worker: WorkerId,
    pub opened_at: Timestamp,
    /// Absent while it is open, or when the server died meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// How it ended, a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}
