//! What is read of Gitea's answers.

use circle_core::forge::{Account, Permission};
use serde::Deserialize;

use crate::forge::Repository;

#[derive(Deserialize)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) login: String,
}

#[derive(Deserialize)]
pub(super) struct Repo {
    pub(super) id: u64,
    pub(super) full_name: String,
    #[serde(default)]
    default_branch: String,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    empty: bool,
    permissions: Option<Rights>,
}

#[derive(Deserialize)]
struct Rights {
    admin: bool,
}

#[derive(Deserialize)]
pub(super) struct Hook {
    pub(super) id: u64,
    pub(super) active: bool,
    #[serde(default)]
    pub(super) events: Vec<String>,
    pub(super) config: HookConfig,
}

#[derive(Deserialize)]
pub(super) struct HookConfig {
    pub(super) url: String,
    #[serde(default)]
    pub(super) content_type: String,
}

#[derive(Deserialize)]
pub(super) struct File {
    pub(super) filename: String,
    pub(super) previous_filename: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Granted {
    permission: String,
    user: User,
}

impl Granted {
    /// Asked by name, so the answer may be about somebody else who bears it now.
    pub(super) fn to(&self, account: &Account) -> Permission {
        if self.user.id.to_string() != account.id {
            return Permission::None;
        }
        match self.permission.as_str() {
            "write" | "admin" | "owner" => Permission::Write,
            "read" => Permission::Read,
            _ => Permission::None,
        }
    }
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            login: user.login,
        }
    }
}

impl From<Repo> for Repository {
    fn from(repo: Repo) -> Self {
        Self {
            id: repo.id.to_string(),
            default_branch: Some(repo.default_branch).filter(|name| !name.is_empty() && !repo.empty),
            full_name: repo.full_name,
            private: repo.private,
            archived: repo.archived,
            admin: repo.permissions.is_some_and(|rights| rights.admin),
        }
    }
}
