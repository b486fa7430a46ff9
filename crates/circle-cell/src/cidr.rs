//! Ranges of IPv4 addresses.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A range of IPv4 addresses such as `10.0.0.0/8`. A bare address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    first: Ipv4Addr,
    bits: u8,
}

/// A text that is not a range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a range of IPv4 addresses: write for example 10.0.0.0/8")]
pub struct CidrError(String);

impl Cidr {
    /// The range of `2^(32-bits)` addresses around `address`; `bits` above 32 counts as 32.
    pub fn new(address: Ipv4Addr, bits: u8) -> Self {
        let bits = bits.min(32);
        Self {
            first: Ipv4Addr::from_bits(address.to_bits() & mask(bits)),
            bits,
        }
    }

    /// Whether the address lies in the range.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        address.to_bits() & mask(self.bits) == self.first.to_bits()
    }

    /// The first address.
    pub fn first(self) -> Ipv4Addr {
        self.first
    }

    /// How many addresses the range has.
    pub fn size(self) -> u64 {
        1 << (32 - u32::from(self.bits))
    }
}

fn mask(bits: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0)
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let refused = || CidrError(text.chars().take(80).collect());
        let (address, bits) = text.split_once('/').unwrap_or((text, "32"));
        let bits: u8 = bits.parse().map_err(|_| refused())?;
        if bits > 32 {
            return Err(refused());
        }
        Ok(Self::new(address.parse().map_err(|_| refused())?, bits))
    }
}

impl TryFrom<String> for Cidr {
    type Error = CidrError;

    fn try_from(text: String) -> Result<Self, CidrError> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(range: Cidr) -> Self {
        range.to_string()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.first, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::Cidr;

    #[test]
    fn a_range_holds_its_addresses_and_no_others() {
        let range: Cidr = "10.1.2.3/16".parse().expect("a range");
        assert_eq!(range.to_string(), "10.1.0.0/16");
        assert!(range.contains([10, 1, 255, 255].into()));
        assert!(!range.contains([10, 2, 0, 0].into()));
        assert_eq!(range.size(), 65_536);
    }

    #[test]
    fn everything_and_one_address_are_ranges() {
        assert!(
            "0.0.0.0/0"
                .parse::<Cidr>()
                .expect("a range")
                .contains([203, 0, 113, 9].into())
        );
        assert_eq!("192.0.2.1".parse::<Cidr>().expect("a range").size(), 1);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "fd00::/8", "10.0.0.0/-1", "-j ACCEPT"] {
            assert!(text.parse::<Cidr>().is_err(), "{text} was taken for a range");
        }
    }
}
