//! Changing the master key while the server goes on: a new key seals, all known keys open, an old key may go once nothing is sealed
//! under it.

use std::path::Path;
use std::sync::Arc;

use super::keys::{MasterKey, VaultError, new_key, write};
use super::seal::Vault;
use super::source::KeySource;

impl Vault {
    /// From now on a new key seals. A file gets another line; a command is asked again and must end with another key.
    ///
    /// # Errors
    /// [`VaultError`]; the keys are as they were then.
    pub fn rotate(&self) -> Result<String, VaultError> {
        let mut keys = self.source().load()?;
        match self.source() {
            KeySource::File(path) => {
                keys.push(new_key());
                write(path, &keys).map_err(|source| VaultError::file(path, source))?;
            }
            KeySource::Command(_) => {
                let last = keys.last().map(|key| key.id.clone()).unwrap_or_default();
                if last == self.sealing_key() {
                    return Err(VaultError::SameKey { id: last });
                }
                if let Some(gone) = self.key_ids().into_iter().find(|id| !has(&keys, id)) {
                    return Err(VaultError::UnknownKey { id: gone });
                }
            }
        }
        self.take(keys);
        Ok(self.sealing_key())
    }

    /// Forgets a key; that nothing is sealed under it any more is for the caller to know. A command must have forgotten it first.
    ///
    /// # Errors
    /// [`VaultError`]; the keys are as they were then.
    pub fn forget(&self, id: &str) -> Result<(), VaultError> {
        if id == self.sealing_key() {
            return Err(VaultError::Sealing { id: id.to_owned() });
        }
        let mut keys = self.source().load()?;
        match self.source() {
            KeySource::File(path) => {
                keys.retain(|key| key.id != id);
                write(path, &keys).map_err(|source| VaultError::file(path, source))?;
            }
            KeySource::Command(_) if has(&keys, id) => return Err(VaultError::StillPrinted { id: id.to_owned() }),
            KeySource::Command(_) => {}
        }
        self.take(keys);
        Ok(())
    }

    /// Writes every key into a file of this user's alone.
    ///
    /// # Errors
    /// What the system says of the file.
    pub fn write_to(&self, path: &Path) -> std::io::Result<()> {
        write(path, &self.ring())
    }

    /// The id of the key that seals.
    pub fn sealing_key(&self) -> String {
        self.ring().last().map(|key| key.id.clone()).unwrap_or_default()
    }

    /// Every key that opens, oldest first.
    pub fn key_ids(&self) -> Vec<String> {
        self.ring().iter().map(|key| key.id.clone()).collect()
    }

    fn take(&self, keys: Vec<MasterKey>) {
        self.set_ring(Arc::new(keys));
        self.rotated().notify_waiters();
    }
}

fn has(keys: &[MasterKey], id: &str) -> bool {
    keys.iter().any(|key| key.id == id)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use circle_core::ids::WorkspaceId;
    use secrecy::ExposeSecret;
    use uuid::Uuid;

    use super::super::Place;
    use super::*;

    fn place() -> Place<'static> {
        Place {
            workspace: WorkspaceId::from_uuid(Uuid::from_u128(1)),
            scope: "workspace",
            name: "TOKEN",
        }
    }

    fn line(id: &str, letter: char) -> String {
        // 32 times a byte, in base64: 43 equal letters would be no whole number of bytes.
        format!("{id} {}=\n", letter.to_string().repeat(42) + "A")
    }

    #[test]
    fn sec_24_a_key_rotates_in_its_file_and_goes_only_when_another_seals() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("master-key");
        let vault = Vault::open(&path).expect("a key");
        let old = vault.sealing_key();
        let sealed = vault.seal(place(), "hunter22").expect("sealed");
        let new = vault.rotate().expect("rotated");
        assert_eq!(vault.key_ids(), [old.clone(), new.clone()]);
        assert_eq!(vault.seal(place(), "hunter22").expect("sealed").key, new);
        assert!(matches!(vault.forget(&new), Err(VaultError::Sealing { .. })));
        // Another process that opens the file sees the same.
        let again = Vault::open(&path).expect("both");
        assert_eq!(
            again.open_value(place(), &sealed).expect("opens").expose_secret(),
            "hunter22"
        );
        vault.forget(&old).expect("forgotten");
        assert!(matches!(
            vault.open_value(place(), &sealed),
            Err(VaultError::UnknownKey { .. })
        ));
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!std::fs::read_to_string(&path).expect("read").contains(&old));
    }

    #[test]
    fn sec_24_a_command_gives_the_keys_and_is_asked_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let printed = folder.path().join("printed");
        std::fs::write(&printed, line("k1", 'A')).expect("written");
        let words = ["cat", printed.to_str().expect("text")].map(str::to_owned).to_vec();
        let vault = Vault::open_from(KeySource::Command(words)).expect("a key");
        let sealed = vault.seal(place(), "hunter22").expect("sealed");
        assert!(matches!(vault.rotate(), Err(VaultError::SameKey { .. })));
        std::fs::write(&printed, line("k2", 'B')).expect("written");
        let lost = vault.rotate().expect_err("k1 is lost").to_string();
        assert!(lost.contains("k1"), "{lost}");
        std::fs::write(&printed, line("k1", 'A') + &line("k2", 'B')).expect("written");
        assert_eq!(vault.rotate().expect("rotated"), "k2");
        assert_eq!(
            vault.open_value(place(), &sealed).expect("opens").expose_secret(),
            "hunter22"
        );
        assert!(matches!(vault.forget("k1"), Err(VaultError::StillPrinted { .. })));
        std::fs::write(&printed, line("k2", 'B')).expect("written");
        vault.forget("k1").expect("forgotten");
        assert_eq!(vault.key_ids(), ["k2"]);
        for (words, told) in [
            (vec!["false"], "exit status: 1"),
            (vec!["/no/such/program"], "/no/such/program"),
            (vec![], "empty"),
        ] {
            let words = words.into_iter().map(str::to_owned).collect();
            let error = Vault::open_from(KeySource::Command(words))
                .expect_err("no key")
                .to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
