//! Which addresses nobody is sent to. Pure.
//!
//! The ranges are those of IANA's registries of special-purpose addresses (RFC 6890 and its successors), and the metadata services
//! of clouds that live elsewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is refused, in a word for a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Denied {
    /// This machine.
    Loopback,
    /// A network of the operator's own.
    Private,
    /// The next wire, where clouds keep their metadata.
    LinkLocal,
    /// A metadata service elsewhere.
    Metadata,
    /// For many, for nobody, for documents, or not given out.
    Reserved,
}

impl Denied {
    /// As it stands in a sentence: "… is a private address".
    pub fn word(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Metadata => "metadata",
            Self::Reserved => "reserved",
        }
    }
}

/// Azure's wire server, and Alibaba's and Oracle's metadata.
const METADATA_FOUR: [Ipv4Addr; 3] = [
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
];
/// Amazon's and Google's.
const METADATA_SIX: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Whether an address is one that the internet does not have. `None`: it may be called.
pub fn judge(address: IpAddr) -> Option<Denied> {
    match address {
        IpAddr::V4(address) => four(address),
        IpAddr::V6(address) => six(address),
    }
}

fn four(address: Ipv4Addr) -> Option<Denied> {
    let [a, b, c, _] = address.octets();
    if METADATA_FOUR.contains(&address) {
        return Some(Denied::Metadata);
    }
    Some(match (a, b, c) {
        (127, ..) => Denied::Loopback,
        (10, ..) | (192, 168, _) => Denied::Private,
        (172, 16..=31, _) => Denied::Private,
        // Of carriers (RFC 6598).
        (100, 64..=127, _) => Denied::Private,
        (169, 254, _) => Denied::LinkLocal,
        // "This network", which Linux takes for this machine.
        (0, ..) => Denied::Loopback,
        (192, 0, 0) | (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => Denied::Reserved,
        // Benchmarks; Circle's own cells have their links there.
        (198, 18..=19, _) => Denied::Private,
        // An anycast relay to IPv6 that nobody runs any more (RFC 7526).
        (192, 88, 99) => Denied::Reserved,
        (224.., ..) => Denied::Reserved,
        _ => return None,
    })
}

fn six(address: Ipv6Addr) -> Option<Denied> {
    if METADATA_SIX.contains(&address) {
        return Some(Denied::Metadata);
    }
    if let Some(inner) = carried(address) {
        return four(inner).or(Some(Denied::Reserved).filter(|_| !is_translated(address)));
    }
    let [first, second, ..] = address.segments();
    Some(match first {
        _ if address.is_loopback() => Denied::Loopback,
        _ if address.is_unspecified() => Denied::Loopback,
        0xfc00..=0xfdff => Denied::Private,
        // Site-local, which some networks still have (RFC 3879).
        0xfec0..=0xfeff => Denied::Private,
        0xfe80..=0xfebf => Denied::LinkLocal,
        // A local prefix of NAT64 (RFC 8215): where it leads is the operator's secret.
        0x0064 if second == 0xff9b => Denied::Private,
        // Teredo, and documents.
        0x2001 if second == 0 || second == 0x0db8 => Denied::Reserved,
        0x2000..=0x3fff => return None,
        _ => Denied::Reserved,
    })
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056).
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = address.to_bits();
    let low = Ipv4Addr::from_bits(u32::try_from(bits & 0xffff_ffff).ok()?);
    let high = bits >> 32;
    match address.segments() {
        [0x2002, a, b, ..] => Some(Ipv4Addr::from_bits((u32::from(a) << 16) | u32::from(b))),
        _ if high == 0xffff => Some(low),
        // ::1 and :: are addresses of their own.
        _ if high == 0 && bits > 1 => Some(low),
        _ if high == 0x0064_ff9b_0000_0000_0000_0000 => Some(low),
        _ => None,
    }
}

/// Whether the internet behind such an address is the one of IPv4: a mapped address, and one of NAT64. The other forms lead
/// nowhere by now, or by relays of strangers.
fn is_translated(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    segments[..6] == [0, 0, 0, 0, 0, 0xffff] || segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::{Denied, judge};

    fn judged(address: &str) -> Option<Denied> {
        judge(address.parse().expect(address))
    }

    #[test]
    fn sec_42_addresses_that_the_internet_does_not_have_are_denied_in_every_disguise() {
        for (addresses, why) in [
            (
                &[
                    "127.0.0.1",
                    "127.255.255.254",
                    "0.0.0.0",
                    "0.1.2.3",
                    "::1",
                    "::",
                    "::ffff:127.0.0.1",
                    "::7f00:1",
                ][..],
                Denied::Loopback,
            ),
            (
                &[
                    "64:ff9b::7f00:1",
                    "64:ff9b::127.0.0.1",
                    "2002:7f00:1::1",
                    "::ffff:0.0.0.0",
                ],
                Denied::Loopback,
            ),
            (
                &[
                    "10.0.0.1",
                    "172.16.0.1",
                    "172.31.255.255",
                    "192.168.1.1",
                    "100.64.0.1",
                    "198.18.0.1",
                    "198.19.255.255",
                ],
                Denied::Private,
            ),
            (
                &[
                    "fc00::1",
                    "fdff::1",
                    "fec0::1",
                    "::ffff:10.0.0.1",
                    "64:ff9b::a00:1",
                    "64:ff9b:1::a00:1",
                    "2002:c0a8:101::1",
                ],
                Denied::Private,
            ),
            (
                &[
                    "169.254.169.254",
                    "fe80::1",
                    "febf::1",
                    "::ffff:169.254.169.254",
                    "64:ff9b::a9fe:a9fe",
                    "2002:a9fe:a9fe::",
                ],
                Denied::LinkLocal,
            ),
            (
                &[
                    "168.63.129.16",
                    "100.100.100.200",
                    "192.0.0.192",
                    "fd00:ec2::254",
                    "fd20:ce::254",
                    "::ffff:100.100.100.200",
                ],
                Denied::Metadata,
            ),
            (
                &[
                    "192.0.2.1",
                    "198.51.100.1",
                    "203.0.113.1",
                    "192.88.99.1",
                    "224.0.0.1",
                    "255.255.255.255",
                    "240.0.0.1",
                ],
                Denied::Reserved,
            ),
            (
                &[
                    "ff02::1",
                    "2001:db8::1",
                    "2001::1",
                    "4000::1",
                    "100::1",
                    "2002:808:808::1",
                    "::8.8.8.8",
                ],
                Denied::Reserved,
            ),
        ] {
            for address in addresses {
                assert_eq!(judged(address), Some(why), "{address}");
            }
        }
    }

    #[test]
    fn the_internet_may_be_called() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert_eq!(judged(address), None, "{address}");
        }
    }
}
