//! How the engine is reached: a unix socket, or TCP with client certificates.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::deploy::port::TargetError;

/// Until a connection stands.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Until a call is answered; the engine asks registries within it.
const CALL_LIMIT: Duration = Duration::from_secs(25);

const NO_CLIENT: &str = "the target's TLS bundle holds no client certificate with its key: put both first, in PEM";
const NO_AUTHORITY: &str =
    "the target's TLS bundle holds no CA certificate: put it after the client certificate and key, in PEM";

/// A client and the base of its addresses.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) client: reqwest::Client,
    pub(super) base: String,
}

impl Endpoint {
    /// Reads `unix:///path` or `tcp://host:port`; a bundle holds client certificate, key and CA as PEM, in
    /// this order.
    pub(super) fn new(endpoint: &str, bundle: Option<&SecretString>) -> Result<Self, TargetError> {
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .timeout(CALL_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        let refused = |why: String| TargetError::Refused { why };
        let (builder, base) = match (
            endpoint.strip_prefix("unix://"),
            endpoint.strip_prefix("tcp://"),
            bundle,
        ) {
            (Some(path), _, _) if path.starts_with('/') => (
                builder.unix_socket(path.to_owned()).tls_certs_only([]),
                "http://engine".to_owned(),
            ),
            (_, Some(host), None) => (builder.tls_certs_only([]), format!("http://{host}")),
            (_, Some(host), Some(bundle)) => {
                let pem = bundle.expose_secret().as_bytes();
                let identity = reqwest::Identity::from_pem(pem).map_err(|_| refused(NO_CLIENT.into()))?;
                let trusted = authorities(pem)?;
                (
                    builder.identity(identity).tls_certs_only(trusted),
                    format!("https://{host}"),
                )
            }
            _ => {
                return Err(refused(format!(
                    "\"{endpoint}\" is neither unix:///path nor tcp://host:port"
                )));
            }
        };
        let client = builder
            .build()
            .map_err(|error| refused(format!("the target's TLS bundle cannot be used: {error}")))?;
        Ok(Self { client, base })
    }
}

/// What stands after the client certificate: that one is trusted for nothing but ourselves.
fn authorities(pem: &[u8]) -> Result<Vec<reqwest::Certificate>, TargetError> {
    let refused = || TargetError::Refused {
        why: NO_AUTHORITY.into(),
    };
    let all = reqwest::Certificate::from_pem_bundle(pem).map_err(|_| refused())?;
    let authorities: Vec<_> = all.into_iter().skip(1).collect();
    if authorities.is_empty() {
        Err(refused())
    } else {
        Ok(authorities)
    }
}
