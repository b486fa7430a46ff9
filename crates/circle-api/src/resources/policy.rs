//! What the pipeline files of a workspace may ask for.

use std::collections::BTreeSet;

use circle_core::network::NetworkRange;
use circle_core::rights::{Capability, HostMode, Rights, SecurityOption};
use circle_core::scan_floor::ScanFloor;
use circle_core::service::WorkspacePolicy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most entries of one list of a policy; far above what anybody can oversee.
pub const MAX_POLICY_ENTRIES: usize = 100;

/// What the pipeline files of the workspace may ask for. Nothing at first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyView {
    /// Privileged containers, and with them every right below: root on the worker's machine, in effect.
    pub privileged: bool,
    /// Paths beneath `/dev`.
    pub devices: BTreeSet<String>,
    /// Such as `NET_ADMIN`; `ALL` stands for every one.
    #[schema(value_type = BTreeSet<String>)]
    pub capabilities: BTreeSet<Capability>,
    /// `seccomp=unconfined`, `apparmor=unconfined`, `label=disable`, `systempaths=unconfined`.
    #[schema(value_type = BTreeSet<String>)]
    pub security_options: BTreeSet<SecurityOption>,
    /// Namespaces of the run's cell that a container may share: `network`, `pid`, `ipc`, `uts`, `userns`, `cgroup`.
    #[schema(value_type = BTreeSet<String>)]
    pub host_modes: BTreeSet<HostMode>,
    /// Folders of the run's cell that may be mounted, with what lies beneath them; absolute paths.
    pub mounts: BTreeSet<String>,
    /// Private address ranges that runs of members may reach, such as `10.1.0.0/16`; never the worker's machine, other cells or
    /// metadata addresses.
    #[serde(default)]
    #[schema(value_type = BTreeSet<String>)]
    pub networks: BTreeSet<NetworkRange>,
    /// Pull requests of members may push images under `pr-N` tags.
    pub push_pull_requests: bool,
    /// From which severity on a finding keeps an image from being pushed: `none`, `critical`, `high`, `medium`, `low`.
    /// This version has no scanner: with any floor but `none` nothing is pushed.
    #[schema(value_type = String)]
    pub scan_floor: ScanFloor,
}

/// Changes what is given, leaves the rest. A list replaces the one before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyChange {
    /// See [`PolicyView::privileged`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privileged: Option<bool>,
    /// See [`PolicyView::devices`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<BTreeSet<String>>,
    /// See [`PolicyView::capabilities`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeSet<String>>)]
    pub capabilities: Option<BTreeSet<Capability>>,
    /// See [`PolicyView::security_options`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeSet<String>>)]
    pub security_options: Option<BTreeSet<SecurityOption>>,
    /// See [`PolicyView::host_modes`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeSet<String>>)]
    pub host_modes: Option<BTreeSet<HostMode>>,
    /// See [`PolicyView::mounts`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mounts: Option<BTreeSet<String>>,
    /// See [`PolicyView::networks`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeSet<String>>)]
    pub networks: Option<BTreeSet<NetworkRange>>,
    /// See [`PolicyView::push_pull_requests`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_pull_requests: Option<bool>,
    /// See [`PolicyView::scan_floor`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub scan_floor: Option<ScanFloor>,
}

impl From<&WorkspacePolicy> for PolicyView {
    fn from(policy: &WorkspacePolicy) -> Self {
        let rights = policy.rights.clone();
        Self {
            privileged: rights.privileged,
            devices: rights.devices,
            capabilities: rights.capabilities,
            security_options: rights.security_options,
            host_modes: rights.host_modes,
            mounts: rights.mounts,
            networks: policy.networks.clone(),
            push_pull_requests: policy.push_pull_requests,
            scan_floor: policy.scan_floor,
        }
    }
}

