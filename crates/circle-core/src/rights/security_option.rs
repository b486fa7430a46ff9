//! Protections that a container may go without.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::NoSuchRight;

/// A protection that is switched off. Profiles of one's own are not taken: what they allow could not be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SecurityOption {
    /// Every system call.
    Seccomp,
    /// No AppArmor profile.
    Apparmor,
    /// No SELinux label.
    Label,
    /// `/proc` and `/sys` without masks.
    SystemPaths,
}

impl SecurityOption {
    const EVERY: [Self; 4] = [Self::Seccomp, Self::Apparmor, Self::Label, Self::SystemPaths];

    /// As engines write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seccomp => "seccomp=unconfined",
            Self::Apparmor => "apparmor=unconfined",
            Self::Label => "label=disable",
            Self::SystemPaths => "systempaths=unconfined",
        }
    }
}

impl FromStr for SecurityOption {
    type Err = NoSuchRight;

    /// The colon is an older spelling of the equals sign.
    fn from_str(text: &str) -> Result<Self, NoSuchRight> {
        let text = text.replacen(':', "=", 1);
        let known = Self::EVERY.into_iter().find(|option| option.as_str() == text);
        known.ok_or(NoSuchRight(
            "write seccomp=unconfined, apparmor=unconfined, label=disable or systempaths=unconfined",
        ))
    }
}

impl TryFrom<String> for SecurityOption {
    type Error = NoSuchRight;

    fn try_from(text: String) -> Result<Self, NoSuchRight> {
        text.parse()
    }
}

impl From<SecurityOption> for String {
    fn from(option: SecurityOption) -> Self {
        option.as_str().to_owned()
    }
}

impl fmt::Display for SecurityOption {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
