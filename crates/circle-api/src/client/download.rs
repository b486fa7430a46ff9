//! An answer that is too long to be held: it is taken piece by piece.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, Response};
use tokio::time::timeout;

use super::connection::Client;
use super::errors::ApiError;

/// An answer that brings nothing for so long is given up, in seconds: the server copies its store before the first large piece.
pub const SILENCE_SECONDS: u64 = 1_800;

/// An answer that is being read.
#[derive(Debug)]
pub struct Download {
    client: Client,
    response: Response,
}

impl Client {
    pub(super) async fn download(&self, method: Method, path: &str) -> Result<Download, ApiError> {
        let asked = timeout(
            Duration::from_secs(SILENCE_SECONDS),
            self.send(self.unhurried(method, path)),
        );
        let response = asked.await.map_err(|error| self.unreachable(&error))??;
        let client = self.clone();
        Ok(Download { client, response })
    }
}

impl Download {
    /// The next piece, `None` at the end.
    ///
    /// # Errors
    /// [`ApiError::Unreachable`] when the server cut it off, or brings nothing more.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        let piece = timeout(Duration::from_secs(SILENCE_SECONDS), self.response.chunk()).await;
        let piece = piece.map_err(|error| self.client.unreachable(&error))?;
        piece.map_err(|error| self.client.unreachable(&error))
    }
}
