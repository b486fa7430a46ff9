//! Ranges of addresses that somebody allows, as text that was checked.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A range such as `10.1.0.0/16` or `fd12::/32`, kept as it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NetworkRange(String);

/// A text that is not a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a range of addresses: write for example 10.1.0.0/16 or fd12::/32")]
pub struct NetworkRangeError(String);

impl NetworkRange {
    /// The range as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NetworkRange {
    type Err = NetworkRangeError;

    fn from_str(text: &str) -> Result<Self, NetworkRangeError> {
        let refused = || NetworkRangeError(text.chars().take(80).collect());
        let (address, bits) = text.split_once('/').ok_or_else(refused)?;
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let is_number = !bits.is_empty() && bits.len() <= 3 && bits.bytes().all(|byte| byte.is_ascii_digit());
        match bits.parse::<u8>() {
            Ok(bits) if is_number && bits <= width => Ok(Self(text.to_owned())),
            _ => Err(refused()),
        }
    }
}

impl TryFrom<String> for NetworkRange {
    type Error = NetworkRangeError;

    fn try_from(text: String) -> Result<Self, NetworkRangeError> {
        text.parse()
    }
}

impl From<NetworkRange> for String {
    fn from(range: NetworkRange) -> Self {
        range.0
    }
}

impl fmt::Display for NetworkRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::NetworkRange;

    #[test]
    fn ranges_of_both_families_are_read_and_nothing_else() {
        for text in ["10.1.0.0/16", "192.168.7.7/32", "fd12::/32", "::/0"] {
            assert_eq!(
                text.parse::<NetworkRange>().map(|range| range.to_string()).as_deref(),
                Ok(text)
            );
        }
        for text in [
            "",
            "10.1.0.0",
            "10.1.0.0/33",
            "10.1.0/16",
            "fd12::/129",
            "10.0.0.0/+8",
            "-j ACCEPT/8",
            "10.0.0.0/ 8",
        ] {
            assert!(text.parse::<NetworkRange>().is_err(), "{text}");
        }
    }
}
