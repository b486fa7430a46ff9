//! How an engine is reached: a unix socket, or TCP with client certificates.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::judged::Judged;
use super::place::Place;

/// Until a connection stands.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Until a call is answered; the engine asks registries within it.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(25);

const NO_CLIENT: &str = "the TLS bundle holds no client certificate with its key: put both first, in PEM";
const NO_AUTHORITY: &str =
    "the TLS bundle holds no CA certificate: put it after the client certificate and key, in PEM";

/// Why an engine cannot even be called, as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unusable(pub(crate) String);

/// A client and the base of its addresses.
#[derive(Debug, Clone)]
pub(crate) struct Docker {
    pub(super) client: reqwest::Client,
    pub(super) base: String,
}

impl Docker {
    /// Reads `unix:///path` or `tcp://host:port`; a bundle holds client certificate, key and CA as PEM, in
    /// this order. With addresses that were judged it connects to these, whatever the name says now; without, the endpoint
    /// is one of the server's administrators.
    pub(crate) fn new(
        endpoint: &str,
        bundle: Option<&SecretString>,
        judged: Option<&Judged>,
    ) -> Result<Self, Unusable> {
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if let Some(judged) = judged {
            builder = builder.resolve_to_addrs(&judged.host, &judged.addresses);
        }
        let (builder, base) = match (endpoint.strip_prefix("unix://"), Place::of(endpoint), bundle) {
            (Some(path), _, _) if path.starts_with('/') => (
                builder.unix_socket(path.to_owned()).tls_certs_only([]),
                "http://engine".to_owned(),
            ),
            (_, Some(place), None) => (builder.tls_certs_only([]), format!("http://{place}")),
            (_, Some(place), Some(bundle)) => {
                let pem = bundle.expose_secret().as_bytes();
                let identity = reqwest::Identity::from_pem(pem).map_err(|_| Unusable(NO_CLIENT.into()))?;
                (
                    builder.identity(identity).tls_certs_only(authorities(pem)?),
                    format!("https://{place}"),
                )
            }
            _ => {
                return Err(Unusable(format!(
                    "\"{endpoint}\" is neither unix:///path nor tcp://host:port"
                )));
            }
        };
        let client = builder
            .build()
            .map_err(|error| Unusable(format!("the TLS bundle cannot be used: {error}")))?;
        Ok(Self { client, base })
    }
}

/// What stands after the client certificate: that one is trusted for nothing but ourselves.
fn authorities(pem: &[u8]) -> Result<Vec<reqwest::Certificate>, Unusable> {
    let refused = || Unusable(NO_AUTHORITY.into());
    let all = reqwest::Certificate::from_pem_bundle(pem).map_err(|_| refused())?;
    let authorities: Vec<_> = all.into_iter().skip(1).collect();
    if authorities.is_empty() {
        Err(refused())
    } else {
        Ok(authorities)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::Docker;

    #[test]
    fn what_is_wrong_with_an_endpoint_is_said() {
        let refused = |endpoint: &str, bundle: Option<&str>| {
            let bundle = bundle.map(SecretString::from);
            Docker::new(endpoint, bundle.as_ref(), None)
                .err()
                .map(|unusable| unusable.to_string())
        };
        assert_eq!(refused("unix:///run/docker.sock", None), None);
        assert_eq!(refused("tcp://10.0.0.1:2375", None), None);
        let schemes = refused("http://10.0.0.1", None).expect("another scheme");
        assert!(schemes.contains("tcp://host:port"), "{schemes}");
        let relative = refused("unix://docker.sock", None).expect("no path");
        assert!(relative.contains("unix:///path"), "{relative}");
        let nonsense = refused("tcp://10.0.0.1:2376", Some("nonsense")).expect("no certificate");
        assert!(nonsense.contains("client certificate"), "{nonsense}");
    }
}
