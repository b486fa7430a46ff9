//! The certificates that a cell trusts: the machine's, and those of the operator.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The bundle on the cell's disk, where its containers see it.
pub(crate) const CERTIFICATES: &str = "certificates.crt";
/// The machine's bundle, where Debian keeps it.
const OF_THE_MACHINE: &str = "/etc/ssl/certs/ca-certificates.crt";
/// How a certificate begins in PEM.
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

/// Writes the bundle onto a cell's disk; `false` when there is nothing beside the machine's own.
pub(crate) fn trust(disk: &Path, certificates: &[PathBuf]) -> io::Result<bool> {
    if certificates.is_empty() {
        return Ok(false);
    }
    let named = |path: &Path, error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let machine = Path::new(OF_THE_MACHINE);
    let mut bundle = fs::read_to_string(machine).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("{OF_THE_MACHINE}: {error}; install ca-certificates"),
        )
    })?;
    for path in certificates {
        let text = fs::read_to_string(path).map_err(|error| named(path, error))?;
        if !text.contains(BEGIN) {
            return Err(named(path, io::Error::other("it holds no certificate in PEM")));
        }
        bundle.push('\n');
        bundle.push_str(&text);
    }
    fs::write(disk.join(CERTIFICATES), bundle)?;
    Ok(true)
}
