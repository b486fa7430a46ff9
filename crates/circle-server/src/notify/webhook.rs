//! Calls to programs elsewhere, signed as Standard Webhooks (standardwebhooks.com, version 1) has it: HMAC-SHA256 over id, time and body.

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use circle_core::notice::Notice;
use circle_net::{Bounds, Net, NetError, Request};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use super::port::{Destination, NotTold, Notifier};
use super::{Story, words};
use crate::time::now;

/// What stands before a secret, so that people know it from others.
pub(crate) const SECRET_PREFIX: &str = "whsec_";
/// A receiver answers at once and does its work afterwards.
const ANSWER_TIME: Duration = Duration::from_secs(15);
/// Its answer is not read by anybody.
const ANSWER_BYTES: usize = 64 * 1024;

/// Tells programs.
#[derive(Debug, Clone)]
pub(crate) struct WebhookNotifier {
    net: Net,
}

impl WebhookNotifier {
    pub(crate) fn new(net: Net) -> Self {
        Self { net }
    }
}

#[async_trait]
impl Notifier for WebhookNotifier {
    async fn tell(&self, to: &Destination, notice: &Notice, story: &Story) -> Result<(), NotTold> {
        let Destination::Webhook { url, secret } = to else {
            return Err(NotTold::Never("it is no webhook".to_owned()));
        };
        let at = now();
        let body = words::call(notice, story, at).to_string();
        let (id, seconds) = (notice.id.to_string(), at.as_second().to_string());
        let signature = sign(secret, &format!("{id}.{seconds}.{body}"))?;
        let mut request = Request::new(Method::POST, url).map_err(sorted)?;
        for (name, value) in [
            ("webhook-id", id),
            ("webhook-timestamp", seconds),
            ("webhook-signature", signature),
        ] {
            let value = HeaderValue::try_from(value).map_err(|error| NotTold::Never(error.to_string()))?;
            request = request.header(HeaderName::from_static(name), value);
        }
        let bounds = Bounds {
            time: ANSWER_TIME,
            answer_bytes: ANSWER_BYTES,
        };
        let answer = match self
            .net
            .send(request.body("application/json", body).bounds(bounds))
            .await
        {
            Ok(answer) => answer.status,
            // It answered, at length.
            Err(NetError::TooLarge(_)) => return Ok(()),
            Err(error) => return Err(sorted(error)),
        };
        match answer.as_u16() {
            200..=299 => Ok(()),
            410 => Err(NotTold::Never("it answered 410: it wants no more calls".to_owned())),
            status => Err(NotTold::Later(format!("it answered {status}"))),
        }
    }
}

fn sorted(error: NetError) -> NotTold {
    match error {
        error if error.is_temporary() => NotTold::Later(error.to_string()),
        error => NotTold::Never(error.to_string()),
    }
}

/// `v1,` and the MAC in base64. The key is what stands behind the prefix, decoded.
pub(super) fn sign(secret: &SecretString, content: &str) -> Result<String, NotTold> {
    let wrong = || NotTold::Never("its secret is not one: make the webhook anew".to_owned());
    let key = secret.expose_secret().strip_prefix(SECRET_PREFIX).ok_or_else(wrong)?;
    let key = STANDARD.decode(key).map_err(|_| wrong())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| wrong())?;
    mac.update(content.as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::sign;

    /// Computed with Python's hmac module.
    #[test]
    fn a_call_is_signed_over_id_time_and_body() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into();
        let content = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
        assert_eq!(sign(&secret, content).expect("a signature"), EXPECTED);
        assert!(sign(&"hush".into(), content).is_err());
    }

    const EXPECTED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
}
