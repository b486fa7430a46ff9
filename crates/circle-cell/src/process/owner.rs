//! Who owns a state folder, and the name that everything of its cells carries.

use std::fs::{File, OpenOptions, create_dir_all};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use crate::CellError;

/// A socket's path has at most 107 bytes (unix(7)); this much is needed behind the state folder.
const LONGEST_STATE_PATH: usize = 107 - "/cells/123456-12345678/run/docker.sock".len();

/// The lock on a state folder, held as long as this value lives; the kernel lets go of it when the process dies.
#[derive(Debug)]
pub(crate) struct Ownership {
    state: PathBuf,
    instance: String,
    _lock: Flock<File>,
}

impl Ownership {
    /// Takes the folder, which is made (mode 0700) when it is missing.
    pub(crate) fn take(state: &Path) -> Result<Self, CellError> {
        create_dir_all(state.join("cells")).map_err(CellError::io("make the folder", state))?;
        let state = state.canonicalize().map_err(CellError::io("find the folder", state))?;
        for folder in [state.clone(), state.join("cells")] {
            std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700))
                .map_err(CellError::io("close the folder", &folder))?;
        }
        let path = state.join("owner");
        let complain = CellError::io("open", &path);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(complain)?;
        let mut owner = String::new();
        let _ = file.read_to_string(&mut owner);
        let Ok(mut lock) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else {
            return Err(CellError::Owned {
                folder: state,
                owner: owner.trim().to_owned(),
            });
        };
        lock.set_len(0).map_err(CellError::io("empty", &path))?;
        lock.rewind().map_err(CellError::io("rewind", &path))?;
        lock.write_all(std::process::id().to_string().as_bytes())
            .map_err(CellError::io("write", &path))?;
        Ok(Self {
            instance: instance_of(&state),
            state,
            _lock: lock,
        })
    }

    /// Refuses a path in which the sockets of cells would have no room.
    pub(crate) fn has_room_for_sockets(&self) -> Result<(), CellError> {
        if self.state.as_os_str().len() <= LONGEST_STATE_PATH {
            return Ok(());
        }
        Err(CellError::Unable(format!(
            "the path {} is too long for the sockets in it: choose one of at most {LONGEST_STATE_PATH} bytes",
            self.state.display()
        )))
    }

    /// The folder, as an absolute path without links.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// Six hex digits that differ from those of other state folders of this machine.
    pub(crate) fn instance(&self) -> &str {
        &self.instance
    }

    /// A number that differs between instances: where the search for free addresses begins.
    pub(crate) fn seed(&self) -> u64 {
        u64::from_str_radix(&self.instance, 16).unwrap_or(0)
    }

    /// The folder of all cells.
    pub(crate) fn cells(&self) -> PathBuf {
        self.state.join("cells")
    }
}

/// The name that everything of a provider with this state folder carries.
pub fn instance_name(state: &Path) -> String {
    instance_of(&state.canonicalize().unwrap_or_else(|_| state.to_owned()))
}

/// FNV-1a over the path, folded to 24 bits (Fowler, Noll, Vo; 64-bit constants).
fn instance_of(state: &Path) -> String {
    let hash = state
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{:06x}", (hash ^ (hash >> 24) ^ (hash >> 48)) & 0xff_ffff)
}

#[cfg(test)]
mod tests {
    use super::Ownership;
    use crate::CellError;

    #[test]
    fn a_folder_has_one_owner_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Ownership::take(folder.path()).expect("the first owner");
        match Ownership::take(folder.path()) {
            Err(CellError::Owned { owner, .. }) => assert_eq!(owner, std::process::id().to_string()),
            other => panic!("the folder was taken twice: {other:?}"),
        }
        let name = first.instance().to_owned();
        drop(first);
        assert_eq!(Ownership::take(folder.path()).expect("the next owner").instance(), name);
    }
}
