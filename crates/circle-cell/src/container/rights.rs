//! What a container needs to carry a daemon, and how much of it this engine can give.

use serde_json::{Value, json};

use super::outer::remove;
use crate::CellError;
use crate::engine::{Engine, EngineError};

/// Sets of capabilities that a daemon within works with, the widest first. Machines whose bounding set lacks one refuse a
/// container that asks for it; CAP_SYS_RESOURCE is the one that is known to be missing.
const SETS: [Rights; 3] = [
    Rights {
        add: &["ALL"],
        drop: &[],
    },
    Rights {
        add: &["ALL"],
        drop: &["SYS_RESOURCE"],
    },
    Rights {
        add: &[
            "SYS_ADMIN",
            "NET_ADMIN",
            "SYS_PTRACE",
            "NET_RAW",
            "MKNOD",
            "SYS_CHROOT",
            "SETFCAP",
        ],
        drop: &["AUDIT_WRITE"],
    },
];

/// Capabilities of a container beside the ordinary ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rights {
    add: &'static [&'static str],
    drop: &'static [&'static str],
}

impl Rights {
    /// Writes them into a container's host configuration. It is never privileged: no device of the host is seen.
    pub(super) fn write(self, host: &mut Value) {
        host["CapAdd"] = json!(self.add);
        host["CapDrop"] = json!(self.drop);
        host["SecurityOpt"] = json!(["seccomp=unconfined", "apparmor=unconfined"]);
        // A daemon mounts a new /proc for users that it maps, which the kernel refuses while a part of its own is covered.
        host["MaskedPaths"] = json!([]);
        host["ReadonlyPaths"] = json!([]);
        // An engine that maps users would map the daemon's, too.
        host["UsernsMode"] = json!("host");
    }
}

/// Tries the sets one after the other, with a container that does nothing.
pub(super) async fn detect(engine: &Engine, image: &str, labels: &Value) -> Result<Rights, CellError> {
    let mut refusals = Vec::new();
    for rights in SETS {
        match try_out(engine, (image, labels), rights).await {
            Ok(()) => return Ok(rights),
            Err(error) if error.is_absence() => {
                return Err(CellError::Unable(format!(
                    "the engine at {} has no image {image}: make it with `cargo xtask images build worker-base` and load it with `docker load`",
                    engine.socket().display()
                )));
            }
            Err(error) => refusals.push(error.to_string()),
        }
    }
    Err(CellError::Unable(format!(
        "the engine at {} starts no container that could carry a daemon: {}",
        engine.socket().display(),
        refusals.join("; ")
    )))
}

async fn try_out(engine: &Engine, (image, labels): (&str, &Value), rights: Rights) -> Result<(), EngineError> {
    let mut host = json!({ "NetworkMode": "none" });
    rights.write(&mut host);
    let wish = json!({
        "Image": image, "Entrypoint": ["/bin/true"], "Cmd": [], "User": "0:0", "Labels": labels, "HostConfig": host,
    });
    let made = engine.ask("POST", "/containers/create", Some(&wish)).await?;
    let id = made["Id"].as_str().unwrap_or_default().to_owned();
    let started = engine.ask("POST", &format!("/containers/{id}/start"), None).await;
    remove(engine, &id).await?;
    started.map(drop)
}
