//! An OpenID Connect provider with real keys, which lets everybody in at once as one person, and lies when it is told to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use url::Url;
use url::form_urlencoded::{byte_serialize, parse};

use crate::oidc_keys::{Keys, random};
use crate::{Credentials, LabError, Signing};

/// A provider on loopback; stops with its handle.
#[derive(Debug)]
pub struct OidcProvider {
    /// What it calls itself, and where it is.
    pub issuer: String,
    world: Arc<Mutex<OidcWorld>>,
    _tasks: JoinSet<()>,
}

/// What it says, and what it was asked.
#[derive(Debug)]
pub struct OidcWorld {
    /// The application that it knows.
    pub client: Credentials,
    /// Where that application lets people be sent back to.
    pub redirect_uri: String,
    /// Who everybody is: `sub` and whatever else is claimed.
    pub person: Value,
    /// How it signs.
    pub signing: Signing,
    /// Claims in the place of the right ones; null leaves one out.
    pub forged: Value,
    /// What it tells when it is asked with a token; nothing when null.
    pub userinfo: Value,
    /// The error with which it sends people back.
    pub denies: Option<String>,
    /// Whether it answers nobody.
    pub is_down: bool,
    /// What it says with the code of who it is.
    pub answers_as: Option<String>,
    /// The paths that were asked for.
    pub asked: Vec<String>,
    keys: Keys,
    codes: HashMap<String, HashMap<String, String>>,
}

impl OidcProvider {
    /// One that knows one application, which has this address to send people back to.
    ///
    /// # Errors
    /// [`LabError::Io`] when there is no port, or no key.
    pub async fn start(client: Credentials, redirect_uri: &str, person: Value) -> Result<Self, LabError> {
        let failed = |source| LabError::io("serve an identity provider", source);
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let issuer = format!("http://{}", listener.local_addr().map_err(failed)?);
        let world = OidcWorld {
            client,
            redirect_uri: redirect_uri.to_owned(),
            person,
            signing: Signing::Es256,
            forged: json!({}),
            userinfo: Value::Null,
            denies: None,
            is_down: false,
            answers_as: Some(issuer.clone()),
            asked: Vec::new(),
            keys: Keys::make().await?,
            codes: HashMap::new(),
        };
        let world = Arc::new(Mutex::new(world));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, issuer.clone(), Arc::clone(&world)));
        Ok(Self {
            issuer,
            world,
            _tasks: tasks,
        })
    }

    /// What it says from now on.
    pub fn world(&self) -> MutexGuard<'_, OidcWorld> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OidcWorld {
    /// Publishes another key, and signs with it.
    ///
    /// # Errors
    /// [`LabError::Io`] when there is none.
    pub fn rotate(&mut self) -> Result<(), LabError> {
        self.keys.rotate()
    }
}

type Answer = Response<Full<Bytes>>;

async fn accept(listener: TcpListener, issuer: String, world: Arc<Mutex<OidcWorld>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (issuer, world) = (issuer.clone(), Arc::clone(&world));
        let service = service_fn(move |request| answer(issuer.clone(), Arc::clone(&world), request));
        connections.spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    issuer: String,
    world: Arc<Mutex<OidcWorld>>,
    request: Request<Incoming>,
) -> Result<Answer, std::io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let (authorization, path) = (header("authorization").to_owned(), parts.uri.path().to_owned());
    let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
    world.asked.push(path.clone());
    if world.is_down {
        return status(StatusCode::SERVICE_UNAVAILABLE, &Value::Null);
    }
    match (&parts.method, path.as_str()) {
        (&Method::GET, "/.well-known/openid-configuration") => status(StatusCode::OK, &metadata(&issuer)),
        (&Method::GET, "/keys") => status(StatusCode::OK, &world.keys.published()),
        (&Method::GET, "/authorize") => authorize(&mut world, parts.uri.query().unwrap_or_default()),
        (&Method::POST, "/token") => token(&mut world, &issuer, &authorization, &body),
        (&Method::GET, "/userinfo") if authorization == "Bearer access" && !world.userinfo.is_null() => {
            status(StatusCode::OK, &world.userinfo)
        }
        _ => status(StatusCode::NOT_FOUND, &Value::Null),
    }
}

