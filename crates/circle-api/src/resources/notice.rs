//! What people and programs are told when runs end.

use circle_core::ids::{NoticeId, RunId, WebhookId};
use circle_core::names::Slug;
use circle_core::notice::{self, MailAddress, Notice, Webhook};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::worker::SecretValue;

/// Who gets mail when a run of a service fails, or succeeds after one that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MailRules {
    /// `name@example.org`, 50 at most.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 50)]
    pub to: Vec<MailAddress>,
    /// The author of the commit as git has it, too. Whoever pushes may write any address there.
    #[serde(default)]
    pub author: bool,
}

impl From<notice::MailRules> for MailRules {
    fn from(notice::MailRules { to, author }: notice::MailRules) -> Self {
        Self { to, author }
    }
}

impl From<MailRules> for notice::MailRules {
    fn from(MailRules { to, author }: MailRules) -> Self {
        Self { to, author }
    }
}

/// Names a program that is called when runs of a service end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookCreate {
    /// Unique in the service.
    #[schema(value_type = String, max_length = 63)]
    pub name: Slug,
    /// Called by POST; http or https.
    #[schema(max_length = 2048)]
    pub url: String,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookView {
    #[schema(value_type = String)]
    pub id: WebhookId,
    #[schema(value_type = String)]
    pub name: Slug,
    pub url: String,
    pub created_at: Timestamp,
}

/// A webhook that was just made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookCreated {
    pub webhook: WebhookView,
    /// What calls are signed with: `whsec_` and 32 bytes in base64. Shown once.
    #[schema(value_type = String)]
    pub secret: SecretValue,
}

impl From<&Webhook> for WebhookView {
    fn from(webhook: &Webhook) -> Self {
        Self {
            id: webhook.id,
            name: webhook.name.clone(),
            url: webhook.url.clone(),
            created_at: webhook.created_at,
        }
    }
}

/// One message to one receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoticeView {
    #[schema(value_type = String)]
    pub id: NoticeId,
    /// Absent when somebody tried a webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub run: Option<RunId>,
    /// `failed`, `fixed`, `ended`, `ping`.
    pub cause: String,
    /// `mail` or `webhook`.
    pub channel: String,
    /// The address, or the webhook's name.
    pub to: String,
    pub state: NoticeState,
    /// Tries that were made.
    pub tries: u32,
    /// Why the last try failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    pub created_at: Timestamp,
}

/// How far a notice is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum NoticeState {
    /// Tried at this time, or again.
    Waiting { next_at: Timestamp },
    /// The receiver took it.
    Delivered { at: Timestamp },
    /// It will not be tried again.
    GivenUp { at: Timestamp },
}

impl From<&Notice> for NoticeView {
    fn from(notice: &Notice) -> Self {
        let (channel, to) = match &notice.receiver {
            notice::Receiver::Mail { address } => ("mail", address.to_string()),
            notice::Receiver::Webhook { name, .. } => ("webhook", name.to_string()),
        };
        let state = match notice.state {
            notice::NoticeState::Waiting { next_at } => NoticeState::Waiting { next_at },
            notice::NoticeState::Delivered { at } => NoticeState::Delivered { at },
            notice::NoticeState::GivenUp { at } => NoticeState::GivenUp { at },
        };
        Self {
            id: notice.id,
            run: notice.run,
            cause: notice.cause.word().to_owned(),
            channel: channel.to_owned(),
            to,
            state,
            tries: notice.tries,
            why: notice.why.clone(),
            created_at: notice.created_at,
        }
    }
}
