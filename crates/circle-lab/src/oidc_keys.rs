//! Keys of a played identity provider, and the ways in which id tokens are signed and are not.

use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use ring::rsa::{KeyPair as RsaKeyPair, PublicKeyComponents};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::LabError;

/// How an id token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// As most do.
    Rs256,
    /// By an elliptic curve.
    Es256,
    /// Not at all: `alg: none`.
    Nothing,
    /// With the published key as if it were a secret that both sides know.
    PublicAsSecret,
    /// By a key that is not published, under the name of one that is.
    Stranger,
}

pub(crate) struct Keys {
    rsa: RsaKeyPair,
    curve: EcdsaKeyPair,
    stranger: EcdsaKeyPair,
    /// How often the curve's key was changed.
    changes: u32,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Keys({} changes)", self.changes)
    }
}

impl Keys {
    pub(crate) async fn make() -> Result<Self, LabError> {
        Ok(Self {
            rsa: rsa().await?,
            curve: curve()?,
            stranger: curve()?,
            changes: 0,
        })
    }

    pub(crate) fn rotate(&mut self) -> Result<(), LabError> {
        self.curve = curve()?;
        self.changes += 1;
        Ok(())
    }

    /// As JSON Web Keys (RFC 7517), beside one of a kind that nobody knows.
    pub(crate) fn published(&self) -> Value {
        let rsa: PublicKeyComponents<Vec<u8>> = self.rsa.public().into();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let point = self.curve.public_key().as_ref();
        json!({ "keys": [
            { "kty": "AKP", "kid": "of-tomorrow", "alg": "ML-DSA-44", "pub": "AA" },
            {
                "kty": "RSA", "kid": "rsa", "use": "sig", "alg": "RS256",
                "n": part(&rsa.n), "e": part(&rsa.e),
            },
            {
                "kty": "EC", "kid": self.curve_name(), "use": "sig", "crv": "P-256",
                "x": part(&point[1..33]), "y": part(&point[33..65]),
            },
        ] })
    }

    fn curve_name(&self) -> String {
        format!("curve-{}", self.changes)
    }

    pub(crate) fn sign(&self, signing: Signing, claims: &Value) -> Result<String, std::io::Error> {
        let (algorithm, name) = match signing {
            Signing::Rs256 => ("RS256", "rsa".to_owned()),
            Signing::Es256 | Signing::Stranger => ("ES256", self.curve_name()),
            Signing::Nothing => ("none", self.curve_name()),
            Signing::PublicAsSecret => ("HS256", "rsa".to_owned()),
        };
        let header = json!({ "alg": algorithm, "kid": name, "typ": "JWT" });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let signature = self.signature(signing, message.as_bytes())?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn signature(&self, signing: Signing, message: &[u8]) -> Result<Vec<u8>, std::io::Error> {
        let random = SystemRandom::new();
        let failed = |_| std::io::Error::other("an id token could not be signed");
        Ok(match signing {
            Signing::Rs256 => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                let signed = self.rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature);
                signed.map_err(failed)?;
                signature
            }
            Signing::Es256 => self.curve.sign(&random, message).map_err(failed)?.as_ref().to_vec(),
            Signing::Stranger => self.stranger.sign(&random, message).map_err(failed)?.as_ref().to_vec(),
            Signing::Nothing => Vec::new(),
            Signing::PublicAsSecret => {
                let public: PublicKeyComponents<Vec<u8>> = self.rsa.public().into();
                let key = hmac::Key::new(hmac::HMAC_SHA256, &public.n);
                hmac::sign(&key, message).as_ref().to_vec()
            }
        })
    }
}

/// Something that nobody guesses.
pub(crate) fn random() -> Result<String, std::io::Error> {
    let mut bytes = [0; 16];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| std::io::Error::other("there is no randomness"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn failed(what: impl std::fmt::Display) -> LabError {
    LabError::io("make a key", std::io::Error::other(what.to_string()))
}

fn curve() -> Result<EcdsaKeyPair, LabError> {
    let random = SystemRandom::new();
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).map_err(failed)?;
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).map_err(failed)
}

async fn rsa() -> Result<RsaKeyPair, LabError> {
    let made = Command::new("openssl")
        .args("genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -outform DER".split(' '))
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|source| LabError::io("start openssl", source))?;
    // Releases differ in which of the two forms they write.
    let key = RsaKeyPair::from_pkcs8(&made.stdout).or_else(|_| RsaKeyPair::from_der(&made.stdout));
    key.map_err(|error| {
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        failed(format!("{error}: {said}"))
    })
}
