//! Ranges of addresses, of both families.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A range of addresses such as `10.0.0.0/8` or `fd00::/8`. A bare address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    first: IpAddr,
    bits: u8,
}

/// A text that is not a range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a range of addresses: write for example 10.0.0.0/8 or fd00:1::/64")]
pub struct CidrError(String);

impl Cidr {
    /// The range around `address` whose first `bits` are the same; more bits than an address has count as all.
    pub fn new(address: impl Into<IpAddr>, bits: u8) -> Self {
        match address.into() {
            IpAddr::V4(four) => {
                let bits = bits.min(32);
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                Self {
                    first: Ipv4Addr::from_bits(four.to_bits() & mask).into(),
                    bits,
                }
            }
            IpAddr::V6(six) => {
                let bits = bits.min(128);
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                Self {
                    first: Ipv6Addr::from_bits(six.to_bits() & mask).into(),
                    bits,
                }
            }
        }
    }

    /// Whether the address lies in the range; one of the other family never does.
    pub fn contains(self, address: impl Into<IpAddr>) -> bool {
        let address = address.into();
        address.is_ipv4() == self.is_ipv4() && Self::new(address, self.bits).first == self.first
    }

    /// The first address.
    pub fn first(self) -> IpAddr {
        self.first
    }

    /// How many of the first bits are the same in all addresses.
    pub fn bits(self) -> u8 {
        self.bits
    }

    /// Whether it is a range of IPv4 addresses.
    pub fn is_ipv4(self) -> bool {
        self.first.is_ipv4()
    }

    /// How many addresses the range has, or as many as fit into the number.
    pub fn size(self) -> u64 {
        let width = if self.is_ipv4() { 32 } else { 128 };
        1_u64.checked_shl(width - u32::from(self.bits)).unwrap_or(u64::MAX)
    }

    /// The address at a place of the range, counted from 0; places beyond the range wrap into its neighbours.
    pub(crate) fn nth(self, place: u32) -> IpAddr {
        match self.first {
            IpAddr::V4(four) => Ipv4Addr::from_bits(four.to_bits().wrapping_add(place)).into(),
            IpAddr::V6(six) => Ipv6Addr::from_bits(six.to_bits().wrapping_add(u128::from(place))).into(),
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let refused = || CidrError(text.chars().take(80).collect());
        let (address, bits) = text
            .split_once('/')
            .map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => bits.parse().map_err(|_| refused())?,
            Some(_) => return Err(refused()),
            None => width,
        };
        if bits > width {
            return Err(refused());
        }
        Ok(Self::new(address, bits))
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
    use std::net::IpAddr;

    use super::Cidr;

    fn range(text: &str) -> Cidr {
        text.parse().expect("a range")
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_range_holds_its_addresses_and_no_others() {
        let four = range("10.1.2.3/16");
        assert_eq!(four.to_string(), "10.1.0.0/16");
        assert!(four.contains([10, 1, 255, 255]));
        assert!(!four.contains([10, 2, 0, 0]));
        assert!(!four.contains(address("::ffff:10.1.0.1")), "another family");
        assert_eq!(four.size(), 65_536);
        let six = range("fd00:1::9/64");
        assert_eq!(six.to_string(), "fd00:1::/64");
        assert!(six.contains(address("fd00:1::ffff:1")) && !six.contains(address("fd00:1:0:1::")));
        assert_eq!((six.size(), six.nth(6)), (u64::MAX, address("fd00:1::6")));
    }

    #[test]
    fn everything_and_one_address_are_ranges() {
        assert!(range("0.0.0.0/0").contains([203, 0, 113, 9]));
        assert!(range("::/0").contains(address("2001:db8::1")));
        assert_eq!((range("192.0.2.1").size(), range("2001:db8::1").size()), (1, 1));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "fd00::/129",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "-j ACCEPT",
            "fd00::1%eth0",
        ] {
            assert!(text.parse::<Cidr>().is_err(), "{text} was taken for a range");
        }
    }
}
