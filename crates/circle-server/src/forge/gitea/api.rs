//! Questions to Gitea.

use async_trait::async_trait;
use axum::http::Method;
use circle_core::forge::{Account, Permission};
use circle_core::names::CommitId;
use circle_core::run::{Status, StatusWord};
use secrecy::ExposeSecret;
use serde_json::json;

use super::shapes::{File, Granted, Hook, Repo, User};
use crate::forge::github_like::Pull;
use crate::forge::page::{PAGE, PAGES, paths};
use crate::forge::wire::Wire;
use crate::forge::{
    Forge, ForgeError, HookState, HookWish, OpenPulls, PullRequest, PullsWish, Repositories, Repository,
};

/// What Circle wants to be told of.
const EVENTS: &[&str] = &["push", "pull_request", "pull_request_sync", "pull_request_label"];

/// A Gitea or Forgejo.
#[derive(Debug)]
pub(in crate::forge) struct Gitea {
    wire: Wire,
}

impl Gitea {
    pub(in crate::forge) fn new(wire: Wire) -> Self {
        Self { wire }
    }

    /// Owner and name as they are now: everything but the repository itself is asked for by name.
    async fn name(&self, id: &str) -> Result<(String, String), ForgeError> {
        let repo: Repo = self.wire.get(&["repositories", id], &[]).await?;
        split(&repo.full_name)
    }

    async fn hooks(&self, (owner, name): (&str, &str), url: &str) -> Result<Vec<Hook>, ForgeError> {
        let limit = [("limit", PAGE.to_string())];
        let all: Vec<Hook> = self.wire.get(&["repos", owner, name, "hooks"], &limit).await?;
        Ok(all.into_iter().filter(|hook| hook.config.url == url).collect())
    }
}

#[async_trait]
impl Forge for Gitea {
    async fn whoami(&self) -> Result<Account, ForgeError> {
        Ok(self.wire.get::<User>(&["user"], &[]).await?.into())
    }

    async fn repositories(&self, page: u32) -> Result<Repositories, ForgeError> {
        let query = [("page", page.to_string()), ("limit", PAGE.to_string())];
        let (repos, more): (Vec<Repo>, bool) = self.wire.page(&["user", "repos"], &query).await?;
        let items = repos.into_iter().map(Repository::from).collect();
        Ok(Repositories { items, more })
    }

    async fn repository(&self, id: &str) -> Result<Repository, ForgeError> {
        Ok(self.wire.get::<Repo>(&["repositories", id], &[]).await?.into())
    }

    async fn repository_named(&self, full_name: &str) -> Result<Repository, ForgeError> {
        let (owner, name) = split(full_name)?;
        Ok(self.wire.get::<Repo>(&["repos", &owner, &name], &[]).await?.into())
    }

    async fn put_hook(&self, repository: &str, wish: &HookWish) -> Result<(), ForgeError> {
        let (owner, name) = self.name(repository).await?;
        let hooks = ["repos", owner.as_str(), name.as_str(), "hooks"];
        let config = json!({"url": wish.url, "content_type": "json", "secret": wish.secret.expose_secret()});
        let mut known = self.hooks((&owner, &name), &wish.url).await?.into_iter();
        let Some(first) = known.next() else {
            let body = json!({"type": "gitea", "active": true, "events": EVENTS, "config": config});
            return self.wire.change(Method::POST, &hooks, Some(body)).await;
        };
        for more in known {
            let id = more.id.to_string();
            self.wire
                .change(Method::DELETE, &[&hooks[..], &[&id]].concat(), None)
                .await?;
        }
        let body = json!({"active": true, "events": EVENTS, "config": config});
        let id = first.id.to_string();
        self.wire
            .change(Method::PATCH, &[&hooks[..], &[&id]].concat(), Some(body))
            .await
    }

    async fn check_hook(&self, repository: &str, url: &str) -> Result<HookState, ForgeError> {
        let (owner, name) = self.name(repository).await?;
        let hooks = self.hooks((&owner, &name), url).await?;
        let Some(hook) = hooks.first() else {
            return Ok(HookState::Missing);
        };
        let missing = EVENTS
            .iter()
            .find(|event| !hook.events.iter().any(|known| known == *event));
        Ok(match missing {
            _ if !hook.active => HookState::Wrong("it is switched off".into()),
            _ if hook.config.content_type != "json" => HookState::Wrong("it does not send JSON".into()),
            Some(event) => HookState::Wrong(format!("it does not tell of {event}")),
            None if hooks.len() > 1 => HookState::Wrong("there are several".into()),
            None => HookState::Good,
        })
    }

