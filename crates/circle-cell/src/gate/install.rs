//! The gate's program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::GateError;

/// Compiled by `build.rs`: static, so that it runs in any image.
static PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/gate"));

/// Writes the gate's program into the folder, which is then bound read-only at [`super::PROGRAM_FOLDER`].
pub fn install(folder: &Path) -> Result<(), GateError> {
    let path = folder.join("gate");
    fs::write(&path, PROGRAM).map_err(GateError::io("write", &path))?;
    for (path, mode) in [(path.as_path(), 0o755), (folder, 0o755)] {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).map_err(GateError::io("open up", path))?;
    }
    Ok(())
}
