//! What must hold before anything is made: a failed start leaves nothing behind.

use std::net::TcpListener;
use std::path::Path;

use circle_cell::probe::{self, Grade};
use nix::unistd::geteuid;

use crate::commands::server::ServerFlags;
use crate::exit::Failure;

/// Checks in the order in which a person can mend things; one sentence for the first that fails.
pub(super) fn check(data: &Path, server: &ServerFlags) -> Result<(), Failure> {
    if !geteuid().is_root() {
        let how = "circle up needs root, because its worker makes cells (the server drops it): run it with sudo";
        return Err(Failure::refused(how));
    }
    if let Some(address) = server.listen.address() {
        TcpListener::bind(address).map_err(|error| {
            Failure::broken(format!(
                "{address} cannot be listened on ({error}): stop what uses it, or name another with --listen"
            ))
        })?;
    }
    let folder = existing(data);
    let missing: Vec<String> = probe::facts(folder)
        .into_iter()
        .filter(|fact| fact.grade == Grade::Fail)
        .map(|fact| {
            fact.advice
                .map_or(fact.sentence.clone(), |advice| format!("{} {advice}", fact.sentence))
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::broken(format!(
        "this machine cannot make cells: {} (`circle doctor` shows everything)",
        missing.join(" ")
    )))
}

/// The folder itself, or the nearest one above it that is there.
fn existing(folder: &Path) -> &Path {
    folder.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/"))
}
