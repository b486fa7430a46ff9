//! The client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::TokioExecutor;
use ipnet::IpNet;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::net::TcpStream;
use url::Url;

use crate::allow::Allow;
use crate::answer::Answer;
use crate::counters::Counters;
use crate::error::NetError;
use crate::request::{Bounds, Request, check};
use crate::retry;
use crate::rules::{Connector, Rules, connect, plain};

/// Of an answer's head; beyond it the answer is an error.
const HEAD_BYTES: usize = 64 * 1024;
/// Connections to one host that are kept for the next call.
const IDLE_PER_HOST: usize = 4;
const AGENT: &str = concat!("circle/", env!("CARGO_PKG_VERSION"));

type Http = Client<HttpsConnector<Connector>, Full<Bytes>>;

/// The one client for calls into the world. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Net {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    rules: Arc<Rules>,
    counters: Counters,
    /// Made with the first call: the machine's authorities are read then.
    http: OnceLock<Http>,
}

impl Net {
    /// A client that calls the internet, and beside it only what is allowed.
    pub fn new(allow: Vec<Allow>) -> Self {
        let inner = Inner {
            rules: Arc::new(Rules { allow }),
            counters: Counters::default(),
            http: OnceLock::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// A client that nothing is closed to: for addresses that the server's administrators answer for, and nobody else gave.
    pub fn everywhere() -> Self {
        let all = [IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()];
        let network = |address| IpNet::new_assert(address, 0);
        Self::new(all.map(network).map(Allow::Network).to_vec())
    }

    /// What was called since the start.
    pub fn counters(&self) -> &Counters {
        &self.inner.counters
    }

    /// The addresses behind a host, every one judged, for a connection that this client cannot make: whoever makes it
    /// connects to these and asks for no others.
    ///
    /// # Errors
    /// [`NetError`] when there are none, or one of them is forbidden.
    pub async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, NetError> {
        self.counted(self.inner.rules.resolve((&plain(host), port)).await)
    }

    /// A connection to a place, judged as it is made; the host is a plain one.
    pub(crate) async fn connect(&self, place: (&str, u16)) -> Result<TcpStream, NetError> {
        self.counted(connect(&self.inner.rules, place).await)
    }

    fn counted<T>(&self, outcome: Result<T, NetError>) -> Result<T, NetError> {
        if matches!(outcome, Err(NetError::Denied { .. })) {
            self.inner.counters.denial();
        }
        outcome
    }

    /// Makes the call, again when the request allows it. An answer of whatever status is no error.
    ///
    /// # Errors
    /// [`NetError`] when there is no answer, or none within the bounds, or none that may be asked for.
    pub async fn send(&self, request: Request) -> Result<Answer, NetError> {
        let mut made = 0;
        loop {
            made += 1;
            let outcome = self.attempt(&request).await;
            let pause = retry::pause(&outcome, made, rand::random());
            match pause.filter(|_| made <= request.repeats) {
                None => return outcome,
                Some(pause) => {
                    self.inner.counters.retry();
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    async fn attempt(&self, request: &Request) -> Result<Answer, NetError> {
        let time = request.bounds.time;
        let ended = tokio::time::timeout(time, self.follow(request)).await;
        let outcome = ended.unwrap_or(Err(NetError::TimedOut(time)));
        match &outcome {
            Ok(_) => self.inner.counters.answer(),
            Err(NetError::Denied { .. }) => self.inner.counters.denial(),
            Err(_) => self.inner.counters.failure(),
        }
        outcome
    }

    /// Goes where redirects lead. The credential stays behind when they leave its origin, and for good.
    async fn follow(&self, request: &Request) -> Result<Answer, NetError> {
        let (mut url, mut method, mut body) = (request.url.clone(), request.method.clone(), request.body.clone());
        let mut headers = request.all_headers();
        for _ in 0..=request.redirects {
            let response = self.call((&url, &method), &headers, body.clone()).await?;
            let next = (request.redirects > 0).then(|| next(&url, &response)).flatten();
            let Some(next) = next else {
                return read(response, request.bounds).await;
            };
            let next = next?;
            if next.origin() != url.origin() {
                headers = request.headers.clone();
            }
            if becomes_get(response.status(), &method) {
                method = Method::GET;
                body = Bytes::new();
                headers.remove(CONTENT_TYPE);
            }
            url = next;
        }
        Err(NetError::Redirects(request.redirects))
    }

    async fn call(
        &self,
        (url, method): (&Url, &Method),
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, NetError> {
        let mut call = http::Request::builder().method(method).uri(url.as_str());
        if let Some(all) = call.headers_mut() {
            all.insert(USER_AGENT, HeaderValue::from_static(AGENT));
            all.extend(headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        let call = call
            .body(Full::new(body))
            .map_err(|error| NetError::Address(error.to_string()))?;
        self.http()?.request(call).await.map_err(|error| failure(&error))
    }

    fn http(&self) -> Result<&Http, NetError> {
        if let Some(http) = self.inner.http.get() {
            return Ok(http);
        }
        let made = connect_with(self.inner.rules.clone())
            .map_err(|error| NetError::Unreachable(format!("no TLS: {error}")))?;
        Ok(self.inner.http.get_or_init(|| made))
    }
}

fn connect_with(rules: Arc<Rules>) -> Result<Http, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(Connector { rules });
    Ok(Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .http1_max_buf_size(HEAD_BYTES)
        .http2_max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .build(connector))
}

/// Where a redirect leads; `None` for other answers.
fn next(url: &Url, response: &Response<Incoming>) -> Option<Result<Url, NetError>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let joined = url
        .join(location)
        .map_err(|error| NetError::Address(format!("its redirect leads nowhere: {error}")));
    Some(joined.and_then(|next| {
        check(&next)?;
        if url.scheme() == "https" && next.scheme() == "http" {
            return Err(NetError::Address("its redirect leads from https to http".to_owned()));
        }
        Ok(next)
    }))
}

/// As browsers do (RFC 9110, 15.4): after 303 always, after 301 and 302 when it was a POST.
fn becomes_get(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        303 => *method != Method::HEAD,
        301 | 302 => *method == Method::POST,
        _ => false,
    }
}

async fn read(response: Response<Incoming>, bounds: Bounds) -> Result<Answer, NetError> {
    let too_large = || NetError::TooLarge(bounds.answer_bytes);
    let (head, mut incoming) = response.into_parts();
    let announced = head
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|announced| announced > bounds.answer_bytes as u64) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| NetError::Unreachable(format!("the answer broke off: {error}")))?;
        if let Ok(data) = frame.into_data() {
            if body.len() + data.len() > bounds.answer_bytes {
                return Err(too_large());
            }
            body.extend_from_slice(&data);
        }
    }
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body: body.freeze(),
    })
}

/// The first of our own errors in the chain, or the chain itself; the address of the call does not stand in it.
fn failure(error: &ClientError) -> NetError {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(own) = inner.downcast_ref::<NetError>() {
            return own.clone();
        }
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    NetError::Unreachable(text)
}
