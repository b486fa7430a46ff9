//! Schedules.

use reqwest::Method;

use crate::client::{ApiError, Client};
use crate::resources::starting::{ScheduleChange, ScheduleCreate, ScheduleView};
use crate::routes::{self, fill};

impl Client {
    /// Of the file and beside it.
    pub async fn schedules(&self, workspace: &str, service: &str) -> Result<Vec<ScheduleView>, ApiError> {
        self.read(&fill(routes::SCHEDULES, &[workspace, service]), &()).await
    }

    /// Adds one beside the file.
    pub async fn create_schedule(
        &self,
        workspace: &str,
        service: &str,
        wish: &ScheduleCreate,
    ) -> Result<ScheduleView, ApiError> {
        self.write(Method::POST, &fill(routes::SCHEDULES, &[workspace, service]), wish)
            .await
    }

    /// Pauses one, or lets it go on; by its id or its name.
    pub async fn change_schedule(
        &self,
        (workspace, service, schedule): (&str, &str, &str),
        wish: ScheduleChange,
    ) -> Result<ScheduleView, ApiError> {
        let path = fill(routes::SCHEDULE, &[workspace, service, schedule]);
        self.write(Method::PATCH, &path, &wish).await
    }

    /// Removes one that was added beside the file.
    pub async fn remove_schedule(&self, workspace: &str, service: &str, schedule: &str) -> Result<(), ApiError> {
        self.delete(&fill(routes::SCHEDULE, &[workspace, service, schedule]))
            .await
    }
}
