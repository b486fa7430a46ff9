//! Whether a call comes from the forge: each has its own way to say so, and all of them are compared in constant time.

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use circle_core::forge::ForgeKind;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Signatures in one header: a forge that changes its key sends two.
const SIGNATURES: usize = 4;

/// Whether the raw body was sent by somebody who knows the secret.
pub fn verify(kind: ForgeKind, headers: &HeaderMap, body: &[u8], secret: &SecretString) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match kind {
        ForgeKind::Github => text("x-hub-signature-256")
            .and_then(|said| said.strip_prefix("sha256="))
            .is_some_and(|said| is_hex_mac(said, body, secret)),
        ForgeKind::Gitea => text("x-gitea-signature").is_some_and(|said| is_hex_mac(said, body, secret)),
        // The newer way signs; the older one shows the secret itself, which only the forge knows.
        ForgeKind::Gitlab => match text("webhook-signature") {
            Some(said) => is_standard_webhook(said, headers, body, secret),
            None => headers
                .get("x-gitlab-token")
                .is_some_and(|said| said.as_bytes().ct_eq(secret.expose_secret().as_bytes()).into()),
        },
    }
}

fn is_hex_mac(said: &str, body: &[u8], secret: &SecretString) -> bool {
    let Ok(said) = hex::decode(said) else { return false };
    mac(secret, &[body]).is_some_and(|mac| mac.verify_slice(&said).is_ok())
}

/// standardwebhooks.com: `v1,<base64 of the HMAC over id.timestamp.body>`, several separated by blanks.
fn is_standard_webhook(said: &str, headers: &HeaderMap, body: &[u8], secret: &SecretString) -> bool {
    let (Some(id), Some(time)) = (headers.get("webhook-id"), headers.get("webhook-timestamp")) else {
        return false;
    };
    let parts = [id.as_bytes(), b".", time.as_bytes(), b".", body];
    let mut signatures = said
        .split(' ')
        .take(SIGNATURES)
        .filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
    signatures.any(|one| mac(secret, &parts).is_some_and(|mac| mac.verify_slice(&one).is_ok()))
}

fn mac(secret: &SecretString, parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use circle_core::forge::ForgeKind;
    use hmac::Mac;
    use secrecy::SecretString;

    use super::{mac, verify};

    fn headers(pairs: &[(&'static str, String)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, String)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).expect("a value"),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn sec_01_each_forge_is_believed_in_its_own_way_only() {
        let secret = SecretString::from("the-secret");
        let body = b"{}";
        let signed = |parts: &[&[u8]]| mac(&secret, parts).expect("a key").finalize().into_bytes();
        let hex_text = hex::encode(signed(&[body]));
        let standard = STANDARD.encode(signed(&[b"1", b".", b"2", b".", body]));
        let of_github = headers(&[("x-hub-signature-256", format!("sha256={hex_text}"))]);
        let of_gitea = headers(&[("x-gitea-signature", hex_text.clone())]);
        let shows_token = headers(&[("x-gitlab-token", "the-secret".into())]);
        let signs = headers(&[
            ("webhook-id", "1".into()),
            ("webhook-timestamp", "2".into()),
            ("webhook-signature", format!("v1,AAAA v1,{standard}")),
        ]);
        let lies = headers(&[
            ("webhook-signature", "v1,AAAA".into()),
            ("x-gitlab-token", "the-secret".into()),
        ]);
        let good = [
            (ForgeKind::Github, &of_github),
            (ForgeKind::Gitea, &of_gitea),
            (ForgeKind::Gitlab, &shows_token),
            (ForgeKind::Gitlab, &signs),
        ];
        for kind in [ForgeKind::Github, ForgeKind::Gitea, ForgeKind::Gitlab] {
            for one in [&of_github, &of_gitea, &shows_token, &signs, &lies] {
                let expected = good
                    .iter()
                    .any(|(of, headers)| *of == kind && std::ptr::eq(*headers, one));
                assert_eq!(verify(kind, one, body, &secret), expected, "{kind:?} {one:?}");
                assert!(!verify(kind, one, body, &SecretString::from("another")), "{kind:?}");
            }
            assert!(!verify(kind, &HeaderMap::new(), body, &secret));
        }
        assert!(!verify(ForgeKind::Gitea, &of_gitea, b"{ }", &secret), "another body");
    }
}
