//! What was deployed to an environment.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use circle_api::resources::{DeploymentView, Page, PageQuery};
use circle_api::routes;
use circle_store::records::{Query, kinds};

use super::page::page;
use super::views::deployment_view;
use crate::auth::{Viewer, Within};
use crate::http::{ApiError, Params, Segments};
use crate::records::DeploymentRecord;
use crate::server::Server;

/// Newest first.
#[utoipa::path(get, path = routes::ENVIRONMENT_DEPLOYMENTS, tag = "environments", operation_id = "list_deployments", params(("workspace" = String, Path), ("environment" = String, Path), PageQuery), responses((status = 200, body = Page<DeploymentView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    within: Within<Viewer>,
    Segments((_workspace, name)): Segments<(String, String)>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<DeploymentView>>, ApiError> {
    let (environment, _) = server.environment(within.tenant, &name).await?;
    let newest = Query::over(kinds::DEPLOYMENT_ENVIRONMENT)
        .equal(environment.id.to_string())
        .descending();
    let view = |DeploymentRecord(deployment)| deployment_view(&deployment);
    Ok(Json(page(&server, newest, &query, view).await?))
}
