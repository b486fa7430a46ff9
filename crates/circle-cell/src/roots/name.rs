//! Names of roots.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name in bytes; with a generation behind it, it becomes a file's name.
const LONGEST_BYTES: usize = 100;

/// The name of a root: lower-case letters, digits, `_` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RootName(String);

/// A text that is no name of a root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no name of a root: 1 to 100 lower-case letters, digits, underscores and dots, no dot first")]
pub struct RootNameError(String);

/// One generation of a root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RootStamp {
    /// Which root.
    pub name: RootName,
    /// 1 for the first of its name; never used again.
    pub generation: u64,
}

impl RootName {
    /// What every cell of a worker begins from that has no better root.
    pub fn base() -> Self {
        Self("base".to_owned())
    }

    /// Whether this is the base.
    pub fn is_base(&self) -> bool {
        self.0 == "base"
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RootName {
    type Err = RootNameError;

    fn from_str(text: &str) -> Result<Self, RootNameError> {
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.');
        if (1..=LONGEST_BYTES).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(RootNameError(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for RootName {
    type Error = RootNameError;

    fn try_from(text: String) -> Result<Self, RootNameError> {
        text.parse()
    }
}

impl From<RootName> for String {
    fn from(name: RootName) -> Self {
        name.0
    }
}

impl fmt::Display for RootName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Display for RootStamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.name, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::{RootName, RootStamp};

    #[test]
    fn a_name_cannot_lead_elsewhere() {
        for good in ["base", "svc_0123abcd.9f", "a"] {
            assert_eq!(good.parse::<RootName>().expect("a name").as_str(), good);
        }
        for bad in ["", ".", "..", "../x", "a/b", "Base", "a-1", "ä", " ", &"x".repeat(101)] {
            assert!(bad.parse::<RootName>().is_err(), "{bad} passed as a name");
        }
    }

    #[test]
    fn a_generation_cannot_be_taken_for_a_name() {
        let stamp = RootStamp {
            name: RootName::base(),
            generation: 7,
        };
        assert_eq!(stamp.to_string(), "base-7");
        assert!(stamp.to_string().parse::<RootName>().is_err());
    }
}
