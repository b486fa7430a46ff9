//! Deliveries and runs.

use circle_core::ids::{DeliveryId, RunId};
use reqwest::Method;

use crate::client::{ApiError, Client, Download};
use crate::resources::starting::{InputsQuery, InputsView};
use crate::resources::{
    ApprovalView, ApproveRequest, CancelRequest, DeliveryPayload, DeliveryQuery, DeliveryView, Page, PageQuery,
    RerunRequest, RunQuery, RunSummary, RunView, ShellView, TriggerRequest, Triggered,
};
use crate::routes::{self, fill};

impl Client {
    /// Begins to read a stage's outputs, a tar.
    pub async fn stage_output(&self, run: RunId, stage: &str) -> Result<Download, ApiError> {
        let path = fill(routes::STAGE_OUTPUT, &[&run.to_string(), stage]);
        self.download(Method::GET, &path).await
    }

    /// Who opened shells in the run's cell, the newest last.
    pub async fn shells(&self, run: RunId, page: &PageQuery) -> Result<Page<ShellView>, ApiError> {
        self.read(&fill(routes::RUN_SHELLS, &[&run.to_string()]), page).await
    }

    /// Deliveries, newest first.
    pub async fn deliveries(&self, workspace: &str, query: &DeliveryQuery) -> Result<Page<DeliveryView>, ApiError> {
        self.read(&fill(routes::DELIVERIES, &[workspace]), query).await
    }

    /// One delivery.
    pub async fn delivery(&self, delivery: DeliveryId) -> Result<DeliveryView, ApiError> {
        self.read(&fill(routes::DELIVERY, &[&delivery.to_string()]), &()).await
    }

    /// What a delivery brought.
    pub async fn delivery_payload(&self, delivery: DeliveryId) -> Result<DeliveryPayload, ApiError> {
        self.read(&fill(routes::DELIVERY_PAYLOAD, &[&delivery.to_string()]), &())
            .await
    }

    /// Handles a delivery again.
    pub async fn replay(&self, delivery: DeliveryId) -> Result<Triggered, ApiError> {
        let path = fill(routes::DELIVERY_REPLAY, &[&delivery.to_string()]);
        self.write(Method::POST, &path, &serde_json::json!({})).await
    }

    /// Runs, newest first.
    pub async fn runs(&self, workspace: &str, query: &RunQuery) -> Result<Page<RunSummary>, ApiError> {
        self.read(&fill(routes::RUNS, &[workspace]), query).await
    }

    /// Asks for a run.
    pub async fn trigger(&self, workspace: &str, wish: &TriggerRequest) -> Result<Triggered, ApiError> {
        self.write(Method::POST, &fill(routes::RUNS, &[workspace]), wish).await
    }

    /// What a run by hand may be given.
    pub async fn inputs(&self, workspace: &str, service: &str, query: &InputsQuery) -> Result<InputsView, ApiError> {
        self.read(&fill(routes::SERVICE_INPUTS, &[workspace, service]), query)
            .await
    }

    /// One run.
    pub async fn run(&self, run: RunId) -> Result<RunView, ApiError> {
        self.read(&fill(routes::RUN, &[&run.to_string()]), &()).await
    }

    /// One run by its number in its service.
    pub async fn run_by_number(&self, workspace: &str, service: &str, number: u64) -> Result<RunView, ApiError> {
        self.read(
            &fill(routes::SERVICE_RUN, &[workspace, service, &number.to_string()]),
            &(),
        )
        .await
    }

    /// Ends a run.
    pub async fn cancel(&self, run: RunId, wish: &CancelRequest) -> Result<RunSummary, ApiError> {
        self.write(Method::POST, &fill(routes::RUN_CANCEL, &[&run.to_string()]), wish)
            .await
    }

    /// Repeats an ended run.
    pub async fn rerun(&self, run: RunId, wish: &RerunRequest) -> Result<RunSummary, ApiError> {
        self.write(Method::POST, &fill(routes::RUN_RERUN, &[&run.to_string()]), wish)
            .await
    }

    /// What somebody looks at who approves a stranger's pull request.
    pub async fn approval(&self, run: RunId) -> Result<ApprovalView, ApiError> {
        self.read(&fill(routes::RUN_APPROVAL, &[&run.to_string()]), &()).await
    }

    /// Lets a commit of a stranger run as a member's.
    pub async fn approve(&self, run: RunId, wish: &ApproveRequest) -> Result<Triggered, ApiError> {
        let path = fill(routes::RUN_APPROVE, &[&run.to_string()]);
        self.write(Method::POST, &path, wish).await
    }
}
