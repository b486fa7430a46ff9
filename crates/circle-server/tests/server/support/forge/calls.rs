//! Calls of hooks, as each forge makes and signs them.

use circle_api::resources::{DeliveryState, HookAccepted};
use circle_core::forge::ForgeKind;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Forge, Repo};
use crate::support::circle::Circle;
use crate::support::hook::ZERO;
use crate::support::until::until;

/// Somebody at the forge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Who(pub(crate) u64, pub(crate) &'static str);

/// A call that is to be made.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) event: &'static str,
    pub(crate) body: Value,
}

/// A pull request that is told of.
#[derive(Debug, Clone)]
pub(crate) struct Told<'a> {
    pub(crate) action: &'static str,
    pub(crate) number: u64,
    pub(crate) head: &'a str,
    pub(crate) base: &'a str,
    /// The repository that its branch lies in.
    pub(crate) from: u64,
    pub(crate) author: Who,
    pub(crate) sender: Who,
}

impl Forge {
    pub(crate) fn push(&self, repo: u64, git_ref: &str, after: &str, who: Who) -> Call {
        let full_name = self.name_of(repo);
        let Who(id, login) = who;
        match self.kind {
            ForgeKind::Gitlab => Call {
                event: "Push Hook",
                body: json!({
                    "object_kind": "push", "ref": git_ref, "before": ZERO, "after": after, "user_id": id,
                    "user_name": "The Boss", "user_username": login, "project_id": repo,
                    "project": {"id": repo, "path_with_namespace": full_name},
                    "commits": [{"id": after, "author": {"name": "The Boss", "email": "boss@example.org"}}],
                }),
            },
            ForgeKind::Github | ForgeKind::Gitea => Call {
                event: "push",
                body: json!({
                    "ref": git_ref, "before": ZERO, "after": after,
                    "commits": [{"id": after, "author": {"name": "The Boss", "username": "boss"}}],
                    "repository": {"id": repo, "full_name": full_name},
                    "pusher": {"name": "boss", "login": "boss", "id": 1}, "sender": {"id": id, "login": login},
                }),
            },
        }
    }

    pub(crate) fn pull(&self, repo: u64, told: &Told<'_>) -> Call {
        let full_name = self.name_of(repo);
        let person = |Who(id, login): Who| json!({"id": id, "login": login});
        let (base, head) = (
            json!({"id": repo, "full_name": full_name}),
            json!({"id": told.from, "full_name": "x/y"}),
        );
        match self.kind {
            ForgeKind::Gitlab => Call {
                event: "Merge Request Hook",
                body: json!({
                    "object_kind": "merge_request", "user": {"id": told.sender.0, "username": told.sender.1},
                    "project": {"id": repo, "path_with_namespace": full_name},
                    "object_attributes": {
                        "iid": told.number, "action": told.action, "last_commit": {"id": told.head},
                        "source_project_id": told.from, "target_project_id": repo, "target_branch": "main",
                        "author_id": told.author.0,
                    },
                }),
            },
            ForgeKind::Github | ForgeKind::Gitea => Call {
                event: "pull_request",
                body: json!({
                    "action": told.action, "number": told.number, "repository": base.clone(),
                    "sender": person(told.sender),
                    "pull_request": {
                        "user": person(told.author), "title": "Change",
                        "head": {"ref": "topic", "sha": told.head, "repo": head},
                        "base": {"ref": "main", "sha": told.base, "repo": base},
                    },
                }),
            },
        }
    }

    /// The one hook of a repository: its address and secret.
    pub(crate) fn hook(&self, repo: u64) -> (String, String) {
        let facts = self.facts();
        let repo = facts.repos.iter().find(|one| one.id == repo).expect("the repository");
        let [(_, hook)] = &repo.hooks[..] else {
            panic!("one hook: {:?}", repo.hooks)
        };
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        match self.kind {
            ForgeKind::Gitlab => (text(&hook["url"]), text(&hook["token"])),
            ForgeKind::Github | ForgeKind::Gitea => (text(&hook["config"]["url"]), text(&hook["config"]["secret"])),
        }
    }

    /// Calls the hook of a repository, signed with its secret.
    pub(crate) fn call(&self, circle: &Circle, repo: u64, call: &Call) -> reqwest::RequestBuilder {
        let (url, secret) = self.hook(repo);
        self.call_as(circle, (&url, &secret), call)
    }

    /// The same to any address with any secret.
    pub(crate) fn call_as(&self, circle: &Circle, hook: (&str, &str), call: &Call) -> reqwest::RequestBuilder {
        self.raw(circle, hook, (call.event, &call.body.to_string()))
    }

    fn raw(
        &self,
        circle: &Circle,
        (url, secret): (&str, &str),
        (event, body): (&str, &str),
    ) -> reqwest::RequestBuilder {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key will do");
        mac.update(body.as_bytes());
        let mac = hex::encode(mac.finalize().into_bytes());
        let request = circle.http.post(url).header("content-type", "application/json");
        let request = match self.kind {
            ForgeKind::Github => request
                .header("x-github-event", event)
                .header("x-hub-signature-256", format!("sha256={mac}")),
            ForgeKind::Gitea => request.header("x-gitea-event", event).header("x-gitea-signature", mac),
            ForgeKind::Gitlab => request.header("x-gitlab-event", event).header("x-gitlab-token", secret),
        };
        request.body(body.to_owned())
    }

    /// Calls with a body that is any text, and waits until the delivery was understood.
    pub(crate) async fn settled_raw(&self, circle: &Circle, repo: u64, call: (&str, &str)) -> DeliveryState {
        let (url, secret) = self.hook(repo);
        understood(circle, self.raw(circle, (&url, &secret), call)).await
    }

    /// Calls, and waits until the delivery was understood.
    pub(crate) async fn settled(&self, circle: &Circle, repo: u64, call: &Call) -> DeliveryState {
        understood(circle, self.call(circle, repo, call)).await
    }

    fn name_of(&self, repo: u64) -> String {
        let facts = self.facts();
        let found: Option<&Repo> = facts.repos.iter().find(|one| one.id == repo);
        found.map_or_else(|| "somebody/else".into(), |repo| repo.full_name.clone())
    }
}

async fn understood(circle: &Circle, call: reqwest::RequestBuilder) -> DeliveryState {
    let answer = call.send().await.expect("an answer");
    assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap_or_default());
    let accepted: HookAccepted = answer.json().await.expect("accepted");
    let look = || async {
        circle
            .api
            .delivery(accepted.delivery)
            .await
            .expect("the delivery")
            .state
    };
    until("the delivery to be understood", look, |state| {
        *state != DeliveryState::Waiting
    })
    .await
}
