//! What came in, and what became of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use circle_api::resources::{DeliveryQuery, DeliveryState as Shown, DeliveryView, Page, PageQuery};
use circle_api::routes;
use circle_core::names::Slug;
use circle_store::records::{Cursor, Query, kinds};

use super::page::wrong_cursor;
use super::triggers::entry;
use crate::auth::{Found, Viewer, Within};
use crate::http::{ApiError, Params};
use crate::records::{Delivery, DeliveryState};
use crate::server::Server;

/// Newest first.
#[utoipa::path(get, path = routes::DELIVERIES, tag = "deliveries", operation_id = "list_deliveries", params(("workspace" = String, Path), DeliveryQuery), responses((status = 200, body = Page<DeliveryView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    within: Within<Viewer>,
    Params(wanted): Params<DeliveryQuery>,
) -> Result<Json<Page<DeliveryView>>, ApiError> {
    let newest = match &wanted.service {
        Some(name) => {
            let (service, _) = server.service(within.tenant, name.as_str()).await?;
            Query::over(kinds::DELIVERY_SERVICE).equal(service.id.to_string())
        }
        None => within.tenant.over(kinds::DELIVERY_WORKSPACE),
    };
    let paging = PageQuery {
        cursor: wanted.cursor,
        limit: wanted.limit,
    };
    let newest = newest
        .descending()
        .limit(paging.size() as usize)
        .after(paging.cursor.map(Cursor::from_text));
    let found = server.records.find(newest).await.map_err(wrong_cursor)?;
    let mut items = Vec::new();
    for (delivery, _) in server.records.load_page::<Delivery>(&found).await? {
        items.push(view(&server, delivery).await?);
    }
    Ok(Json(Page {
        items,
        next: found.next.map(|cursor| cursor.as_text().to_owned()),
    }))
}

/// One by id.
#[utoipa::path(get, path = routes::DELIVERY, tag = "deliveries", operation_id = "show_delivery", params(("delivery" = String, Path)), responses((status = 200, body = DeliveryView)))]
pub(in crate::http) async fn show(
    State(server): State<Arc<Server>>,
    found: Found<Delivery, Viewer>,
) -> Result<Json<DeliveryView>, ApiError> {
    Ok(Json(view(&server, found.document).await?))
}

async fn view(server: &Server, delivery: Delivery) -> Result<DeliveryView, ApiError> {
    let service_name = match server.service_by_id(delivery.service).await {
        Ok(service) => service.name,
        Err(ApiError::NotFound { .. }) => {
            Slug::new("removed").map_err(|error| ApiError::Internal(error.to_string()))?
        }
        Err(error) => return Err(error),
    };
    let state = match delivery.state {
        DeliveryState::Waiting => Shown::Waiting,
        DeliveryState::Run { run } => Shown::Run { run },
        DeliveryState::Ignored { why } => Shown::Ignored { why },
        DeliveryState::Refused { why, faults } => Shown::Refused {
            why,
            errors: faults.into_iter().map(entry).collect(),
        },
    };
    Ok(DeliveryView {
        id: delivery.id,
        service: delivery.service,
        service_name,
        source: delivery.source,
        received_at: crate::time::from_ms(delivery.received_at),
        state,
    })
}
