//! How much an image of a workspace must have been looked at before it is pushed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// From which severity on a finding keeps an image from being pushed. A pipeline file can be stricter, never laxer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScanFloor {
    /// Images need not be scanned.
    #[default]
    None,
    Critical,
    High,
    Medium,
    Low,
}

/// A text that is no floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write none, critical, high, medium or low")]
pub struct NoSuchFloor;

impl ScanFloor {
    /// Every floor, the laxest first.
    pub const EVERY: [Self; 5] = [Self::None, Self::Critical, Self::High, Self::Medium, Self::Low];

    /// As it is written in a policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    /// Why an image may not be pushed under this floor, as long as nothing can scan it: no floor is met by not looking.
    pub fn refusal(self) -> Option<String> {
        let sentence = || {
            format!(
                "not yet: the workspace lets no image be pushed that was not scanned (floor `{self}`), and this version has no scanner"
            )
        };
        (self != Self::None).then(sentence)
    }
}

impl FromStr for ScanFloor {
    type Err = NoSuchFloor;

    fn from_str(text: &str) -> Result<Self, NoSuchFloor> {
        Self::EVERY
            .into_iter()
            .find(|floor| floor.as_str() == text)
            .ok_or(NoSuchFloor)
    }
}

impl fmt::Display for ScanFloor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::ScanFloor;

    #[test]
    fn a_floor_reads_back_what_it_prints_and_only_none_lets_unseen_images_pass() {
        for floor in ScanFloor::EVERY {
            assert_eq!(floor.to_string().parse(), Ok(floor));
            assert_eq!(serde_json::to_value(floor).expect("data"), floor.as_str());
            assert_eq!(floor.refusal().is_none(), floor == ScanFloor::None, "{floor}");
        }
        assert!(ScanFloor::Low > ScanFloor::Critical, "stricter is greater");
        "High".parse::<ScanFloor>().expect_err("lower case only");
    }
}
