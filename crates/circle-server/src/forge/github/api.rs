//! Questions to GitHub. Everything of a repository lies beneath `/repositories/{id}`, so no name is needed.

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
const EVENTS: &[&str] = &["push", "pull_request"];
/// GitHub cuts nothing itself: a longer description is refused.
const DESCRIPTION_CHARS: usize = 140;

/// As many pull requests as GitHub gives at once: each page counts against the limit of the token.
const PULLS_PAGE: u32 = 100;

/// A GitHub.
#[derive(Debug)]
pub(in crate::forge) struct Github {
    wire: Wire,
    /// Asks for files as they are, not wrapped in JSON.
    raw: Wire,
}

impl Github {
    pub(in crate::forge) fn new(wire: Wire, raw: Wire) -> Self {
        Self { wire, raw }
    }

    async fn hooks(&self, repository: &str, url: &str) -> Result<Vec<Hook>, ForgeError> {
        let query = [("per_page", PAGE.to_string())];
        let all: Vec<Hook> = self.wire.get(&["repositories", repository, "hooks"], &query).await?;
        Ok(all.into_iter().filter(|hook| hook.config.url == url).collect())
    }
}

#[async_trait]
impl Forge for Github {
    async fn whoami(&self) -> Result<Account, ForgeError> {
        Ok(self.wire.get::<User>(&["user"], &[]).await?.into())
    }

    async fn repositories(&self, page: u32) -> Result<Repositories, ForgeError> {
        let query = [
            ("page", page.to_string()),
            ("per_page", PAGE.to_string()),
            ("sort", "full_name".into()),
        ];
        let (repos, more): (Vec<Repo>, bool) = self.wire.page(&["user", "repos"], &query).await?;
        let items = repos.into_iter().map(Repository::from).collect();
        Ok(Repositories { items, more })
    }

    async fn repository(&self, id: &str) -> Result<Repository, ForgeError> {
        Ok(self.wire.get::<Repo>(&["repositories", id], &[]).await?.into())
    }

    async fn repository_named(&self, full_name: &str) -> Result<Repository, ForgeError> {
        let parts: Vec<&str> = full_name.split('/').collect();
        let [owner, name] = parts[..] else {
            return Err(ForgeError::Refused(format!("{full_name} is not owner/name")));
        };
        Ok(self.wire.get::<Repo>(&["repos", owner, name], &[]).await?.into())
    }

    async fn put_hook(&self, repository: &str, wish: &HookWish) -> Result<(), ForgeError> {
        let hooks = ["repositories", repository, "hooks"];
        let config = json!({
            "url": wish.url, "content_type": "json", "insecure_ssl": "0", "secret": wish.secret.expose_secret(),
        });
        let mut known = self.hooks(repository, &wish.url).await?.into_iter();
        let Some(first) = known.next() else {
            let body = json!({"name": "web", "active": true, "events": EVENTS, "config": config});
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
        let hooks = self.hooks(repository, url).await?;
        let Some(hook) = hooks.first() else {
            return Ok(HookState::Missing);
        };
        let tells = |event: &str| hook.events.iter().any(|known| known == event || known == "*");
        let missing = EVENTS.iter().find(|event| !tells(event));
        Ok(match missing {
            _ if !hook.active => HookState::Wrong("it is switched off".into()),
            _ if hook.config.content_type != "json" => HookState::Wrong("it does not send JSON".into()),
            Some(event) => HookState::Wrong(format!("it does not tell of {event}")),
            None if hooks.len() > 1 => HookState::Wrong("there are several".into()),
            None => HookState::Good,
        })
    }

    async fn remove_hook(&self, repository: &str, url: &str) -> Result<(), ForgeError> {
        for hook in self.hooks(repository, url).await? {
            let path = ["repositories", repository, "hooks", &hook.id.to_string()];
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
        let state = match status.word {
            StatusWord::Pending | StatusWord::Running => "pending",
            StatusWord::Success => "success",
            StatusWord::Failure => "failure",
            StatusWord::Cancelled => "error",
        };
        let text: String = status.text.chars().take(DESCRIPTION_CHARS).collect();
        let body = json!({"state": state, "context": name, "description": text, "target_url": page});
        let path = ["repositories", repository, "statuses", commit.as_str()];
        self.wire.change(Method::POST, &path, Some(body)).await
    }

    async fn file(
        &self,
        repository: &str,
        commit: &CommitId,
        path: &str,
        max_bytes: usize,
    ) -> Result<Option<Vec<u8>>, ForgeError> {
        let mut place = vec!["repositories", repository, "contents"];
        place.extend(path.split('/'));
        let query = [("ref", commit.to_string())];
        self.raw.bytes(&place, &query, max_bytes).await
    }

    async fn pull_request(&self, repository: &str, number: u64) -> Result<PullRequest, ForgeError> {
        let path = ["repositories", repository, "pulls", &number.to_string()];
        Ok(self.wire.get::<Pull>(&path, &[]).await?.into())
    }

    async fn open_pull_requests(&self, repository: &str, wish: PullsWish<'_>) -> Result<OpenPulls, ForgeError> {
        let query = [
            ("state", "open".to_owned()),
            ("sort", "created".into()),
            ("direction", "asc".into()),
            ("per_page", PULLS_PAGE.to_string()),
        ];
        let path = ["repositories", repository, "pulls"];
        Ok(self.wire.list::<Pull>(&path, &query, wish).await?.into())
    }

    async fn pull_request_files(
        &self,
        repository: &str,
        number: u64,
        max: usize,
    ) -> Result<Option<Vec<String>>, ForgeError> {
        let number = number.to_string();
        let path = ["repositories", repository, "pulls", &number, "files"];
        let mut pairs = Vec::new();
        for page in 1..=PAGES {
            let query = [("page", page.to_string()), ("per_page", PAGE.to_string())];
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
        let path = [
            "repositories",
            repository,
            "collaborators",
            &account.login,
            "permission",
        ];
        match self.wire.get::<Granted>(&path, &[]).await {
            Ok(granted) => Ok(granted.to(account)),
            Err(ForgeError::NotFound) => Ok(Permission::None),
            Err(error) => Err(error),
        }
    }
}
