//! Questions to GitLab.

use async_trait::async_trait;
use axum::http::Method;
use circle_core::forge::{Account, Permission};
use circle_core::names::CommitId;
use circle_core::run::{Status, StatusWord};
use secrecy::ExposeSecret;
use serde_json::json;

use super::shapes::{Diff, Hook, Member, Merge, Project, User};
use crate::forge::page::{PAGE, PAGES, paths};
use crate::forge::wire::Wire;
use crate::forge::{
    Forge, ForgeError, HookState, HookWish, OpenPulls, PullRequest, PullsWish, Repositories, Repository,
};

/// A GitLab.
#[derive(Debug)]
pub(in crate::forge) struct Gitlab {
    wire: Wire,
}

impl Gitlab {
    pub(in crate::forge) fn new(wire: Wire) -> Self {
        Self { wire }
    }

    async fn hooks(&self, repository: &str, url: &str) -> Result<Vec<Hook>, ForgeError> {
        let query = [("per_page", PAGE.to_string())];
        let all: Vec<Hook> = self.wire.get(&["projects", repository, "hooks"], &query).await?;
        Ok(all.into_iter().filter(|hook| hook.url == url).collect())
    }
}

#[async_trait]
impl Forge for Gitlab {
    async fn whoami(&self) -> Result<Account, ForgeError> {
        Ok(self.wire.get::<User>(&["user"], &[]).await?.into())
    }

    async fn repositories(&self, page: u32) -> Result<Repositories, ForgeError> {
        let query = [
            ("membership", "true".to_owned()),
            ("order_by", "id".into()),
            ("page", page.to_string()),
            ("per_page", PAGE.to_string()),
        ];
        let (projects, more): (Vec<Project>, bool) = self.wire.page(&["projects"], &query).await?;
        let items = projects.into_iter().map(Repository::from).collect();
        Ok(Repositories { items, more })
    }

    async fn repository(&self, id: &str) -> Result<Repository, ForgeError> {
        Ok(self.wire.get::<Project>(&["projects", id], &[]).await?.into())
    }

    /// Groups nest, so the name may have many parts; GitLab takes all of it as one.
    async fn repository_named(&self, full_name: &str) -> Result<Repository, ForgeError> {
        self.repository(full_name).await
    }

    async fn put_hook(&self, repository: &str, wish: &HookWish) -> Result<(), ForgeError> {
        let hooks = ["projects", repository, "hooks"];
        let body = json!({
            "url": wish.url, "token": wish.secret.expose_secret(), "push_events": true, "tag_push_events": true,
            "merge_requests_events": true, "enable_ssl_verification": true,
        });
        let mut known = self.hooks(repository, &wish.url).await?.into_iter();
        let Some(first) = known.next() else {
            return self.wire.change(Method::POST, &hooks, Some(body)).await;
        };
        for more in known {
            let id = more.id.to_string();
            self.wire
                .change(Method::DELETE, &[&hooks[..], &[&id]].concat(), None)
                .await?;
        }
        let id = first.id.to_string();
        self.wire
            .change(Method::PUT, &[&hooks[..], &[&id]].concat(), Some(body))
            .await
    }

    async fn check_hook(&self, repository: &str, url: &str) -> Result<HookState, ForgeError> {
        let hooks = self.hooks(repository, url).await?;
        let Some(hook) = hooks.first() else {
            return Ok(HookState::Missing);
        };
        let told = [
            ("pushes", hook.push_events),
            ("tags", hook.tag_push_events),
            ("merge requests", hook.merge_requests_events),
        ];
        let missing = told.iter().find(|(_, told)| !told);
        let off = hook.alert_status.as_deref().filter(|word| *word != "executable");
        Ok(match (off, missing) {
            (Some(word), _) => HookState::Wrong(format!("GitLab has switched it off ({word})")),
            (None, Some((event, _))) => HookState::Wrong(format!("it does not tell of {event}")),
            (None, None) if hooks.len() > 1 => HookState::Wrong("there are several".into()),
            (None, None) => HookState::Good,
        })
    }

    async fn remove_hook(&self, repository: &str, url: &str) -> Result<(), ForgeError> {
        for hook in self.hooks(repository, url).await? {
            let path = ["projects", repository, "hooks", &hook.id.to_string()];
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
            StatusWord::Pending => "pending",
            StatusWord::Running => "running",
            StatusWord::Success => "success",
            StatusWord::Failure => "failed",
            StatusWord::Cancelled => "canceled",
        };
        let body = json!({"state": state, "name": name, "description": status.text, "target_url": page});
        let path = ["projects", repository, "statuses", commit.as_str()];
        match self.wire.change(Method::POST, &path, Some(body)).await {
            // GitLab refuses to set what is set already.
            Err(ForgeError::Refused(why)) if why.contains("Cannot transition status") => Ok(()),
            other => other,
        }
    }

    async fn file(
        &self,
        repository: &str,
        commit: &CommitId,
        path: &str,
        max_bytes: usize,
    ) -> Result<Option<Vec<u8>>, ForgeError> {
        let place = ["projects", repository, "repository", "files", path, "raw"];
        let query = [("ref", commit.to_string())];
        self.wire.bytes(&place, &query, max_bytes).await
    }

    async fn pull_request(&self, repository: &str, number: u64) -> Result<PullRequest, ForgeError> {
        let path = ["projects", repository, "merge_requests", &number.to_string()];
        Ok(self.wire.get::<Merge>(&path, &[]).await?.into())
    }

    async fn open_pull_requests(&self, repository: &str, wish: PullsWish<'_>) -> Result<OpenPulls, ForgeError> {
        let query = [
            ("state", "opened".to_owned()),
            ("order_by", "created_at".into()),
            ("sort", "asc".into()),
            ("per_page", PAGE.to_string()),
        ];
        let path = ["projects", repository, "merge_requests"];
        Ok(self.wire.list::<Merge>(&path, &query, wish).await?.into())
    }

    async fn pull_request_files(
        &self,
        repository: &str,
        number: u64,
        max: usize,
    ) -> Result<Option<Vec<String>>, ForgeError> {
        let number = number.to_string();
        let path = ["projects", repository, "merge_requests", &number, "diffs"];
        let mut pairs = Vec::new();
        for page in 1..=PAGES {
            let query = [("page", page.to_string()), ("per_page", PAGE.to_string())];
            let (diffs, more): (Vec<Diff>, bool) = self.wire.page(&path, &query).await?;
            pairs.extend(diffs.into_iter().map(|diff| (diff.new_path, Some(diff.old_path))));
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
        let path = ["projects", repository, "members", "all", &account.id];
        match self.wire.get::<Member>(&path, &[]).await {
            Ok(member) => Ok(member.permission()),
            Err(ForgeError::NotFound) => Ok(Permission::None),
            Err(error) => Err(error),
        }
    }
}
