//! What is read of GitHub's answers.

use circle_core::forge::{Account, Permission};
use serde::Deserialize;

use crate::forge::Repository;

#[derive(Deserialize)]
pub(super) struct User {
    id: u64,
    login: String,
}

#[derive(Deserialize)]
pub(super) struct Repo {
    id: u64,
    full_name: String,
    default_branch: Option<String>,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    archived: bool,
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
    pub(super) events: Vec<String>,
    pub(super) config: HookConfig,
}

#[derive(Deserialize)]
pub(super) struct HookConfig {
    #[serde(default)]
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
    user: Option<User>,
}

impl Granted {
    /// Asked by name, so the answer may be about somebody else who bears it now.
    pub(super) fn to(&self, account: &Account) -> Permission {
        let same = self.user.as_ref().is_some_and(|user| user.id.to_string() == account.id);
        match self.permission.as_str() {
            "admin" | "write" if same => Permission::Write,
            "read" if same => Permission::Read,
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
            full_name: repo.full_name,
            default_branch: repo.default_branch,
            private: repo.private,
            archived: repo.archived,
            admin: repo.permissions.is_some_and(|rights| rights.admin),
        }
    }
}