impl PolicyChange {
    /// The policy after the change.
    ///
    /// # Errors
    /// A sentence about the first entry that can name nothing.
    pub fn applied_to(&self, before: &WorkspacePolicy) -> Result<WorkspacePolicy, String> {
        let had = &before.rights;
        let devices = self.devices.as_ref().unwrap_or(&had.devices).clone();
        let mounts = self.mounts.as_ref().unwrap_or(&had.mounts).clone();
        if let Some(path) = devices
            .iter()
            .find(|path| !is_plain(path) || !path.starts_with("/dev/"))
        {
            return Err(format!(
                "the device {path:?} is none: write a path beneath /dev, such as /dev/fuse"
            ));
        }
        if let Some(path) = mounts.iter().find(|path| !is_plain(path)) {
            return Err(format!(
                "the mount {path:?} is none: write an absolute path without `..`"
            ));
        }
        let networks = self.networks.as_ref().unwrap_or(&before.networks).clone();
        if devices.len().max(mounts.len()).max(networks.len()) > MAX_POLICY_ENTRIES {
            return Err(format!(
                "a list of the policy holds at most {MAX_POLICY_ENTRIES} entries"
            ));
        }
        Ok(WorkspacePolicy {
            rights: Rights {
                privileged: self.privileged.unwrap_or(had.privileged),
                devices,
                capabilities: self.capabilities.as_ref().unwrap_or(&had.capabilities).clone(),
                security_options: self.security_options.as_ref().unwrap_or(&had.security_options).clone(),
                host_modes: self.host_modes.as_ref().unwrap_or(&had.host_modes).clone(),
                mounts,
            },
            networks,
            push_pull_requests: self.push_pull_requests.unwrap_or(before.push_pull_requests),
            scan_floor: self.scan_floor.unwrap_or(before.scan_floor),
        })
    }
}

/// An absolute path as the pipeline file's own paths are written once they are read: compared letter by letter.
fn is_plain(path: &str) -> bool {
    let mut parts = path.split('/');
    let fits = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(|c: char| c.is_control() || c == ':');
    path.len() <= 4_096 && parts.next() == Some("") && parts.all(fits)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use circle_core::rights::{HostMode, Right};
    use circle_core::service::WorkspacePolicy;

    use super::{PolicyChange, PolicyView};

    fn set(of: &[&str]) -> Option<BTreeSet<String>> {
        Some(of.iter().map(|one| (*one).to_owned()).collect())
    }

    #[test]
    fn a_change_replaces_what_it_names_and_leaves_the_rest() {
        let first = PolicyChange {
            devices: set(&["/dev/fuse"]),
            host_modes: Some([HostMode::Pid].into()),
            ..PolicyChange::default()
        };
        let before = first.applied_to(&WorkspacePolicy::default()).expect("good");
        let second = PolicyChange {
            devices: set(&[]),
            ..PolicyChange::default()
        };
        let after = second.applied_to(&before).expect("good");
        assert!(!after.rights.allow(&Right::Device("/dev/fuse".to_owned())));
        assert!(after.rights.allow(&Right::HostMode(HostMode::Pid)));
        let view = PolicyView::from(&after);
        let json = serde_json::to_value(&view).expect("data");
        assert_eq!(json["host_modes"], serde_json::json!(["pid"]));
    }

    #[test]
    fn a_path_that_no_file_could_name_is_refused() {
        for path in [
            "fuse",
            "/dev",
            "/dev/../etc",
            "/dev//fuse",
            "/dev/",
            "/etc/passwd",
            "/dev/a:b",
            "",
        ] {
            let change = PolicyChange {
                devices: set(&[path]),
                ..PolicyChange::default()
            };
            assert!(change.applied_to(&WorkspacePolicy::default()).is_err(), "{path}");
        }
        for path in ["lib", "/", "/lib/../etc", "/a/"] {
            let change = PolicyChange {
                mounts: set(&[path]),
                ..PolicyChange::default()
            };
            assert!(change.applied_to(&WorkspacePolicy::default()).is_err(), "{path}");
        }
    }

    #[test]
    fn a_right_that_does_not_exist_is_no_change() {
        for text in [
            r#"{"capabilities": ["FLY"]}"#,
            r#"{"host_modes": ["all"]}"#,
            r#"{"privilege": true}"#,
            r#"{"networks": ["10.0.0.0"]}"#,
        ] {
            assert!(serde_json::from_str::<PolicyChange>(text).is_err(), "{text}");
        }
    }
}
