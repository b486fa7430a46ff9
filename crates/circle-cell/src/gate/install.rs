//! The gate's program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::GateError;

/// Compiled by `build.rs`: static, so that it runs in any image.
static PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/gate"));

/// The program in the image of [`tidy_image`].
pub(crate) const TIDY_PROGRAM: &str = "/gate";
/// The word before a folder that is to be emptied.
pub(crate) const TIDY_WORD: &str = "tidy";

/// A root file system with nothing but the gate's program, as a tar: for a container that empties a folder.
pub(crate) fn tidy_image() -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_size(PROGRAM.len() as u64);
    header.set_mode(0o755);
    let mut tar = tar::Builder::new(Vec::with_capacity(PROGRAM.len() + 4096));
    tar.append_data(&mut header, "gate", PROGRAM)
        .and_then(|()| tar.into_inner())
        .expect("writing to memory does not fail")
}

/// Writes the gate's program into the folder, which is then bound read-only at [`super::PROGRAM_FOLDER`].
pub fn install(folder: &Path) -> Result<(), GateError> {
    let path = folder.join("gate");
    fs::write(&path, PROGRAM).map_err(GateError::io("write", &path))?;
    for (path, mode) in [(path.as_path(), 0o755), (folder, 0o755)] {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).map_err(GateError::io("open up", path))?;
    }
    Ok(())
}
