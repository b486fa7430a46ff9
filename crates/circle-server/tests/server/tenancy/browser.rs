//! Browsers of people who sign in by an identity provider: they keep cookies, and go where they are sent.

use std::collections::{BTreeMap, HashMap};

use circle_lab::{Credentials, OidcProvider};
use reqwest::{Client, Method, Response, redirect};
use serde_json::{Value, json};
use url::Url;

use super::people::Person;
use crate::support::Circle;

/// What the played provider knows Circle by; as in life, with characters that a form must write otherwise.
pub(super) const CLIENT: (&str, &str) = ("circle app", "a+secret/with:all=of&it");

/// A server with a provider of the name `ours`.
pub(crate) struct Stand {
    pub(crate) circle: Circle,
    pub(crate) provider: OidcProvider,
}

impl Stand {
    /// Ann signs in at the provider; `extra` is set beside what every provider has.
    pub(crate) async fn start(extra: Value) -> Self {
        let circle = Circle::start().await;
        let provider = played(&circle, "ours").await;
        let mut wish = wish(&provider, "ours");
        let (all, extra) = (wish.as_object_mut(), extra.as_object().cloned());
        all.expect("an object").extend(extra.unwrap_or_default());
        let (status, said) = manage(&circle, Method::POST, "", wish).await;
        assert_eq!(status, 201, "{said}");
        Self { circle, provider }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::new(&self.circle)
    }
}

/// A provider that knows Circle; not registered yet.
pub(super) async fn played(circle: &Circle, name: &str) -> OidcProvider {
    let client = Credentials {
        username: CLIENT.0.into(),
        password: CLIENT.1.into(),
    };
    let back = format!("{}/sign-in/back/{name}", circle.url);
    let ann = json!({
        "sub": "of-ann", "preferred_username": "Ann.Smith", "email": "ann@example.org", "email_verified": true,
    });
    OidcProvider::start(client, &back, ann).await.expect("a provider")
}

pub(super) fn wish(provider: &OidcProvider, name: &str) -> Value {
    json!({ "name": name, "kind": "oidc", "address": provider.issuer, "client_id": CLIENT.0, "client_secret": CLIENT.1 })
}

/// As an administrator of the server: status and what was said.
pub(crate) async fn manage(circle: &Circle, method: Method, path: &str, body: Value) -> (u16, Value) {
    let url = format!("{}/api/v1/identity-providers{path}", circle.url);
    let request = circle.http.request(method, url).bearer_auth(&circle.token);
    told(request.json(&body).send().await.expect("an answer")).await
}

/// Status and what was said.
pub(super) async fn told(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or_default())
}

/// A browser with its cookies.
#[derive(Clone)]
pub(crate) struct Browser {
    url: String,
    http: Client,
    pub(super) jar: BTreeMap<String, String>,
}

/// What a provider sends somebody back with.
#[derive(Debug, Clone)]
pub(crate) struct Back(pub(crate) HashMap<String, String>);

impl Back {
    /// As the page asks with it.
    pub(super) fn body(&self) -> Value {
        let one = |name: &str| self.0.get(name).map(String::as_str);
        let all = ["state", "code", "iss", "error"].map(|name| (name.to_owned(), json!(one(name))));
        let given = all.into_iter().filter(|(_, value)| !value.is_null());
        Value::Object(given.collect())
    }

    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let mut other = self.clone();
        other.0.insert(name.into(), value.into());
        other
    }
}

impl Browser {
    pub(crate) fn new(circle: &Circle) -> Self {
        let http = Client::builder().redirect(redirect::Policy::none()).build();
        Self {
            url: circle.url.clone(),
            http: http.expect("a client"),
            jar: BTreeMap::new(),
        }
    }

    /// One in which somebody is signed in.
    pub(super) fn of(circle: &Circle, person: &Person) -> Self {
        let mut browser = Self::new(circle);
        let (name, value) = person.cookie.split_once('=').expect("a cookie");
        browser.jar.insert(name.into(), value.into());
        browser
    }

    /// As a page of this server asks.
    pub(super) async fn ask(&mut self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let origin = self.url.clone();
        self.ask_from(&origin, method, path, body).await
    }

    /// As a page of some site asks.
    pub(super) async fn ask_from(&mut self, origin: &str, method: Method, path: &str, body: Value) -> (u16, Value) {
        let pairs: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request = request.header("origin", origin).header("cookie", pairs.join("; "));
        let response = request.json(&body).send().await.expect("an answer");
        for cookie in response.headers().get_all("set-cookie") {
            self.keep(cookie.to_str().expect("text"));
        }
        told(response).await
    }

    fn keep(&mut self, cookie: &str) {
        for attribute in ["HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        let (name, value) = cookie
            .split(';')
            .next()
            .and_then(|pair| pair.split_once('='))
            .expect("a pair");
        if cookie.contains("Max-Age=0") {
            self.jar.remove(name);
        } else {
            self.jar.insert(name.into(), value.into());
        }
    }

    /// Where the provider's page is.
    pub(crate) async fn begin(&mut self, provider: &str, wish: Value) -> String {
        let (status, said) = self
            .ask(Method::POST, &format!("/api/v1/sign-in/{provider}"), wish)
            .await;
        assert_eq!(status, 200, "{said}");
        said["authorize_url"].as_str().expect("an address").to_owned()
    }

    /// Goes to the provider's page, which sends it back.
    pub(super) async fn visit(&self, authorize_url: &str) -> Back {
        let answer = self.http.get(authorize_url).send().await.expect("a page");
        let said = answer.headers().get("location").cloned();
        let location = said.unwrap_or_else(|| panic!("{authorize_url}: {}", answer.status()));
        let back = Url::parse(location.to_str().expect("text")).expect("an address");
        assert!(
            back.as_str().starts_with(&format!("{}/sign-in/back/", self.url)),
            "{back}"
        );
        Back(back.query_pairs().into_owned().collect())
    }

    /// What stands in the address that a provider sends somebody back to.
    pub(crate) fn sent_back(&self, address: &str) -> Back {
        let back = Url::parse(address).expect("an address");
        assert!(
            back.as_str().starts_with(&format!("{}/sign-in/back/", self.url)),
            "{back}"
        );
        Back(back.query_pairs().into_owned().collect())
    }

    pub(crate) async fn finish(&mut self, provider: &str, back: &Back) -> (u16, Value) {
        self.ask(Method::PUT, &format!("/api/v1/sign-in/{provider}"), back.body())
            .await
    }

    /// All of it with the provider `ours`.
    pub(super) async fn go(&mut self, wish: Value) -> (u16, Value) {
        let there = self.begin("ours", wish).await;
        let back = self.visit(&there).await;
        self.finish("ours", &back).await
    }

    pub(crate) async fn sign_in(&mut self) -> (u16, Value) {
        self.go(json!({ "purpose": "sign_in" })).await
    }

    /// The name of the account that is signed in here.
    pub(crate) async fn whoami(&mut self) -> Option<String> {
        let (status, account) = self.ask(Method::GET, "/api/v1/account", Value::Null).await;
        (status == 200).then(|| account["name"].as_str().expect("a name").to_owned())
    }

    pub(crate) async fn identities(&mut self) -> Vec<Value> {
        let (status, all) = self.ask(Method::GET, "/api/v1/account/identities", Value::Null).await;
        assert_eq!(status, 200, "{all}");
        all.as_array().expect("a list").clone()
    }
}

/// The sentence of a refusal.
pub(crate) fn sentence(said: &Value) -> &str {
    said["detail"].as_str().unwrap_or_else(|| panic!("{said}"))
}
