//! Four addresses for each cell, from one range that all Circles of a machine share.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};
use nix::ifaddrs::getifaddrs;

use crate::Cidr;

/// Taken while an address is chosen and put on a link, by every Circle of this machine.
const LOCK: &str = "/run/circle-cells.lock";

/// The two addresses of one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) host: Ipv4Addr,
    pub(crate) cell: Ipv4Addr,
    /// Host and cell in IPv6, where cells have it.
    pub(crate) six: Option<(Ipv6Addr, Ipv6Addr)>,
}

impl Pair {
    /// Both stand in a network of four: network, host, cell, broadcast.
    pub(crate) const BITS: u8 = 30;
    /// The same in IPv6.
    pub(crate) const BITS6: u8 = 126;

    /// The first pair of the range that no link of this machine uses, searched from a place that the instance picks.
    /// The IPv6 pair has the same place in its own range, so that what is free in one is free in the other.
    pub(crate) fn free((range, range6): (Cidr, Option<Cidr>), seed: u64) -> io::Result<Option<Self>> {
        let used = getifaddrs()?
            .filter_map(|link| Some(link.address?.as_sockaddr_in()?.ip()))
            .collect();
        Ok(Self::first_free((range, range6), seed, &used))
    }

    fn first_free((range, range6): (Cidr, Option<Cidr>), seed: u64, used: &BTreeSet<Ipv4Addr>) -> Option<Self> {
        let networks = range.size() / 4;
        (0..networks)
            .filter_map(|step| Self::nth((range, range6), (seed % networks + step) % networks))
            .find(|pair| !used.contains(&pair.host) && !used.contains(&pair.cell))
    }

    /// `None` when the first range is not of IPv4.
    fn nth((range, range6): (Cidr, Option<Cidr>), number: u64) -> Option<Self> {
        let first = u32::try_from(number * 4).ok()?;
        let four = |place| match range.nth(first + place) {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        };
        let six = |range: Cidr, place| match range.nth(first + place) {
            IpAddr::V6(address) => Some(address),
            IpAddr::V4(_) => None,
        };
        Some(Self {
            host: four(1)?,
            cell: four(2)?,
            six: range6.and_then(|range| Some((six(range, 1)?, six(range, 2)?))),
        })
    }
}

/// Waits for the machine's lock on addresses; it is held until the value is dropped. Blocks.
pub(crate) fn lock_addresses() -> io::Result<Flock<File>> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(Path::new(LOCK))?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error.into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Pair;

    #[test]
    fn a_used_network_is_skipped_and_the_search_wraps() {
        let range = (
            "198.18.0.0/29".parse().expect("a range of two networks"),
            Some("fd00:c1c1::/64".parse().expect("a range")),
        );
        let first = Pair::first_free(range, 1, &BTreeSet::new()).expect("a pair");
        assert_eq!(
            (first.host, first.cell),
            ([198, 18, 0, 5].into(), [198, 18, 0, 6].into())
        );
        let six = ["fd00:c1c1::5", "fd00:c1c1::6"].map(|address| address.parse().expect("an address"));
        assert_eq!(first.six, Some((six[0], six[1])), "the same place in the other family");
        let used = BTreeSet::from([first.host]);
        let second = Pair::first_free(range, 1, &used).expect("another pair");
        assert_eq!(second.host, std::net::Ipv4Addr::new(198, 18, 0, 1));
        let used = BTreeSet::from([first.host, second.host]);
        assert_eq!(Pair::first_free(range, 1, &used), None);
    }
}
