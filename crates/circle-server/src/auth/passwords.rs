//! Passwords: argon2id, away from the threads that answer, a bounded number at a time.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use circle_api::worker::SecretValue;
use rand::Rng;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::tokens::same;
use crate::http::ApiError;
use crate::records::StoredPassword;

/// Memory of one hash. With [`PASSES`] and one lane it is the second of OWASP's equal choices: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// Hashes at the same time: two cells' worth of memory, and no more threads than a small machine has.
const AT_ONCE: usize = 2;
/// Shortest and longest password, in bytes; what is longer only costs time.
pub(crate) const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 10..=256;

/// Where passwords are hashed.
#[derive(Debug, Clone)]
pub(crate) struct Passwords(Arc<Semaphore>);

impl Default for Passwords {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Passwords {
    /// What is to be kept of a new password.
    pub(crate) async fn keep(&self, password: SecretValue) -> Result<StoredPassword, ApiError> {
        let mut salt = [0; SALT_BYTES];
        rand::rng().fill_bytes(&mut salt);
        let mut stored = StoredPassword {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: hex::encode(salt),
            hash: String::new(),
        };
        stored.hash = self.hash(password, stored.clone()).await?;
        Ok(stored)
    }

    /// Whether it is the password. Somebody unknown takes as long as somebody known.
    pub(crate) async fn is(&self, password: SecretValue, stored: Option<StoredPassword>) -> Result<bool, ApiError> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| StoredPassword {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: "00".repeat(SALT_BYTES),
            hash: String::new(),
        });
        let hash = self.hash(password, stored.clone()).await?;
        Ok(same(&hash, &stored.hash) && known)
    }

    async fn hash(&self, password: SecretValue, by: StoredPassword) -> Result<String, ApiError> {
        let place = Arc::clone(&self.0).acquire_owned().await;
        let place = place.map_err(|error| ApiError::Internal(error.to_string()))?;
        let hashed = tokio::task::spawn_blocking(move || {
            let hashed = hash_now(&password, &by);
            drop(place);
            hashed
        });
        let hashed = hashed.await.map_err(|error| ApiError::Internal(error.to_string()))?;
        hashed.map_err(|error| ApiError::Internal(format!("a password was not hashed: {error}")))
    }
}

fn hash_now(password: &SecretValue, by: &StoredPassword) -> Result<String, argon2::Error> {
    let params = Params::new(by.memory_kib, by.passes, by.lanes, Some(HASH_BYTES))?;
    let salt = hex::decode(&by.salt).unwrap_or_default();
    let mut out = Zeroizing::new([0; HASH_BYTES]);
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(password.expose().as_bytes(), &salt, out.as_mut_slice())?;
    Ok(hex::encode(out.as_slice()))
}

#[cfg(test)]
mod tests {
    use circle_api::worker::SecretValue;

    use super::Passwords;

    #[tokio::test]
    async fn sec_51_a_password_is_kept_as_a_salted_slow_hash() {
        let (passwords, secret) = (Passwords::default(), || SecretValue::new("correct horse"));
        let stored = passwords.keep(secret()).await.expect("a hash");
        assert!(passwords.is(secret(), Some(stored.clone())).await.expect("an answer"));
        let wrong = SecretValue::new("correct house");
        assert!(!passwords.is(wrong, Some(stored.clone())).await.expect("an answer"));
        assert!(!passwords.is(secret(), None).await.expect("an answer"));
        let again = passwords.keep(secret()).await.expect("a hash");
        assert_ne!((stored.salt, stored.hash), (again.salt, again.hash));
    }
}
