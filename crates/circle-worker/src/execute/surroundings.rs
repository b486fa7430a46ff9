//! What the operator's network asks of containers and builds: the proxy, and the authorities that are trusted.
//!
//! Given as environment, because that is where programs look; what the pipeline file sets itself comes first.

use bollard::models::Mount;
use circle_cell::Cell;
use circle_core::plan::{Stage, Work};

use super::container::bind;

/// Where every container has the bundle.
const BUNDLE: &str = "/.circle/certificates.crt";
/// Variables by which OpenSSL and Go, curl, Python's requests, Node and git find a bundle.
const BUNDLE_VARIABLES: [&str; 5] = [
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
];

/// The variables of a stage's containers. Sidecars are reached without the proxy.
pub(crate) fn variables(cell: &Cell, stage: &Stage) -> Vec<(String, String)> {
    let sidecars: Vec<&str> = match &stage.work {
        Work::Integration { sidecars, .. } => sidecars.iter().map(|sidecar| sidecar.name.as_str()).collect(),
        _ => Vec::new(),
    };
    let mut all = proxy_variables(cell, &sidecars);
    if cell.certificates().is_some() {
        all.extend(BUNDLE_VARIABLES.map(|name| (name.to_owned(), BUNDLE.to_owned())));
    }
    all
}

/// The proxy alone: arguments that every Dockerfile knows without declaring them.
pub(crate) fn proxy_variables(cell: &Cell, direct: &[&str]) -> Vec<(String, String)> {
    cell.surroundings().proxy.variables(direct)
}

/// The mount of the bundle.
pub(super) fn mounts(cell: &Cell) -> Option<Mount> {
    let bundle = cell.certificates()?;
    Some(bind(&bundle.display().to_string(), BUNDLE, true))
}
