//! How ssh gets a deploy key: from an agent of its own, which signs for one host only and ends with git.
//!
//! `ssh-agent helper git …` starts the agent and then the helper; that loads the key from the pipe, under the agent's
//! destination constraint, and runs git. No file ever holds the key, and whoever is reached by a submodule or a trick
//! in an address must own the pinned host key before a signature is made.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use crate::credential::MAX_KEY_BYTES;
use crate::helper::{HelperError, quoted};

/// The file with the pinned host keys, beside the helper.
pub(crate) const KNOWN_HOSTS: &str = "known_hosts";
/// The one name under which the host's keys are looked up: whatever an address says, these keys must be shown.
const ALIAS: &str = "circle-repository";

/// Loads the key, runs what follows, ends the agent. Should it be killed, the agent sees that and ends in ten seconds.
pub(crate) fn script(folder: &Path, pipe: &Path) -> String {
    let (pipe, pinned) = (
        quoted(&pipe.display().to_string()),
        quoted(&folder.join(KNOWN_HOSTS).display().to_string()),
    );
    format!(
        "#!/bin/sh\nIFS= read -r key < {pipe} || exit 1\n\
         printf '%s' \"$key\" | base64 -d | ssh-add -q -H {pinned} -h {ALIAS} - || exit 1\n\
         unset key\n\"$@\"\ncode=$?\nkill \"$SSH_AGENT_PID\"\nexit $code\n"
    )
}

/// The pinned keys as ssh reads them.
pub(crate) fn known_hosts(keys: &[String]) -> String {
    keys.iter().map(|key| format!("{ALIAS} {key}\n")).collect()
}

/// The key on one line, as the helper reads it.
pub(crate) fn line(key: &SecretString) -> Result<SecretString, HelperError> {
    let text = key.expose_secret().replace("\r\n", "\n");
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_KEY_BYTES {
        return Err(HelperError::Unfit { what: "private key" });
    }
    // ssh-add wants the line break after the last line.
    Ok(SecretString::from(STANDARD.encode(format!("{text}\n"))))
}

/// ssh with the agent's key and the pinned host keys, and nothing else; git gives it to a shell.
pub(crate) fn ssh(folder: &Path) -> String {
    let pinned = format!("UserKnownHostsFile=\"{}\"", folder.join(KNOWN_HOSTS).display());
    format!(
        "{} -o StrictHostKeyChecking=yes -o GlobalKnownHostsFile=/dev/null -o HostKeyAlias={ALIAS} -o UpdateHostKeys=no \
         -o IdentityFile=none -o PreferredAuthentications=publickey -o {}",
        crate::harden::SSH,
        quoted(&pinned)
    )
}
