//! A wish, an allowance, and the judgement between them.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Capability, HostMode, SecurityOption};

/// One right of one container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Everything.
    Privileged,
    /// A device, an absolute normalised path beneath `/dev`.
    Device(String),
    Capability(Capability),
    SecurityOption(SecurityOption),
    HostMode(HostMode),
    /// A folder of the cell, an absolute normalised path.
    Mount(String),
}

/// A set of rights: those that a container asks for, or those that a workspace allows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rights {
    /// Privileged containers, and with them everything below: root on the worker's machine, in effect.
    pub privileged: bool,
    /// Paths beneath `/dev`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub devices: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub capabilities: BTreeSet<Capability>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub security_options: BTreeSet<SecurityOption>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub host_modes: BTreeSet<HostMode>,
    /// Folders of the cell; as an allowance, also what lies beneath them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub mounts: BTreeSet<String>,
}

impl Rights {
    /// Whether these, as an allowance, hold a right.
    pub fn allow(&self, right: &Right) -> bool {
        self.privileged
            || match right {
                Right::Privileged => false,
                Right::Device(path) => self.devices.contains(path),
                Right::Capability(one) => {
                    self.capabilities.contains(one) || self.capabilities.contains(&Capability::ALL)
                }
                Right::SecurityOption(one) => self.security_options.contains(one),
                Right::HostMode(one) => self.host_modes.contains(one),
                Right::Mount(path) => self.mounts.iter().any(|allowed| is_within(path, allowed)),
            }
    }

    /// Whether nothing beyond the ordinary is asked for.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a container with these cannot live with remapped users: what it holds would be of no use there, or the
    /// engine refuses the pair.
    pub fn need_real_root(&self) -> bool {
        let strong = [Capability::ALL, Capability::SYS_ADMIN];
        self.privileged
            || !self.devices.is_empty()
            || !self.host_modes.is_empty()
            || strong.iter().any(|one| self.capabilities.contains(one))
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        let mut all = Self::default();
        for right in rights {
            match right {
                Right::Privileged => all.privileged = true,
                Right::Device(path) => drop(all.devices.insert(path)),
                Right::Capability(one) => drop(all.capabilities.insert(one)),
                Right::SecurityOption(one) => drop(all.security_options.insert(one)),
                Right::HostMode(one) => drop(all.host_modes.insert(one)),
                Right::Mount(path) => drop(all.mounts.insert(path)),
            }
        }
        all
    }
}

fn is_within(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl fmt::Display for Right {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Privileged => out.write_str("`privileged`"),
            Self::Device(path) => write!(out, "the device `{path}`"),
            Self::Capability(one) => write!(out, "the capability `{one}`"),
            Self::SecurityOption(one) => write!(out, "the security option `{one}`"),
            Self::HostMode(one) => write!(out, "`{}: host`", one.key()),
            Self::Mount(path) => write!(out, "the mount of `{path}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Right, Rights};
    use crate::rights::{Capability, HostMode};

    fn some(rights: &[Right]) -> Rights {
        rights.iter().cloned().collect()
    }

    fn every() -> Vec<Right> {
        vec![
            Right::Privileged,
            Right::Device("/dev/fuse".to_owned()),
            Right::Capability("net_admin".parse().expect("one")),
            Right::SecurityOption("seccomp:unconfined".parse().expect("one")),
            Right::HostMode(HostMode::Pid),
            Right::Mount("/lib/modules".to_owned()),
        ]
    }

    #[test]
    fn nothing_is_allowed_at_first_and_each_right_allows_itself_alone() {
        for one in every() {
            assert!(!Rights::default().allow(&one), "{one}");
            for other in every().into_iter().filter(|_| one != Right::Privileged) {
                assert_eq!(
                    some(std::slice::from_ref(&one)).allow(&other),
                    one == other,
                    "{one} {other}"
                );
            }
            assert!(some(&[Right::Privileged]).allow(&one), "{one}");
        }
    }

    #[test]
    fn a_folder_allows_what_lies_beneath_it_and_all_capabilities_each_of_them() {
        let allowed = some(&[Right::Mount("/lib".to_owned()), Right::Capability(Capability::ALL)]);
        assert!(allowed.allow(&Right::Mount("/lib/modules".to_owned())));
        assert!(!allowed.allow(&Right::Mount("/library".to_owned())));
        assert!(!allowed.allow(&Right::Mount("/".to_owned())));
        assert!(allowed.allow(&Right::Capability(Capability::SYS_ADMIN)));
        assert!(some(&[Right::Mount("/".to_owned())]).allow(&Right::Mount("/etc".to_owned())));
    }

    #[test]
    fn what_the_engine_refuses_beside_remapped_users_switches_them_off() {
        for (right, off) in every().into_iter().zip([true, true, false, false, true, false]) {
            assert_eq!(some(std::slice::from_ref(&right)).need_real_root(), off, "{right}");
        }
        assert!(some(&[Right::Capability(Capability::SYS_ADMIN)]).need_real_root());
    }

    #[test]
    fn spellings_of_others_are_read_as_one() {
        for text in ["NET_ADMIN", "net_admin", "CAP_NET_ADMIN", "cap_net_admin"] {
            assert_eq!(text.parse::<Capability>().expect("one").as_str(), "NET_ADMIN");
        }
        for text in ["", "NET-ADMIN", "CAP_", "CAP_CAP_KILL", "root"] {
            assert!(text.parse::<Capability>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_stored_set_comes_back() {
        let all: Rights = every().into_iter().collect();
        let text = serde_json::to_string(&all).expect("data");
        assert_eq!(serde_json::from_str::<Rights>(&text).expect("data"), all);
        assert_eq!(serde_json::from_str::<Rights>("{}").expect("data"), Rights::default());
    }
}
