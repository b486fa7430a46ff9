//! What somebody read is what they change: `ETag` on what can be edited, `If-Match` on the change of it.
//!
//! A tag names a document and its version, so that neither a change in between nor a new thing of the same name goes
//! unnoticed. Without the header a change is applied to whatever is there.

use std::convert::Infallible;
use std::fmt::Display;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use circle_store::records::{Record, RecordError, StoreError, Updated, Version};
use serde::Serialize;

use super::ApiError;
use crate::server::Server;

/// An answer with the tag of what it shows.
#[derive(Debug)]
pub(crate) struct Tagged<T> {
    tag: String,
    shown: T,
}

impl<T> Tagged<T> {
    pub(crate) fn new(id: impl Display, version: Version, shown: T) -> Self {
        let tag = tag(&id, version);
        Self { tag, shown }
    }
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.shown).into_response();
        if let Ok(tag) = HeaderValue::try_from(self.tag) {
            response.headers_mut().insert(ETAG, tag);
        }
        response
    }
}

/// The tags of which one must fit; `None`: whatever is there may be changed.
#[derive(Debug)]
pub(crate) struct IfMatch(Option<Vec<String>>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let mut tags = None;
        for header in parts.headers.get_all(IF_MATCH) {
            // What is no text is a tag that fits nothing.
            let said = header
                .to_str()
                .unwrap_or_default()
                .split(',')
                .map(|tag| tag.trim().to_owned());
            tags.get_or_insert_with(Vec::new).extend(said);
        }
        Ok(Self(tags))
    }
}

impl IfMatch {
    /// Whatever is there.
    pub(crate) const ANY: Self = Self(None);

    /// Whether nothing was said.
    pub(crate) fn is_any(&self) -> bool {
        self.0.is_none()
    }

    /// Refuses a version that was not meant.
    pub(crate) fn check(&self, id: impl Display, version: Version) -> Result<(), ApiError> {
        let is = tag(&id, version);
        match &self.0 {
            Some(tags) if !tags.iter().any(|tag| *tag == is || tag == "*") => Err(ApiError::Precondition),
            _ => Ok(()),
        }
    }
}

impl Server {
    /// Changes a document, if it is the one that was meant, in one compare-and-swap.
    pub(crate) async fn change_matching<T, F>(
        &self,
        matching: &IfMatch,
        id: impl Display,
        mut decide: F,
    ) -> Result<Updated<T, ()>, ApiError>
    where
        T: Record,
        F: FnMut(&mut T) -> Result<(), ApiError>,
    {
        let id = id.to_string();
        if matching.0.is_none() {
            return Ok(self.records.update(&id, decide).await?);
        }
        let (mut record, version) = self.records.load::<T>(&id).await?.ok_or(ApiError::Precondition)?;
        matching.check(&id, version)?;
        decide(&mut record)?;
        let written = self.records.replace(&record, version).await;
        let version = written.map_err(|error| match error {
            RecordError::Store(StoreError::Stale { .. }) => ApiError::Precondition,
            other => other.into(),
        })?;
        Ok(Updated {
            record,
            version,
            result: (),
        })
    }
}

fn tag(id: &impl Display, version: Version) -> String {
    format!("\"{id}-{version}\"")
}
