//! The port, and what goes through it.

use async_trait::async_trait;
use circle_core::forge::{Account, Permission};
use circle_core::names::CommitId;
use circle_core::run::Status;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::ForgeError;

/// A forge with somebody's token.
///
/// Nothing is remembered between two calls, and every call may be made again: those that change something say what is
/// to be, not what is to be done. Repositories are named by the forge's own id; names that an adapter needs on the way it
/// asks for anew, so a repository that was renamed is found and one that took its name is not.
///
/// Answers are bounded in size and time. [`ForgeError`] says whether waiting helps.
#[async_trait]
pub trait Forge: Send + Sync + std::fmt::Debug {
    /// Whose token it is.
    async fn whoami(&self) -> Result<Account, ForgeError>;

    /// The repositories that the token's owner is a member of, a page at a time, from page 1, in a steady order.
    async fn repositories(&self, page: u32) -> Result<Repositories, ForgeError>;

    /// One repository by id.
    async fn repository(&self, id: &str) -> Result<Repository, ForgeError>;

    /// One repository by `owner/name`; only for somebody who just typed it.
    async fn repository_named(&self, full_name: &str) -> Result<Repository, ForgeError>;

    /// Makes the hook, or mends it: afterwards exactly one hook calls `wish.url`, with its secret, for what Circle reads.
    async fn put_hook(&self, repository: &str, wish: &HookWish) -> Result<(), ForgeError>;

    /// How the hook that calls `url` stands. Secrets cannot be seen, so a wrong one is not found.
    async fn check_hook(&self, repository: &str, url: &str) -> Result<HookState, ForgeError>;

    /// Removes every hook that calls `url`; none is no error.
    async fn remove_hook(&self, repository: &str, url: &str) -> Result<(), ForgeError>;

    /// Sets the status `name` of a commit, with the page that tells more. The same again changes nothing.
    async fn set_status(
        &self,
        repository: &str,
        commit: &CommitId,
        status: (&str, &Status, &str),
    ) -> Result<(), ForgeError>;

    /// A file's content at a commit, at most `max_bytes` of it; `None` when there is none.
    async fn file(
        &self,
        repository: &str,
        commit: &CommitId,
        path: &str,
        max_bytes: usize,
    ) -> Result<Option<Vec<u8>>, ForgeError>;

    /// A pull request as it is now.
    async fn pull_request(&self, repository: &str, number: u64) -> Result<PullRequest, ForgeError>;

    /// Every pull request that is open, in any order; one that is opened or closed meanwhile may stand there or not.
    async fn open_pull_requests(&self, repository: &str, wish: PullsWish<'_>) -> Result<OpenPulls, ForgeError>;

    /// Paths that a pull request changes, both sides of a rename; `None` when there are more than `max`.
    async fn pull_request_files(
        &self,
        repository: &str,
        number: u64,
        max: usize,
    ) -> Result<Option<Vec<String>>, ForgeError>;

    /// What an account may do with the repository. An account is its id: when the forge answers about another one under
    /// the same name, that is [`Permission::None`].
    async fn permission(&self, repository: &str, account: &Account) -> Result<Permission, ForgeError>;
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repositories {
    /// In the forge's order.
    pub items: Vec<Repository>,
    /// Whether a page follows.
    pub more: bool,
}

/// A repository as the token sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The forge's own id.
    pub id: String,
    /// `owner/name`.
    pub full_name: String,
    /// `None` while it is empty.
    pub default_branch: Option<String>,
    /// Not everybody may read it.
    pub private: bool,
    /// Nothing can be pushed any more.
    pub archived: bool,
    /// The token may make hooks.
    pub admin: bool,
}

impl Repository {
    /// Why it cannot be added, in a sentence that says what to do.
    pub fn why_not(&self) -> Option<&'static str> {
        if self.archived {
            Some("it is archived: nobody can push to it")
        } else if !self.admin {
            Some("the token may not make hooks there: its owner must administer the repository")
        } else {
            None
        }
    }
}

/// A hook that is to be.
#[derive(Debug, Clone)]
pub struct HookWish {
    /// Where it calls.
    pub url: String,
    /// What it signs with.
    pub secret: SecretString,
}

/// How a hook stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookState {
    /// As Circle made it.
    Good,
    /// None calls the address.
    Missing,
    /// It is there, but not as it must be; why.
    Wrong(String),
}

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    /// Within the repository.
    pub number: u64,
    /// Its newest commit.
    pub head: String,
    /// Whether it can still be merged or closed.
    pub open: bool,
    /// The newest commit of the branch that it goes into, when the forge says it.
    pub base: Option<String>,
    /// The branch that it goes into.
    pub into: String,
    /// The repository that its branch lies in, by id; `None` when that is gone.
    pub from: Option<String>,
    /// Who opened it.
    pub author: Account,
    /// By name.
    pub labels: Vec<String>,
}

/// Which open pull requests are asked for.
#[derive(Debug, Clone, Copy)]
pub struct PullsWish<'a> {
    /// More than so many are not listed.
    pub max: usize,
    /// What an earlier list came with; nothing is read again when it is still that list.
    pub mark: Option<&'a str>,
}

/// The open pull requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenPulls {
    /// The list that the mark came with.
    Same,
    /// Every one.
    All {
        /// In the forge's order.
        items: Vec<PullRequest>,
        /// Names this list, where the forge can say that it did not change.
        mark: Option<String>,
    },
    /// More than were asked for.
    TooMany,
}
