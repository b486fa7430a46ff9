//! The description of the API, made from the code, and the pages that show it.

use axum::Router;
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_swagger_ui::SwaggerUi;

use crate::server::Server;
use circle_api::routes as paths;

/// The OpenAPI 3.1 description of everything but the worker protocol, which `circle_api::worker` describes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut api = super::routes::described(None).into_openapi();
    super::answers::complete(&mut api);
    api
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Circle",
        description = "The API of Circle, a self-hosted CI/CD platform. Errors are problem documents (RFC 9457). \
            Lists are read page by page with `cursor`. Live messages of a run: `GET /api/v1/runs/{run}/live`, a WebSocket.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(
        circle_api::live::ClientMessage,
        circle_api::live::ServerMessage,
        circle_api::resources::Problem
    )),
    security(("token" = []))
)]
struct Base;

/// What every description begins with.
pub(super) fn base() -> utoipa::openapi::OpenApi {
    let mut api = Base::openapi();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An administrator's token."))
        .build();
    let components = api.components.get_or_insert_with(Default::default);
    components
        .security_schemes
        .insert("token".into(), SecurityScheme::Http(bearer).into());
    api
}

/// The description as JSON and as pages. They hold nobody's data, so they need no token.
pub(super) fn pages(mut api: utoipa::openapi::OpenApi) -> Router<Arc<Server>> {
    super::answers::complete(&mut api);
    Router::new().merge(SwaggerUi::new("/api/docs").url(paths::OPENAPI, api))
}
