//! A workspace with one of everything, and everybody who could ask for it.

use circle_api::resources::{EnrolmentCreate, TokenCreate, TokenScope};
use circle_core::ids::RunId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Circle, Job, PIPELINE, Played, Repo};

/// One of everything, in a workspace of its own.
pub(super) struct Shop {
    pub(super) circle: Circle,
    pub(super) worker: Played,
    pub(super) job: Job,
    pub(super) run: RunId,
    delivery: String,
    secret: String,
    token: String,
    host: String,
    _repo: Repo,
}

impl Shop {
    pub(super) async fn open() -> Self {
        let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
        let ask = async |method, path: &str, body| ask(&circle, method, path, body).await;
        for name in ["shop", "other"] {
            ask(Method::POST, "", json!({ "name": name })).await;
        }
        ask(
            Method::POST,
            "/shop/registries",
            json!({ "name": "hub", "address": "hub.example.org" }),
        )
        .await;
        let swarm = json!({ "endpoint": "tcp://127.0.0.1:1" });
        ask(
            Method::POST,
            "/shop/targets",
            json!({ "name": "cluster", "swarm": swarm }),
        )
        .await;
        ask(
            Method::POST,
            "/shop/environments",
            json!({ "name": "prod", "target": "cluster" }),
        )
        .await;
        ask(
            Method::POST,
            "/shop/services",
            json!({ "name": "web", "repository": repo.url() }),
        )
        .await;
        let secret = json!({ "scope": { "kind": "workspace" }, "name": "KEY", "value": "long enough" });
        let secret = ask(Method::PUT, "/shop/secrets", secret).await;
        let triggered = ask(Method::POST, "/shop/runs", json!({ "service": "web" })).await;
        let of_shop: EnrolmentCreate = serde_json::from_value(json!({ "workspace": "shop" })).expect("a wish");
        let worker = Played::enrol_for(&circle, &of_shop, "w", 1).await;
        let run: RunId = text(&triggered["run"]["id"]).parse().expect("an id");
        let mut job = worker.claim(run).await;
        assert_eq!(job.log(job.chunk("checkout", (0, 0), b"one\n")).await.status(), 200);
        job.stage_with("checkout", "a tar").await;
        let wish = wish("spare", None, None);
        let token = circle
            .api
            .create_token(&wish)
            .await
            .expect("a token")
            .token
            .id
            .to_string();
        let host = json!({
            "name": "lab", "endpoint": "tcp://127.0.0.1:1", "cells": 1, "workspace": "shop", "tls_bundle": "none",
        });
        let hosts = format!("{}/api/v1/hosts", circle.url);
        let host = circle.http.post(hosts).bearer_auth(&circle.token).json(&host);
        let host: Value = host.send().await.expect("an answer").json().await.expect("a host");
        let host = text(&host["id"]);
        let (delivery, secret) = (text(&triggered["delivery"]), text(&secret["id"]));
        Self {
            circle,
            worker,
            job,
            run,
            delivery,
            secret,
            token,
            host,
            _repo: repo,
        }
    }

    /// A token for a workspace that leaves no more than this.
    pub(super) async fn token(&self, workspace: &str, scope: TokenScope) -> String {
        let wish = wish("robot", Some(workspace), Some(scope));
        let created = self.circle.api.create_token(&wish).await.expect("a token");
        created.value.expose().to_owned()
    }

    /// The path with what the shop has in the place of the braces.
    pub(super) fn filled(&self, path: &str) -> String {
        path.replace("{workspace}", "shop")
            .replace("{service}", "web")
            .replace("{registry}", "hub")
            .replace("{forge}", "none")
            .replace("{webhook}", "none")
            .replace("{schedule}", "none")
            .replace("{provider}", "none")
            .replace("{identity}", &format!("idn_{}", "0".repeat(32)))
            .replace("{member}", "nobody")
            .replace("{user}", &format!("usr_{}", "0".repeat(32)))
            .replace("{invitation}", &format!("tok_{}", "0".repeat(32)))
            .replace("{target}", "cluster")
            .replace("{environment}", "prod")
            .replace("{secret}", &self.secret)
            .replace("{delivery}", &self.delivery)
            .replace("{run}", &self.run.to_string())
            .replace("{stage}", "checkout")
            .replace("{number}", "1")
            .replace("{host}", &self.host)
            .replace("{worker}", &self.worker.enrolled.worker.to_string())
            .replace("{token}", &self.token)
    }
}

fn wish(name: &str, workspace: Option<&str>, scope: Option<TokenScope>) -> TokenCreate {
    TokenCreate {
        name: name.into(),
        valid_s: None,
        scope,
        workspace: workspace.map(str::to_owned),
    }
}

async fn ask(circle: &Circle, method: Method, path: &str, body: Value) -> Value {
    let url = format!("{}/api/v1/workspaces{path}", circle.url);
    let request = circle.http.request(method, url).bearer_auth(&circle.token);
    let response = request.json(&body).send().await.expect("an answer");
    let (status, text) = (response.status(), response.text().await.expect("a body"));
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str(&text).expect("JSON")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