    async fn remove_hook(&self, repository: &str, url: &str) -> Result<(), ForgeError> {
        let (owner, name) = self.name(repository).await?;
        for hook in self.hooks((&owner, &name), url).await? {
            let path = ["repos", owner.as_str(), name.as_str(), "hooks", &hook.id.to_string()];
            self.wire.change(Method::DELETE, &path, None).await?;
        }
        Ok(())
    }

    async fn set_status(
        &self,
        repository: &str,
        commit: &CommitId,
        (name, status, page): (&str, &Status, &str),
    ) -> Result<(), ForgeError> {
        let (owner, repo) = self.name(repository).await?;
        let state = match status.word {
            StatusWord::Pending | StatusWord::Running => "pending",
            StatusWord::Success => "success",
            StatusWord::Failure => "failure",
            StatusWord::Cancelled => "error",
        };
        let body = json!({"state": state, "context": name, "description": status.text, "target_url": page});
        let path = ["repos", owner.as_str(), repo.as_str(), "statuses", commit.as_str()];
        self.wire.change(Method::POST, &path, Some(body)).await
    }

    async fn file(
        &self,
        repository: &str,
        commit: &CommitId,
        path: &str,
        max_bytes: usize,
    ) -> Result<Option<Vec<u8>>, ForgeError> {
        let (owner, name) = self.name(repository).await?;
        let mut place = vec!["repos", owner.as_str(), name.as_str(), "raw"];
        place.extend(path.split('/'));
        let query = [("ref", commit.to_string())];
        self.wire.bytes(&place, &query, max_bytes).await
    }

    async fn pull_request(&self, repository: &str, number: u64) -> Result<PullRequest, ForgeError> {
        let (owner, name) = self.name(repository).await?;
        let number = number.to_string();
        let path = ["repos", owner.as_str(), name.as_str(), "pulls", &number];
        Ok(self.wire.get::<Pull>(&path, &[]).await?.into())
    }

    async fn open_pull_requests(&self, repository: &str, wish: PullsWish<'_>) -> Result<OpenPulls, ForgeError> {
        let (owner, name) = self.name(repository).await?;
        let query = [
            ("state", "open".to_owned()),
            ("sort", "oldest".into()),
            ("limit", PAGE.to_string()),
        ];
        let path = ["repos", owner.as_str(), name.as_str(), "pulls"];
        Ok(self.wire.list::<Pull>(&path, &query, wish).await?.into())
    }

    async fn pull_request_files(
        &self,
        repository: &str,
        number: u64,
        max: usize,
    ) -> Result<Option<Vec<String>>, ForgeError> {
        let (owner, name) = self.name(repository).await?;
        let number = number.to_string();
        let path = ["repos", owner.as_str(), name.as_str(), "pulls", &number, "files"];
        let mut pairs = Vec::new();
        for page in 1..=PAGES {
            let query = [("page", page.to_string()), ("limit", PAGE.to_string())];
            let (files, more): (Vec<File>, bool) = self.wire.page(&path, &query).await?;
            pairs.extend(files.into_iter().map(|file| (file.filename, file.previous_filename)));
            if !more {
                return Ok(paths(pairs.into_iter(), max));
            }
            if pairs.len() > max {
                break;
            }
        }
        Ok(None)
    }

    async fn permission(&self, repository: &str, account: &Account) -> Result<Permission, ForgeError> {
        let (owner, name) = self.name(repository).await?;
        let path = ["repos", &owner, &name, "collaborators", &account.login, "permission"];
        match self.wire.get::<Granted>(&path, &[]).await {
            Ok(granted) => Ok(granted.to(account)),
            Err(ForgeError::NotFound) => Ok(Permission::None),
            Err(error) => Err(error),
        }
    }
}

fn split(full_name: &str) -> Result<(String, String), ForgeError> {
    let parts = full_name.split_once('/').filter(|(_, name)| !name.contains('/'));
    let (owner, name) = parts.ok_or_else(|| ForgeError::Refused(format!("{full_name} is not owner/name")))?;
    Ok((owner.to_owned(), name.to_owned()))
}
