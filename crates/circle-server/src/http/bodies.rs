//! Bodies of calls: read within bounds, and kept where there is room for them.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_LENGTH;
use circle_core::ids::DeliveryId;
use circle_store::blobs::{BlobError, Digest};
use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

use super::ApiError;
use crate::limits::{FORGE_BODY_BYTES, LARGE_BODY_BYTES, LARGE_BODY_TIME, LARGE_BODY_WAIT};
use crate::records::{BlobOwner, BlobRecord, KeptBody};
use crate::server::Server;
use crate::time::now_ms;

/// The body of a forge's call. Of those that are large only a few are read at the same time, for whoever sends them is not known yet.
pub(super) struct ForgeBody(pub(super) Bytes);

impl FromRequest<Arc<Server>> for ForgeBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, server: &Arc<Server>) -> Result<Self, ApiError> {
        let said = request
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok());
        let length = said.and_then(|text| text.parse::<usize>().ok());
        if length.is_some_and(|length| length > FORGE_BODY_BYTES) {
            return Err(too_large());
        }
        let body = request.into_body();
        if length.is_some_and(|length| length <= LARGE_BODY_BYTES) {
            return read(body).await.map(Self);
        }
        let _place: SemaphorePermit<'_> = match timeout(LARGE_BODY_WAIT, server.large_bodies.acquire()).await {
            Ok(Ok(place)) => place,
            _ => return Err(ApiError::Busy("too many large calls at once: send it again".into())),
        };
        let slow = |_| ApiError::Invalid("the body did not come to its end in time".into());
        timeout(LARGE_BODY_TIME, read(body)).await.map_err(slow)?.map(Self)
    }
}

async fn read(body: Body) -> Result<Bytes, ApiError> {
    to_bytes(body, FORGE_BODY_BYTES).await.map_err(|error| {
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(here) = cause {
            if here.is::<http_body_util::LengthLimitError>() {
                return too_large();
            }
            cause = here.source();
        }
        ApiError::Invalid("the body could not be read to its end".into())
    })
}

fn too_large() -> ApiError {
    ApiError::TooLarge(format!(
        "the body is larger than the {FORGE_BODY_BYTES} bytes that are taken"
    ))
}

impl Server {
    /// Keeps a body: in the delivery's own document if it fits there, else among the blobs, named by the delivery.
    pub(super) async fn keep_body(&self, delivery: DeliveryId, body: Bytes) -> Result<KeptBody, ApiError> {
        let plain = body.clone();
        let kept = tokio::task::spawn_blocking(move || KeptBody::keep(&plain)).await;
        let kept = kept.map_err(|error| ApiError::Internal(error.to_string()))?;
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let bytes = body.len();
        let packed = tokio::task::spawn_blocking(move || KeptBody::pack(&body)).await;
        let packed = packed.map_err(|error| ApiError::Internal(error.to_string()))?;
        let packed = packed.ok_or_else(|| ApiError::Invalid("the body is not UTF-8 text".into()))?;
        let source = futures_util::stream::iter([Ok(Bytes::from(packed))]).boxed();
        let info = self.blobs.put(source, 2 * FORGE_BODY_BYTES as u64).await?;
        let digest = info.digest.to_string();
        let record = BlobRecord {
            owner: BlobOwner::Delivery { delivery },
            digest: digest.clone(),
            size: info.size,
            created_at: now_ms(),
        };
        self.records.insert(&record).await?;
        Ok(KeptBody::Stored { digest, bytes })
    }

    /// A kept body; `None` when it is damaged, or too old to be kept still.
    pub(crate) async fn kept_text(&self, body: &KeptBody) -> Result<Option<String>, ApiError> {
        let KeptBody::Stored { digest, bytes } = body else {
            return Ok(body.text());
        };
        let digest: Digest = digest.parse()?;
        let packed = match self.blobs.get(&digest).await {
            Ok(reader) => reader.bytes.try_collect::<Vec<Bytes>>().await,
            Err(error) => Err(error),
        };
        match packed {
            Ok(pieces) => Ok(KeptBody::unpack(&pieces.concat(), *bytes)),
            Err(BlobError::Missing(_) | BlobError::Corrupt(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
