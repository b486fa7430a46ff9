//! People with browsers: they redeem links, sign in, and carry a cookie.

use circle_api::resources::people::{LinkCreated, SignedIn};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::Circle;

/// Longer than needed.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Somebody before a page of this server.
pub(crate) struct Person {
    pub(crate) name: String,
    url: String,
    http: reqwest::Client,
    pub(crate) cookie: String,
}

impl Person {
    /// Takes an invitation and signs in.
    pub(crate) async fn invited(circle: &Circle, workspace: &str, role: &str, name: &str) -> Self {
        let link = invitation(circle, workspace, role).await;
        let mut person = Self::nobody(circle, name);
        let response = person.redeem(link.link.expose(), PASSWORD).await;
        assert_eq!(response.status(), 200, "{:?}", response.text().await);
        person.cookie = person.sign_in(PASSWORD).await.expect("signed in");
        person
    }

    pub(crate) fn nobody(circle: &Circle, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            url: circle.url.clone(),
            http: circle.http.clone(),
            cookie: String::new(),
        }
    }

    /// What stands behind the `#` makes an account.
    pub(crate) async fn redeem(&self, link: &str, password: &str) -> Response {
        let (_, value) = link.split_once("/join#").expect("a link");
        let body = json!({ "link": value, "name": self.name, "password": password });
        self.ask(Method::POST, "/api/v1/links", body).await
    }

    /// The cookie, or the status of the refusal.
    pub(crate) async fn sign_in(&self, password: &str) -> Result<String, u16> {
        let body = json!({ "name": self.name, "password": password });
        let response = self.ask(Method::POST, "/api/v1/session", body).await;
        if response.status() != 200 {
            return Err(response.status().as_u16());
        }
        let cookie = response.headers()["set-cookie"].to_str().expect("text").to_owned();
        let signed_in: SignedIn = response.json().await.expect("an account");
        assert_eq!(
            (signed_in.account.name.as_str(), signed_in.token),
            (self.name.as_str(), None)
        );
        for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=604800"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        Ok(cookie.split(';').next().expect("a pair").to_owned())
    }

    /// As a page of this server asks.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Value) -> Response {
        self.ask_from(&self.url, method, path, body).await
    }

    /// As a page of some site asks.
    pub(crate) async fn ask_from(&self, origin: &str, method: Method, path: &str, body: Value) -> Response {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let mut request = request.header("origin", origin).json(&body);
        if !self.cookie.is_empty() {
            request = request.header("cookie", &self.cookie);
        }
        request.send().await.expect("an answer")
    }

    pub(crate) async fn status(&self, method: Method, path: &str) -> u16 {
        self.ask(method, path, json!({})).await.status().as_u16()
    }
}

pub(crate) async fn invitation(circle: &Circle, workspace: &str, role: &str) -> LinkCreated {
    let url = format!("{}/api/v1/workspaces/{workspace}/invitations", circle.url);
    let request = circle.http.post(url).bearer_auth(&circle.token);
    let response = request.json(&json!({ "role": role })).send().await.expect("an answer");
    assert_eq!(response.status(), 201);
    response.json().await.expect("a link")
}
