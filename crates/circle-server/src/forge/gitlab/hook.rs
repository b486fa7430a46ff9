//! Calls of GitLab: `docs.gitlab.com/user/project/integrations/webhook_events`.

use axum::http::HeaderMap;
use circle_core::forge::Account;
use serde::Deserialize;

use crate::forge::github_like::parsed;
use crate::forge::labels::bounded;
use crate::forge::notice::{Notice, PullAction, PullNotice, Unreadable, What, header};

#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    git_ref: String,
    before: String,
    after: String,
    user_id: u64,
    #[serde(default)]
    user_username: String,
    project: Project,
}

#[derive(Deserialize)]
struct Merge {
    user: User,
    project: Project,
    object_attributes: Attributes,
    #[serde(default)]
    changes: Changes,
    #[serde(default)]
    labels: Option<Vec<Label>>,
}

#[derive(Deserialize)]
struct Label {
    title: String,
}

#[derive(Deserialize)]
struct Attributes {
    iid: u64,
    /// Missing in calls that only try the hook.
    #[serde(default)]
    action: String,
    /// The commit before, when there is a new one.
    oldrev: Option<String>,
    last_commit: Commit,
    source_project_id: Option<u64>,
    target_branch: String,
    author_id: u64,
}

#[derive(Deserialize, Default)]
struct Changes {
    labels: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Commit {
    id: String,
}

#[derive(Deserialize)]
struct User {
    id: u64,
    username: String,
}

#[derive(Deserialize)]
struct Project {
    id: u64,
    path_with_namespace: String,
}

#[derive(Deserialize)]
struct Any {
    project: Option<Project>,
}

/// `X-Gitlab-Event` says what it is.
pub(in crate::forge) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Notice, Unreadable> {
    match header(headers, "x-gitlab-event").unwrap_or_default() {
        "Push Hook" | "Tag Push Hook" => push(body),
        "Merge Request Hook" => merge(body),
        other => {
            let any: Any = parsed(body)?;
            Ok(notice(any.project, What::Unknown(other.to_owned())))
        }
    }
}

fn push(body: &[u8]) -> Result<Notice, Unreadable> {
    let push: Push = parsed(body)?;
    let sender = Account {
        id: push.user_id.to_string(),
        login: push.user_username,
    };
    Ok(notice(
        Some(push.project),
        What::Push {
            git_ref: push.git_ref,
            before: push.before,
            after: push.after,
            sender,
        },
    ))
}

fn merge(body: &[u8]) -> Result<Notice, Unreadable> {
    let merge: Merge = parsed(body)?;
    let action = action(&merge);
    let request = merge.object_attributes;
    let sender = Account {
        id: merge.user.id.to_string(),
        login: merge.user.username,
    };
    // The call says only the author's id; permissions are asked for by id.
    let author = Account {
        id: request.author_id.to_string(),
        login: format!("user {}", request.author_id),
    };
    Ok(notice(
        Some(merge.project),
        What::Pull(PullNotice {
            action,
            number: request.iid,
            head: request.last_commit.id,
            base: None,
            into: request.target_branch,
            from: request.source_project_id.map(|id| id.to_string()),
            author: if author.id == sender.id { sender.clone() } else { author },
            sender: Some(sender),
            labels: bounded(merge.labels.into_iter().flatten().map(|label| label.title)),
        }),
    ))
}

fn action(merge: &Merge) -> PullAction {
    let request = &merge.object_attributes;
    match request.action.as_str() {
        "open" | "reopen" => PullAction::Opened,
        "update" if request.oldrev.is_some() => PullAction::Synchronised,
        "update" if merge.changes.labels.is_some() => PullAction::Labelled,
        "close" | "merge" => PullAction::Closed,
        _ => PullAction::Other,
    }
}

fn notice(project: Option<Project>, what: What) -> Notice {
    let (repository, full_name) = match project {
        Some(project) => (Some(project.id.to_string()), Some(project.path_with_namespace)),
        None => (None, None),
    };
    Notice {
        repository,
        full_name,
        what,
    }
}
