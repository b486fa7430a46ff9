//! Logs at random; live ones are [`Follow`](crate::client::Follow).

use circle_core::ids::RunId;
use reqwest::Method;
use reqwest::header::RANGE;

use crate::client::{ApiError, Client};
use crate::resources::LogIndex;
use crate::routes::{self, fill};

impl Client {
    /// What there is of a run's log.
    pub async fn log_index(&self, run: RunId) -> Result<LogIndex, ApiError> {
        self.read(&fill(routes::RUN_LOG, &[&run.to_string()]), &()).await
    }

    /// At most `len` bytes of a stage's log from `offset`; fewer at its end, none behind it.
    pub async fn log_bytes(&self, run: RunId, stage: &str, offset: u64, len: usize) -> Result<Vec<u8>, ApiError> {
        if len == 0 {
            return Ok(Vec::new());
        }
        let last = offset.saturating_add(len as u64 - 1);
        let path = fill(routes::STAGE_LOG, &[&run.to_string(), stage]);
        let request = self
            .request(Method::GET, &path)
            .header(RANGE, format!("bytes={offset}-{last}"));
        match self.bytes(request, len).await {
            Err(error) if error.status() == Some(416) => Ok(Vec::new()),
            other => other,
        }
    }
}
