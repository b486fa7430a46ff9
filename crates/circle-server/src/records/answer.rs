//! Answers to calls with an `Idempotency-Key`, sealed so that only the same call opens them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use circle_store::records::{Kind, Record};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Length of a nonce in bytes: long enough to be random for ever.
const NONCE_BYTES: usize = 24;

/// An answer that was given. It may hold a token that is shown once: without the caller's credential nobody reads it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerRecord {
    /// A hash of the credential and the key.
    pub id: String,
    /// A hash of the call.
    pub asked: String,
    /// The nonce and the sealed answer, in base64.
    pub sealed: String,
    /// In milliseconds since 1970.
    pub expires_at: i64,
}

impl Record for AnswerRecord {
    const KIND: Kind = Kind::Answer;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        self.id.clone()
    }
}

/// The answer itself.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeptAnswer {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) body: String,
}

impl KeptAnswer {
    /// Seals it with a key that is not kept; `bound` must be said again to open it.
    pub(crate) fn sealed(&self, key: &[u8; 32], bound: &str) -> Option<String> {
        let mut nonce = [0; NONCE_BYTES];
        rand::rng().fill_bytes(&mut nonce);
        let text = serde_json::to_vec(self).ok()?;
        let payload = Payload {
            msg: &text,
            aad: bound.as_bytes(),
        };
        let sealed = cipher(key).encrypt(&XNonce::from(nonce), payload).ok()?;
        Some(STANDARD.encode([nonce.as_slice(), &sealed].concat()))
    }

    pub(crate) fn opened(sealed: &str, key: &[u8; 32], bound: &str) -> Option<Self> {
        let sealed = STANDARD.decode(sealed).ok()?;
        let (nonce, text) = sealed.split_at_checked(NONCE_BYTES)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let payload = Payload {
            msg: text,
            aad: bound.as_bytes(),
        };
        let text = cipher(key).decrypt(&XNonce::from(nonce), payload).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(*key).into())
}

#[cfg(test)]
mod tests {
    use super::KeptAnswer;

    #[test]
    fn only_the_same_call_opens_an_answer() {
        let answer = KeptAnswer {
            status: 201,
            content_type: None,
            location: None,
            body: "a token".into(),
        };
        let (key, other) = ([7; 32], [8; 32]);
        let sealed = answer.sealed(&key, "call").expect("sealed");
        let opened = KeptAnswer::opened(&sealed, &key, "call").expect("opened");
        assert_eq!((opened.status, opened.body.as_str()), (201, "a token"));
        assert!(KeptAnswer::opened(&sealed, &other, "call").is_none());
        assert!(KeptAnswer::opened(&sealed, &key, "another").is_none());
        assert!(KeptAnswer::opened("AAAA", &key, "call").is_none());
    }
}
