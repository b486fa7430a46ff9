//! What a container needs to carry a Docker daemon, or a worker with its cells.

use serde_json::{Value, json};

/// Capabilities of a container beside the ordinary ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NestedRights {
    add: &'static [&'static str],
    drop: &'static [&'static str],
}

impl NestedRights {
    /// Sets within which a daemon works, the widest first. Machines whose bounding set lacks one refuse a container
    /// that asks for it; CAP_SYS_RESOURCE is the one that is known to be missing.
    pub const SETS: [Self; 3] = [
        Self {
            add: &["ALL"],
            drop: &[],
        },
        Self {
            add: &["ALL"],
            drop: &["SYS_RESOURCE"],
        },
        Self {
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

    /// Writes them into a container's `HostConfig`. It is never privileged: no device of the host is seen.
    pub fn write(self, host: &mut Value) {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::NestedRights;

    #[test]
    fn no_set_is_privileged_and_each_asks_for_less() {
        let written: Vec<_> = NestedRights::SETS
            .into_iter()
            .map(|rights| {
                let mut host = json!({ "NetworkMode": "none" });
                rights.write(&mut host);
                assert_eq!(host.get("Privileged"), None);
                assert_eq!(host["NetworkMode"], "none", "what stood there is kept");
                host
            })
            .collect();
        assert_eq!(written[0]["CapDrop"], json!([]));
        assert_eq!(written[1]["CapDrop"], json!(["SYS_RESOURCE"]));
        assert!(!written[2]["CapAdd"].as_array().expect("a list").contains(&json!("ALL")));
    }
}
