//! What is asked.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::error::NetError;

/// How long and how large an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// From the first byte sent to the last one read, redirects included, of one attempt. Default: 20 s.
    pub time: Duration,
    /// Of the body. Default: 8 MiB.
    pub answer_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(20),
            answer_bytes: 8 * 1024 * 1024,
        }
    }
}

/// A call that is to be made.
#[derive(Debug, Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// Goes to the origin of `url` only.
    pub(crate) credential: Option<HeaderValue>,
    pub(crate) body: Bytes,
    pub(crate) bounds: Bounds,
    pub(crate) redirects: u32,
    pub(crate) repeats: u32,
}

impl Request {
    /// A call without redirects and repetitions, with the usual bounds.
    ///
    /// # Errors
    /// [`NetError::Address`] for what is no http or https address, or has a user in it.
    pub fn new(method: Method, address: &str) -> Result<Self, NetError> {
        let url = Url::parse(address)
            .map_err(|error| NetError::Address(format!("\"{}\" is no address: {error}", cut(address))))?;
        check(&url)?;
        Ok(Self {
            method,
            url,
            headers: HeaderMap::new(),
            credential: None,
            body: Bytes::new(),
            bounds: Bounds::default(),
            redirects: 0,
            repeats: 0,
        })
    }

    /// Sets a header. Credentials have [`Request::authorization`].
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets the body and its type.
    #[must_use]
    pub fn body(self, kind: &'static str, body: impl Into<Bytes>) -> Self {
        let mut with = self.header(CONTENT_TYPE, HeaderValue::from_static(kind));
        with.body = body.into();
        with
    }

    /// The value of `Authorization`, for the origin of this request alone.
    ///
    /// # Errors
    /// [`NetError::Address`] when it holds what no header can.
    pub fn authorization(mut self, value: &SecretString) -> Result<Self, NetError> {
        let wrong = |_| NetError::Address("the credential holds characters that no header can carry".to_owned());
        let mut value = HeaderValue::from_str(value.expose_secret()).map_err(wrong)?;
        value.set_sensitive(true);
        self.credential = Some(value);
        Ok(self)
    }

    /// `Authorization: Bearer …`.
    ///
    /// # Errors
    /// As [`Request::authorization`].
    pub fn bearer(self, token: &SecretString) -> Result<Self, NetError> {
        self.authorization(&format!("Bearer {}", token.expose_secret()).into())
    }

    /// Other bounds than the usual ones.
    #[must_use]
    pub fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Follows so many redirects; without it, the redirect is the answer.
    #[must_use]
    pub fn follow(mut self, redirects: u32) -> Self {
        self.redirects = redirects;
        self
    }

    /// Makes the call again so many times when there was no answer, or one that says "later". Only for calls that do the same when they are
    /// made twice.
    #[must_use]
    pub fn repeat(mut self, repeats: u32) -> Self {
        self.repeats = repeats;
        self
    }

    pub(crate) fn all_headers(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        if let Some(credential) = &self.credential {
            headers.insert(AUTHORIZATION, credential.clone());
        }
        headers
    }
}

/// Whether this can be called at all.
pub(crate) fn check(url: &Url) -> Result<(), NetError> {
    let told = || cut(url.host_str().unwrap_or_default());
    if !matches!(url.scheme(), "http" | "https") {
        return Err(NetError::Address(format!(
            "an address begins with http:// or https://, not with {}:",
            cut(url.scheme())
        )));
    }
    if !url.has_host() {
        return Err(NetError::Address("the address names no host".to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(NetError::Address(format!(
            "the address of {} holds a user or a password: give credentials by themselves",
            told()
        )));
    }
    Ok(())
}

fn cut(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(200).collect()
}