fn metadata(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize?theme=dark"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "authorization_response_iss_parameter_supported": true,
    })
}

/// Everybody is let in at once, as by a page that was answered before.
fn authorize(world: &mut OidcWorld, query: &str) -> Result<Answer, std::io::Error> {
    let asked: HashMap<String, String> = parse(query.as_bytes()).into_owned().collect();
    let of = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
    let right = of("client_id") == world.client.username
        && of("redirect_uri") == world.redirect_uri
        && of("response_type") == "code"
        && of("code_challenge_method") == "S256"
        && of("scope").split(' ').any(|scope| scope == "openid");
    if !right {
        return status(StatusCode::BAD_REQUEST, &json!({ "error": "invalid_request" }));
    }
    let mut back = Url::parse(of("redirect_uri")).map_err(std::io::Error::other)?;
    back.query_pairs_mut().append_pair("state", of("state"));
    if let Some(name) = &world.answers_as {
        back.query_pairs_mut().append_pair("iss", name);
    }
    match &world.denies {
        Some(error) => {
            back.query_pairs_mut().append_pair("error", error);
        }
        None => {
            let code = random()?;
            world.codes.insert(code.clone(), asked.clone());
            back.query_pairs_mut().append_pair("code", &code);
        }
    }
    let response = Response::builder()
        .status(StatusCode::FOUND)
        .header("location", back.as_str());
    response.body(Full::default()).map_err(std::io::Error::other)
}

fn token(world: &mut OidcWorld, issuer: &str, authorization: &str, body: &[u8]) -> Result<Answer, std::io::Error> {
    let wish: HashMap<String, String> = parse(body).into_owned().collect();
    let of = |name: &str| wish.get(name).map(String::as_str).unwrap_or_default();
    let form = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", form(&world.client.username), form(&world.client.password));
    if authorization != format!("Basic {}", STANDARD.encode(pair)) {
        return status(StatusCode::UNAUTHORIZED, &json!({ "error": "invalid_client" }));
    }
    // A code works once, whatever comes with it.
    let asked = world.codes.remove(of("code")).unwrap_or_default();
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, of("code_verifier").as_bytes()));
    let right = of("grant_type") == "authorization_code"
        && asked.get("code_challenge") == Some(&challenge)
        && asked.get("redirect_uri").map(String::as_str) == Some(of("redirect_uri"));
    if !right {
        return status(StatusCode::BAD_REQUEST, &json!({ "error": "invalid_grant" }));
    }
    let claims = claims(world, issuer, asked.get("nonce"))?;
    let id_token = world.keys.sign(world.signing, &claims)?;
    status(
        StatusCode::OK,
        &json!({ "access_token": "access", "token_type": "Bearer", "id_token": id_token }),
    )
}

fn claims(world: &OidcWorld, issuer: &str, nonce: Option<&String>) -> Result<Value, std::io::Error> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(std::io::Error::other)?;
    let now = since.as_secs();
    let mut claims: Map<String, Value> = world.person.as_object().cloned().unwrap_or_default();
    let right = json!({
        "iss": issuer, "aud": world.client.username, "iat": now, "exp": now + 300, "nonce": nonce,
    });
    for (name, value) in [&right, &world.forged]
        .into_iter()
        .filter_map(Value::as_object)
        .flatten()
    {
        claims.insert(name.clone(), value.clone());
    }
    claims.retain(|_, value| !value.is_null());
    Ok(claims.into())
}

fn status(status: StatusCode, body: &Value) -> Result<Answer, std::io::Error> {
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/json");
    response
        .body(Full::from(body.to_string()))
        .map_err(std::io::Error::other)
}
