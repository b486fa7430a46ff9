//! XChaCha20-Poly1305 with a random nonce; the place of the value is the associated data.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use circle_core::ids::WorkspaceId;
use rand::Rng;
use secrecy::SecretString;
use tokio::sync::Notify;
use zeroize::Zeroizing;

use super::keys::{MasterKey, VaultError};
use super::source::KeySource;
use crate::records::Sealed;

/// Length of a nonce in bytes: long enough to be random for ever.
const NONCE_BYTES: usize = 24;

/// Seals and opens values.
pub struct Vault {
    source: KeySource,
    /// Never empty; the last one seals.
    ring: RwLock<Arc<Vec<MasterKey>>>,
    rotated: Notify,
}

/// In the place of a workspace for what is the server's own: none has this id.
pub(crate) const OF_SERVER: WorkspaceId = WorkspaceId::from_uuid(uuid::Uuid::nil());

/// Where a value belongs; it opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) workspace: WorkspaceId,
    pub(crate) scope: &'a str,
    pub(crate) name: &'a str,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.key_ids()).finish()
    }
}

impl Vault {
    /// Opens the key file, or makes it.
    ///
    /// # Errors
    /// [`VaultError`] names the file and what to do.
    pub fn open(path: &Path) -> Result<Self, VaultError> {
        Self::open_from(KeySource::File(path.to_owned()))
    }

    /// Opens the keys of a file or of a command.
    ///
    /// # Errors
    /// [`VaultError`] names the source and what to do.
    pub fn open_from(source: KeySource) -> Result<Self, VaultError> {
        let ring = RwLock::new(Arc::new(source.load()?));
        let rotated = Notify::new();
        Ok(Self { source, ring, rotated })
    }

    pub(super) fn source(&self) -> &KeySource {
        &self.source
    }

    pub(super) fn ring(&self) -> Arc<Vec<MasterKey>> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set_ring(&self, keys: Arc<Vec<MasterKey>>) {
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Told whenever the keys have changed.
    pub(crate) fn rotated(&self) -> &Notify {
        &self.rotated
    }

    pub(crate) fn seal(&self, place: Place<'_>, value: &str) -> Result<Sealed, VaultError> {
        let ring = self.ring();
        let key = ring.last().ok_or(VaultError::Damaged)?;
        let mut nonce = [0; NONCE_BYTES];
        rand::rng().fill_bytes(&mut nonce);
        let bound = associated(place, &key.id);
        let payload = Payload {
            msg: value.as_bytes(),
            aad: &bound,
        };
        let text = cipher(key)
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| VaultError::Damaged)?;
        Ok(Sealed {
            key: key.id.clone(),
            nonce: STANDARD.encode(nonce),
            text: STANDARD.encode(text),
        })
    }

    pub(crate) fn open_value(&self, place: Place<'_>, sealed: &Sealed) -> Result<SecretString, VaultError> {
        let ring = self.ring();
        let key = ring.iter().find(|key| key.id == sealed.key);
        let key = key.ok_or_else(|| VaultError::UnknownKey { id: sealed.key.clone() })?;
        let nonce = STANDARD.decode(&sealed.nonce).map_err(|_| VaultError::Damaged)?;
        let nonce: [u8; NONCE_BYTES] = nonce.as_slice().try_into().map_err(|_| VaultError::Damaged)?;
        let text = STANDARD.decode(&sealed.text).map_err(|_| VaultError::Damaged)?;
        let bound = associated(place, &key.id);
        let payload = Payload {
            msg: &text,
            aad: &bound,
        };
        let opened = cipher(key)
            .decrypt(&XNonce::from(nonce), payload)
            .map_err(|_| VaultError::Damaged)?;
        let opened = Zeroizing::new(opened);
        let text = std::str::from_utf8(&opened).map_err(|_| VaultError::Damaged)?;
        Ok(SecretString::from(text.to_owned()))
    }
}

fn cipher(key: &MasterKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(*key.bytes).into())
}

/// Every part carries its length, so that no two places have the same text.
fn associated(place: Place<'_>, key: &str) -> Vec<u8> {
    let workspace = place.workspace.to_string();
    let mut bound = b"circle-secret-1".to_vec();
    for part in [workspace.as_str(), place.scope, place.name, key] {
        bound.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bound.extend_from_slice(part.as_bytes());
    }
    bound
}

#[cfg(test)]
mod tests {
    use circle_core::ids::WorkspaceId;
    use secrecy::ExposeSecret;
    use uuid::Uuid;

    use super::{Place, Vault, VaultError};

    fn place(name: &str) -> Place<'_> {
        Place {
            workspace: WorkspaceId::from_uuid(Uuid::from_u128(1)),
            scope: "workspace",
            name,
        }
    }

    #[test]
    fn sec_24_a_value_opens_only_in_its_place_and_with_its_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(&folder.path().join("master-key")).expect("a new key");
        let sealed = vault.seal(place("TOKEN"), "hunter22").expect("sealed");
        assert!(!format!("{sealed:?}{}", sealed.text).contains("hunter22"));
        assert_eq!(
            vault
                .open_value(place("TOKEN"), &sealed)
                .expect("opens")
                .expose_secret(),
            "hunter22"
        );
        assert!(matches!(
            vault.open_value(place("OTHER"), &sealed),
            Err(VaultError::Damaged)
        ));
        let other = Vault::open(&folder.path().join("another")).expect("another key");
        assert!(matches!(
            other.open_value(place("TOKEN"), &sealed),
            Err(VaultError::UnknownKey { .. })
        ));
    }

    #[test]
    fn sec_24_keys_rotate_and_old_values_still_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        let old = Vault::open(&first).expect("a key");
        let sealed = old.seal(place("TOKEN"), "hunter22").expect("sealed");
        Vault::open(&second).expect("a newer key");
        let both = [&first, &second].map(|path| std::fs::read_to_string(path).expect("the key"));
        std::fs::write(&first, both.concat()).expect("written");
        let rotated = Vault::open(&first).expect("both keys");
        assert_eq!(
            rotated
                .open_value(place("TOKEN"), &sealed)
                .expect("opens")
                .expose_secret(),
            "hunter22"
        );
        assert_ne!(rotated.seal(place("TOKEN"), "x").expect("sealed").key, sealed.key);
    }

    #[test]
    fn the_key_file_is_the_owners_alone_and_a_broken_one_is_named() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("master-key");
        Vault::open(&path).expect("a new key");
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(&path, "nonsense\n").expect("written");
        let error = Vault::open(&path).expect_err("no key").to_string();
        assert!(error.contains("line 1"), "{error}");
    }
}
