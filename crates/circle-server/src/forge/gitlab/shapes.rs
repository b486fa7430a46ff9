//! What is read of GitLab's answers.

use circle_core::forge::{Account, Permission};
use serde::Deserialize;

use crate::forge::labels::bounded;
use crate::forge::{PullRequest, Repository};

/// From this level on one may push.
const DEVELOPER: u32 = 30;
/// From this level on one may make hooks.
const MAINTAINER: u32 = 40;
/// From this level on one may read what is private.
const GUEST: u32 = 10;

#[derive(Deserialize)]
pub(super) struct User {
    id: u64,
    username: String,
}

#[derive(Deserialize)]
pub(super) struct Project {
    id: u64,
    path_with_namespace: String,
    default_branch: Option<String>,
    #[serde(default)]
    visibility: String,
    #[serde(default)]
    archived: bool,
    permissions: Option<Levels>,
}

#[derive(Deserialize)]
struct Levels {
    project_access: Option<Member>,
    group_access: Option<Member>,
}

#[derive(Deserialize)]
pub(super) struct Member {
    access_level: u32,
}

#[derive(Deserialize)]
pub(super) struct Hook {
    pub(super) id: u64,
    pub(super) url: String,
    #[serde(default)]
    pub(super) push_events: bool,
    #[serde(default)]
    pub(super) tag_push_events: bool,
    #[serde(default)]
    pub(super) merge_requests_events: bool,
    /// GitLab switches off what failed too often.
    #[serde(default)]
    pub(super) alert_status: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Merge {
    iid: u64,
    /// Missing until GitLab has looked at what was proposed.
    sha: Option<String>,
    state: String,
    target_branch: String,
    source_project_id: Option<u64>,
    author: User,
    #[serde(default)]
    labels: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Diff {
    pub(super) new_path: String,
    pub(super) old_path: String,
}

impl Member {
    pub(super) fn permission(&self) -> Permission {
        match self.access_level {
            DEVELOPER.. => Permission::Write,
            GUEST.. => Permission::Read,
            _ => Permission::None,
        }
    }
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            login: user.username,
        }
    }
}

impl From<Merge> for PullRequest {
    fn from(merge: Merge) -> Self {
        Self {
            number: merge.iid,
            open: merge.state == "opened",
            head: merge.sha.unwrap_or_default(),
            base: None,
            into: merge.target_branch,
            from: merge.source_project_id.map(|id| id.to_string()),
            author: merge.author.into(),
            labels: bounded(merge.labels),
        }
    }
}

impl From<Project> for Repository {
    fn from(project: Project) -> Self {
        let levels = project.permissions.into_iter();
        let levels = levels.flat_map(|levels| [levels.project_access, levels.group_access]);
        let highest = levels.flatten().map(|member| member.access_level).max();
        Self {
            id: project.id.to_string(),
            full_name: project.path_with_namespace,
            default_branch: project.default_branch,
            private: project.visibility != "public",
            archived: project.archived,
            admin: highest.is_some_and(|level| level >= MAINTAINER),
        }
    }
}
