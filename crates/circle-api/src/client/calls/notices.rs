//! Mail and webhooks.

use reqwest::Method;

use crate::client::{ApiError, Client};
use crate::resources::notice::{MailRules, NoticeView, WebhookCreate, WebhookCreated, WebhookView};
use crate::resources::{Page, PageQuery};
use crate::routes::{self, fill};

impl Client {
    /// Who gets mail about a service.
    pub async fn mail_rules(&self, workspace: &str, service: &str) -> Result<MailRules, ApiError> {
        self.read(&fill(routes::SERVICE_MAIL, &[workspace, service]), &()).await
    }

    /// Sets who gets mail about a service.
    pub async fn set_mail_rules(
        &self,
        workspace: &str,
        service: &str,
        wish: &MailRules,
    ) -> Result<MailRules, ApiError> {
        self.write(Method::PUT, &fill(routes::SERVICE_MAIL, &[workspace, service]), wish)
            .await
    }

    /// The webhooks of a service, by name.
    pub async fn webhooks(&self, workspace: &str, service: &str) -> Result<Vec<WebhookView>, ApiError> {
        self.read(&fill(routes::WEBHOOKS, &[workspace, service]), &()).await
    }

    /// Makes a webhook.
    pub async fn create_webhook(
        &self,
        workspace: &str,
        service: &str,
        wish: &WebhookCreate,
    ) -> Result<WebhookCreated, ApiError> {
        self.write(Method::POST, &fill(routes::WEBHOOKS, &[workspace, service]), wish)
            .await
    }

    /// Removes a webhook.
    pub async fn remove_webhook(&self, workspace: &str, service: &str, webhook: &str) -> Result<(), ApiError> {
        self.delete(&fill(routes::WEBHOOK, &[workspace, service, webhook]))
            .await
    }

    /// Calls a webhook to try it.
    pub async fn ping_webhook(&self, workspace: &str, service: &str, webhook: &str) -> Result<NoticeView, ApiError> {
        self.write(
            Method::POST,
            &fill(routes::WEBHOOK_PING, &[workspace, service, webhook]),
            &(),
        )
        .await
    }

    /// What was told about a service, newest first.
    pub async fn notices(
        &self,
        workspace: &str,
        service: &str,
        page: &PageQuery,
    ) -> Result<Page<NoticeView>, ApiError> {
        self.read(&fill(routes::NOTICES, &[workspace, service]), page).await
    }
}
