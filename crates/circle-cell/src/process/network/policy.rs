//! Which addresses a cell never reaches, and which only when somebody allows them. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Cidr;

/// The two families of addresses, each with a firewall of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    Four,
    Six,
}

/// Link-local addresses, where clouds keep their metadata; what some clouds use beside them (Azure's wire server, Alibaba's
/// and Oracle's metadata).
const NEVER_FOUR: [(Ipv4Addr, u8); 4] = [
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(100, 100, 100, 200), 32),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
];
/// RFC 1918 and the carriers' range (RFC 6598).
const PRIVATE_FOUR: [(Ipv4Addr, u8); 4] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
];
/// Link-local; Amazon's and Google's metadata; IPv4 in disguise (mapped and compatible); Teredo.
const NEVER_SIX: [(Ipv6Addr, u8); 6] = [
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128),
    (Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254), 128),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
    (Ipv6Addr::UNSPECIFIED, 96),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32),
];
/// Unique local and site-local addresses (RFC 4193, 3879), and local NAT64 prefixes (RFC 8215).
const PRIVATE_SIX: [(Ipv6Addr, u8); 3] = [
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48),
];
/// Prefixes behind which a router finds an IPv4 address (NAT64, RFC 6052; 6to4, RFC 3056), and where it stands.
const CARRIERS: [(Ipv6Addr, u8); 2] = [
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
];

/// What no list can allow.
pub(super) fn never(family: Family) -> Vec<Cidr> {
    match family {
        Family::Four => NEVER_FOUR
            .iter()
            .map(|(first, bits)| Cidr::new(*first, *bits))
            .collect(),
        Family::Six => {
            let own = NEVER_SIX.iter().map(|(first, bits)| Cidr::new(*first, *bits));
            own.chain(carried(&NEVER_FOUR)).collect()
        }
    }
}

/// What is denied unless a list allows it.
pub(super) fn private(family: Family) -> Vec<Cidr> {
    match family {
        Family::Four => PRIVATE_FOUR
            .iter()
            .map(|(first, bits)| Cidr::new(*first, *bits))
            .collect(),
        Family::Six => {
            let own = PRIVATE_SIX.iter().map(|(first, bits)| Cidr::new(*first, *bits));
            own.chain(carried(&PRIVATE_FOUR)).collect()
        }
    }
}

/// The same IPv4 ranges as a router would find them in IPv6 addresses.
fn carried(ranges: &[(Ipv4Addr, u8)]) -> Vec<Cidr> {
    let within = |(prefix, at): &(Ipv6Addr, u8)| {
        let (prefix, at) = (prefix.to_bits(), *at);
        ranges.iter().map(move |(first, bits)| {
            let address = prefix | (u128::from(first.to_bits()) << (96 - u32::from(at)));
            Cidr::new(IpAddr::V6(Ipv6Addr::from_bits(address)), at + bits)
        })
    };
    CARRIERS.iter().flat_map(within).collect()
}

impl Family {
    /// The family of a range.
    pub(super) fn of(range: Cidr) -> Self {
        if range.is_ipv4() { Self::Four } else { Self::Six }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Family, never, private};

    fn denied(address: &str) -> (bool, bool) {
        let address: IpAddr = address.parse().expect("an address");
        let family = if address.is_ipv4() { Family::Four } else { Family::Six };
        let within = |ranges: Vec<crate::Cidr>| ranges.iter().any(|range| range.contains(address));
        (within(never(family)), within(private(family)))
    }

    #[test]
    fn sec_27_metadata_is_never_reached_in_any_disguise() {
        for address in [
            "169.254.169.254",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fe80::a9fe:a9fe",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        ] {
            assert!(denied(address).0, "{address}");
        }
    }

    #[test]
    fn private_ranges_are_denied_and_the_internet_is_not() {
        for address in [
            "10.0.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "fd12:3456::1",
            "fec0::1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:c0a8:101::1",
        ] {
            assert!(denied(address).1, "{address}");
        }
        for address in [
            "203.0.113.9",
            "172.32.0.1",
            "9.255.255.255",
            "2001:db8::1",
            "64:ff9b::cb00:7109",
            "2002:cb00:7109::1",
        ] {
            assert_eq!(denied(address), (false, false), "{address}");
        }
    }
}
