//! `git http-backend` behind HTTP, with a password, with a redirect, and with a memory of what was sent.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

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

/// Serves `<folder>/bare` over HTTP; stops with its handle.
pub(crate) struct Web {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Option<String>>>>,
    _tasks: JoinSet<()>,
}

/// What it does with a request.
struct Site {
    bare: PathBuf,
    password: Option<(&'static str, &'static str)>,
    redirect: Option<String>,
    seen: Arc<Mutex<Vec<Option<String>>>>,
}

impl Web {
    /// Asks everybody for this user name and password, when given.
    pub(crate) async fn start(folder: &Path, password: Option<(&'static str, &'static str)>) -> Self {
        Self::serve(folder, password, None).await
    }

    /// Sends everybody to another server.
    pub(crate) async fn redirecting(folder: &Path, to: &str) -> Self {
        Self::serve(folder, None, Some(to.to_owned())).await
    }

    async fn serve(folder: &Path, password: Option<(&'static str, &'static str)>, redirect: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let site = Arc::new(Site {
            bare: folder.join("bare"),
            password,
            redirect,
            seen: seen.clone(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let site = site.clone();
                let service = service_fn(move |request| answer(site.clone(), request));
                connections
                    .spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self {
            address,
            seen,
            _tasks: tasks,
        }
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://{}/{name}.git", self.address)
    }

    /// The `Authorization` of every request so far.
    pub(crate) fn authorizations(&self) -> Vec<Option<String>> {
        self.seen.lock().expect("no panic").clone()
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
    site.seen.lock().expect("no panic").push(authorization.clone());
    let path = request
        .uri()
        .path_and_query()
        .map(ToString::to_string)
        .unwrap_or_default();
    if let Some(to) = &site.redirect {
        let response = Response::builder()
            .status(StatusCode::FOUND)
            .header("location", format!("{to}{path}"));
        return Ok(response.body(Full::default()).expect("a response"));
    }
    if let Some((user, password)) = site.password {
        let right = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        if authorization.as_deref() != Some(right.as_str()) {
            let response = Response::builder()
                .status(StatusCode::UNAUTHORIZED)
                .header("www-authenticate", "Basic realm=\"git\"");
            return Ok(response.body(Full::default()).expect("a response"));
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
        ("GIT_PROJECT_ROOT", site.bare.display().to_string()),
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

async fn backend(env: &[(&str, String)], body: &[u8]) -> std::io::Result<Response<Full<Bytes>>> {
    let mut child = Command::new("git")
        .args(["-c", "safe.directory=*", "http-backend"])
        .env_clear()
        .envs(env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut input = child.stdin.take().expect("piped");
    input.write_all(body).await?;
    drop(input);
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
