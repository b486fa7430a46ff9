//! The data folder and its owners.

use std::fs::{self, DirBuilder, File, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Gid, Uid, User, chown};

use crate::exit::Failure;

/// The server's user when the machine has no user `circle`.
const FALLBACK_ID: u32 = 64_930;
/// The server's user by name.
const USER: &str = "circle";

/// Whom the server runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Identity {
    pub(crate) fn of_server() -> Result<Self, Failure> {
        let user = User::from_name(USER)
            .map_err(|error| Failure::broken(format!("the users of this machine cannot be read: {error}")))?;
        let ids = user.map_or((FALLBACK_ID, FALLBACK_ID), |user| {
            (user.uid.as_raw(), user.gid.as_raw())
        });
        Ok(Self { uid: ids.0, gid: ids.1 })
    }

    /// Whether this user may go through the folders down to the file.
    pub(super) fn reaches(self, path: &Path) -> Result<(), String> {
        for folder in path.ancestors().skip(1) {
            let Ok(metadata) = fs::metadata(folder) else { continue };
            let needed = match () {
                () if metadata.uid() == self.uid => 0o100,
                () if metadata.gid() == self.gid => 0o010,
                () => 0o001,
            };
            if metadata.mode() & needed == 0 {
                return Err(folder.display().to_string());
            }
        }
        Ok(())
    }
}

/// Makes what is missing, sets owners and modes, and holds the folder against a second supervisor until dropped.
pub(super) fn prepare(data: &Path, identity: Identity) -> Result<Flock<File>, Failure> {
    identity.reaches(&data.join("server")).map_err(|closed| {
        let uid = identity.uid;
        Failure::broken(format!(
            "the server runs as user {uid}, which may not enter {closed}: choose another --data folder"
        ))
    })?;
    let broken = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::broken(format!(
            "the data folder {} cannot be prepared: {error}",
            path.display()
        ))
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(data)
        .map_err(|error| broken(data, &error))?;
    let lock = lock(data)?;
    let server = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    let root = (Uid::from_raw(0), Gid::from_raw(0));
    for (name, mode, (uid, gid)) in [("server", 0o750, server), ("worker", 0o700, root)] {
        let path = data.join(name);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(|error| broken(&path, &error))?;
        chown(&path, Some(uid), Some(gid)).map_err(|error| broken(&path, &error))?;
        fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(|error| broken(&path, &error))?;
    }
    Ok(lock)
}

fn lock(data: &Path) -> Result<Flock<File>, Failure> {
    let path = data.join("up.lock");
    let file =
        File::create(&path).map_err(|error| Failure::broken(format!("{} cannot be made: {error}", path.display())))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| {
        Failure::broken(format!(
            "another `circle up` runs in {}: end it, or choose another --data folder",
            data.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::Identity;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_closed_folder_on_the_way_is_named() {
        let top = tempfile::tempdir().expect("a folder");
        let closed = top.path().join("closed");
        fs::create_dir(&closed).expect("made");
        for (path, mode) in [(top.path(), 0o755), (closed.as_path(), 0o700)] {
            fs::set_permissions(path, Permissions::from_mode(mode)).expect("set");
        }
        let stranger = Identity {
            uid: 64_930,
            gid: 64_930,
        };
        assert_eq!(
            stranger.reaches(&closed.join("file")),
            Err(closed.display().to_string())
        );
        assert_eq!(stranger.reaches(&top.path().join("file")), Ok(()));
        let owner = Identity {
            uid: nix::unistd::geteuid().as_raw(),
            gid: 64_930,
        };
        assert_eq!(owner.reaches(&closed.join("file")), Ok(()));
    }
}
