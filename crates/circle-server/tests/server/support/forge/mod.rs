//! A forge that is played: it speaks GitHub, GitLab or Gitea over HTTP from a few facts, serves real repositories at the
//! addresses where that forge would, and calls hooks as that forge does.

mod calls;
mod dialect;
mod facts;
mod github_like;
mod gitlab;
mod oauth;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use circle_core::forge::ForgeKind;
use circle_lab::{Credentials, GitServer, GitWeb, Repository};
use tempfile::TempDir;
use tokio::task::JoinSet;

pub(crate) use calls::{Call, Told, Who};
pub(crate) use facts::{Facts, Member, Pull, Repo};

/// The token that it knows.
pub(crate) const TOKEN: &str = "token-of-the-bot";
/// Whose token that is.
pub(crate) const BOT: (u64, &str) = (900, "bot");

/// A played forge.
pub(crate) struct Forge {
    pub(crate) kind: ForgeKind,
    pub(crate) address: String,
    facts: Arc<Mutex<Facts>>,
    git: GitServer,
    _web: GitWeb,
    _folder: TempDir,
    _tasks: JoinSet<()>,
}

#[derive(Clone)]
struct Site {
    kind: ForgeKind,
    facts: Arc<Mutex<Facts>>,
    git: String,
    git_user: String,
    http: reqwest::Client,
}

impl Forge {
    /// Without repositories.
    pub(crate) async fn start(kind: ForgeKind) -> Self {
        // Whoever makes a client first installs the cryptography.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let git = GitServer::start(folder.path()).await.expect("a git server");
        let username = match kind {
            ForgeKind::Github => "x-access-token",
            ForgeKind::Gitlab => "oauth2",
            ForgeKind::Gitea => BOT.1,
        };
        let login = Credentials {
            username: username.into(),
            password: TOKEN.into(),
        };
        let web = GitWeb::start(&folder.path().join("bare"), Some(login))
            .await
            .expect("git over HTTP");
        let facts = Arc::new(Mutex::new(Facts::default()));
        let site = Site {
            kind,
            facts: Arc::clone(&facts),
            git: format!("http://{}", web.address()),
            git_user: username.into(),
            http: reqwest::Client::new(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(answer).with_state(site);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.expect("served") });
        Self {
            kind,
            address,
            facts,
            git,
            _web: web,
            _folder: folder,
            _tasks: tasks,
        }
    }

    /// What it knows and has seen.
    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody lets Circle in: what the code must come with, and how long a token is good.
    pub(crate) fn let_in(&self, code: &str, challenge: &str, expires_in: i64) {
        let let_in = &mut self.facts().let_in;
        (let_in.code, let_in.challenge, let_in.expires_in) = (code.into(), challenge.into(), expires_in);
    }

    /// A real repository with one commit, which the bot administers.
    pub(crate) async fn repository(&self, id: u64, full_name: &str, pipeline: &str) -> Repository {
        let repository = self.git.repository(full_name).await.expect("a repository");
        repository.write("caicloud.yml", pipeline).expect("written");
        repository.commit("Begin").await.expect("a commit");
        repository.push("main").await.expect("pushed");
        self.facts().repos.push(Repo::of(id, full_name));
        repository
    }
}

async fn answer(State(site): State<Site>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, 64 << 20).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let path = parts.uri.path().to_owned();
    if path == "/login/oauth/authorize" {
        let mut facts = site.facts.lock().unwrap_or_else(PoisonError::into_inner);
        return oauth::page(&mut facts, parts.uri.query().unwrap_or_default());
    }
    if path.ends_with("/oauth/access_token") || path == "/oauth/token" {
        let mut facts = site.facts.lock().unwrap_or_else(PoisonError::into_inner);
        return oauth::token(&mut facts, &body);
    }
    if !path.starts_with("/api/") {
        return git(&site, &parts, body).await;
    }
    let asked = dialect::Asked::of(&parts, &body);
    let answer = api(&site, &parts, &asked);
    // GitHub alone can be asked whether a list is another one.
    if site.kind != ForgeKind::Github || asked.method != Method::GET || answer.status() != StatusCode::OK {
        return answer;
    }
    let answer = dialect::marked(answer, asked.mark.as_deref()).await;
    let mut facts = site.facts.lock().unwrap_or_else(PoisonError::into_inner);
    facts.same += u32::from(answer.status() == StatusCode::NOT_MODIFIED);
    answer
}

fn api(site: &Site, parts: &Parts, asked: &dialect::Asked) -> Response {
    let mut facts = site.facts.lock().unwrap_or_else(PoisonError::into_inner);
    facts.asked.push(parts.uri.path().to_owned());
    if facts.down {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    if let Some(seconds) = facts.busy_s {
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())]).into_response();
    }
    let bearer = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
    let is_known = bearer == Some(&format!("Bearer {TOKEN}")) || facts.let_in.knows(bearer);
    if !is_known {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match site.kind {
        ForgeKind::Gitlab => gitlab::answer(&mut facts, asked),
        ForgeKind::Github | ForgeKind::Gitea => github_like::answer(&mut facts, asked, site.kind),
    }
}

/// Clones go through to the repositories.
async fn git(site: &Site, parts: &Parts, body: Bytes) -> Response {
    let place = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let mut request = site
        .http
        .request(parts.method.clone(), format!("{}{place}", site.git))
        .body(body);
    let said = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
    let is_let_in = site
        .facts
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .let_in
        .opens(said);
    request = match said {
        // A repository opens to a token by OAuth as to any other.
        Some(_) if is_let_in => request.basic_auth(&site.git_user, Some(TOKEN)),
        Some(said) => request.header("authorization", said),
        None => request,
    };
    for name in ["content-type", "content-encoding", "git-protocol"] {
        if let Some(value) = parts.headers.get(name) {
            request = request.header(name, value);
        }
    }
    let Ok(answer) = request.send().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = answer.bytes().await.unwrap_or_default().into_response();
    *response.status_mut() = status;
    for name in ["content-type", "www-authenticate"] {
        if let Some(value) = headers.get(name) {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value.clone());
        }
    }
    response
}
