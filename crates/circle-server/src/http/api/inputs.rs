//! What a run may be given.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use circle_api::resources::starting::{InputView, InputsQuery, InputsView};
use circle_api::routes;

use super::validate::Faults;
use crate::auth::{Developer, Within};
use crate::http::{ApiError, Params, Segments};
use crate::reconcile::declared_inputs;
use crate::server::Server;

/// The inputs that pipeline file and service declare, for a form. The file is read at the commit that a run would have now.
#[utoipa::path(get, path = routes::SERVICE_INPUTS, tag = "runs", operation_id = "list_inputs", params(("workspace" = String, Path), ("service" = String, Path), InputsQuery), responses((status = 200, body = InputsView)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    within: Within<Developer>,
    Segments((_workspace, name)): Segments<(String, String)>,
    Params(query): Params<InputsQuery>,
) -> Result<Json<InputsView>, ApiError> {
    let both = query.branch.is_some() && query.tag.is_some();
    Faults::default()
        .unless(!both, "tag", "give a branch or a tag, not both")
        .done()?;
    let (service, _) = server.service(within.tenant, &name).await?;
    let git_ref = match (&query.branch, &query.tag) {
        (Some(branch), _) => branch.full(),
        (None, Some(tag)) => tag.full(),
        (None, None) => service.default_branch.full(),
    };
    let (commit, declared) = declared_inputs(&server, &service, (&git_ref, query.commit.as_ref())).await?;
    Ok(Json(InputsView {
        commit: commit.to_string(),
        inputs: InputView::all(&declared),
    }))
}
