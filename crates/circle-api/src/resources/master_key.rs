//! The keys under which secrets are sealed, by their ids.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Every master key, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MasterKeysView {
    pub keys: Vec<MasterKeyView>,
}

/// One master key; the key itself never leaves the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MasterKeyView {
    pub id: String,
    /// Whether it seals what is set now; the others open what was sealed before.
    pub seals: bool,
    /// How many values are sealed under it.
    pub values: u64,
}
