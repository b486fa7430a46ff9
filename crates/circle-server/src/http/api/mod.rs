//! Handlers of `/api/v1`.

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::server::Server;

pub(super) fn router() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
}
