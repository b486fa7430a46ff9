//! The two children's command lines.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::folder::Identity;
use crate::commands::server::ServerFlags;
use crate::commands::worker::WorkerFlags;
use crate::exit::Failure;
use crate::supervise::ChildSpec;

/// From util-linux, essential on Debian: changes user, drops capabilities, sets the parent-death signal.
const SETPRIV: &str = "setpriv";
/// Variables that are for the command line only.
const NOT_INHERITED: &[&str] = &["CIRCLE_TOKEN", "CIRCLE_SERVER", "CIRCLE_CONFIG", "CIRCLE_WORKSPACE"];

/// How this program starts itself again.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) data: PathBuf,
    identity: Identity,
    /// As root starts it.
    program: OsString,
    /// As the server's user starts it.
    program_for_server: OsString,
    /// Held open for `/proc/self/fd/N`.
    _file: Option<File>,
}

impl Programs {
    pub(super) fn new(data: &Path, identity: Identity) -> Result<Self, Failure> {
        let broken =
            |error: &dyn std::fmt::Display| Failure::broken(format!("this program does not find itself: {error}"));
        let path = std::env::current_exe().map_err(|error| broken(&error))?;
        let file = match identity.reaches(&path) {
            Ok(()) => None,
            Err(_) => Some(inherited(&path).map_err(|error| broken(&error))?),
        };
        let for_server = file
            .as_ref()
            .map(|file| format!("/proc/self/fd/{}", file.as_raw_fd()).into());
        let program = path.into_os_string();
        Ok(Self {
            data: data.to_owned(),
            identity,
            program_for_server: for_server.unwrap_or_else(|| program.clone()),
            program,
            _file: file,
        })
    }

    /// The server as its own user, without capabilities or any way to get them back.
    pub(super) fn server(&self, flags: &ServerFlags) -> ChildSpec {
        let Identity { uid, gid } = self.identity;
        let mut command: Vec<OsString> = vec![SETPRIV.into()];
        command.extend([format!("--reuid={uid}"), format!("--regid={gid}")].map(OsString::from));
        command.extend(
            [
                "--clear-groups",
                "--inh-caps=-all",
                "--ambient-caps=-all",
                "--bounding-set=-all",
                "--no-new-privs",
            ]
            .map(OsString::from),
        );
        command.extend([
            "--pdeathsig=TERM".into(),
            self.program_for_server.clone(),
            "server".into(),
        ]);
        command.extend(["--data".into(), self.data.clone().into_os_string()]);
        command.extend(flags.to_arguments());
        ChildSpec {
            name: "server",
            command,
            without: NOT_INHERITED,
        }
    }

    /// The worker as root.
    pub(super) fn worker(&self, flags: &WorkerFlags) -> ChildSpec {
        let mut command: Vec<OsString> = vec![SETPRIV.into(), "--pdeathsig=TERM".into()];
        command.extend([
            self.program.clone(),
            "worker".into(),
            "--data".into(),
            self.data.clone().into_os_string(),
        ]);
        command.extend(flags.to_arguments());
        ChildSpec {
            name: "worker",
            command,
            without: NOT_INHERITED,
        }
    }
}

/// The program opened so that a child may execute it through `/proc/self/fd`, where its user may not go through the
/// folders that it lies in (a build below root's home).
fn inherited(path: &Path) -> std::io::Result<File> {
    let file = File::open(path)?;
    fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty()))?;
    Ok(file)
}
