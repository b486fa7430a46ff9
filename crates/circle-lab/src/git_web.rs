//! `git http-backend` behind HTTP, with a password, with a redirect, and with a memory of what was sent.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::{Credentials, LabError};

/// Serves bare repositories over HTTP with `git http-backend`; stops with its handle.
#[derive(Debug)]
pub struct GitWeb {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Option<String>>>>,
    _tasks: JoinSet<()>,
}

/// What it does with a request.
struct Site {
    repositories: PathBuf,
    login: Option<Credentials>,
    redirect: Option<String>,
    seen: Arc<Mutex<Vec<Option<String>>>>,
}

impl GitWeb {
    /// Serves the bare repositories of a folder; with a login it refuses everybody else.
    ///
    /// # Errors
    /// [`LabError::Io`] when there is no port.
    pub async fn start(repositories: &Path, login: Option<Credentials>) -> Result<Self, LabError> {
        Self::serve(repositories, login, None).await
    }

    /// Sends everybody to another server: `http://host:port`.
    ///
    /// # Errors
    /// [`LabError::Io`] when there is no port.
    pub async fn redirecting(to: &str) -> Result<Self, LabError> {
        Self::serve(Path::new("/nonexistent"), None, Some(to.to_owned())).await
    }

    async fn serve(
        repositories: &Path,
        login: Option<Credentials>,
        redirect: Option<String>,
    ) -> Result<Self, LabError> {
        let failed = |source| LabError::io("serve repositories over HTTP", source);
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let site = Arc::new(Site {
            repositories: repositories.to_owned(),
            login,
            redirect,
            seen: seen.clone(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, site));
        Ok(Self {
            address,
            seen,
            _tasks: tasks,
        })
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Where `<name>.git` is cloned from.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}.git", self.address)
    }

    /// The `Authorization` of every request so far.
    pub fn authorizations(&self) -> Vec<Option<String>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn accept(listener: TcpListener, site: Arc<Site>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let site = site.clone();
        let service = service_fn(move |request| answer(site.clone(), request));
        connections.spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(site: Arc<Site>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let authorization = header("authorization");
    site.seen
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(authorization.clone());
    let path = request
        .uri()
        .path_and_query()
        .map(ToString::to_string)
        .unwrap_or_default();
    if let Some(to) = &site.redirect {
        return empty(StatusCode::FOUND, "location", &format!("{to}{path}"));
    }
    if let Some(login) = &site.login {
        let right = format!(
            "Basic {}",
            STANDARD.encode(format!("{}:{}", login.username, login.password))
        );
        if authorization.as_deref() != Some(right.as_str()) {
            return empty(StatusCode::UNAUTHORIZED, "www-authenticate", "Basic realm=\"git\"");
        }
    }
    let (kind, encoding, version) = (
        header("content-type"),
        header("content-encoding"),
        header("git-protocol"),
    );
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let env = [
        ("GIT_PROJECT_ROOT", site.repositories.display().to_string()),
        ("GIT_HTTP_EXPORT_ALL", "1".into()),
        ("PATH_INFO", parts.uri.path().to_owned()),
        ("QUERY_STRING", parts.uri.query().unwrap_or_default().to_owned()),
        ("REQUEST_METHOD", parts.method.to_string()),
        ("CONTENT_TYPE", kind.unwrap_or_default()),
        ("CONTENT_LENGTH", body.len().to_string()),
        ("HTTP_CONTENT_ENCODING", encoding.unwrap_or_default()),
        ("GIT_PROTOCOL", version.unwrap_or_default()),
        ("PATH", "/usr/bin:/bin".into()),
        ("HOME", "/nonexistent".into()),
    ];
    backend(&env, &body).await
}

fn empty(status: StatusCode, header: &str, value: &str) -> std::io::Result<Response<Full<Bytes>>> {
    let response = Response::builder().status(status).header(header, value);
    response.body(Full::default()).map_err(std::io::Error::other)
}

async fn backend(env: &[(&str, String)], body: &[u8]) -> std::io::Result<Response<Full<Bytes>>> {
    let mut child = Command::new("git")
        .args(["-c", "safe.directory=*", "http-backend"])
        .env_clear()
        .envs(env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(body).await?;
    }
    let output = child.wait_with_output().await?;
    let end = output
        .stdout
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap_or(0);
    let head = String::from_utf8_lossy(&output.stdout[..end]).into_owned();
    let mut response = Response::builder();
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        response = match name {
            "Status" => response.status(value.split(' ').next().unwrap_or("500")),
            _ => response.header(name, value),
        };
    }
    let content = output.stdout.get(end + 4..).unwrap_or_default().to_vec();
    response.body(Full::from(content)).map_err(std::io::Error::other)
}
