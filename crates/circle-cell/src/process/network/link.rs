//! The pair of links between host and cell.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::io;

use nix::net::if_::{if_nameindex, if_nametoindex};

use super::address::Pair;
use crate::process::tool::run_tool;

/// What a link carries when the uplink's size cannot be read.
const USUAL_MTU: u32 = 1500;

/// Makes the link `name` and puts its other end, as `eth0`, into the network of the process.
pub(crate) async fn make_link(name: &str, pair: Pair, mtu: u32, pid: i32) -> io::Result<()> {
    let made = format!("link add {name} mtu {mtu} type veth peer name eth0 mtu {mtu} netns {pid}\n");
    run_tool("ip", &["-batch", "-"], made.as_bytes()).await?;
    let mut up = format!("addr add {}/{} dev {name}\n", pair.host, Pair::BITS);
    if let Some((host, _)) = pair.six {
        // The one address that it is given, and none of its own making.
        let _ = writeln!(
            up,
            "link set {name} addrgenmode none\naddr add {host}/{} dev {name} nodad",
            Pair::BITS6
        );
    } else {
        // A kernel without IPv6 has no such file.
        let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"), "1");
    }
    // What comes out of the cell comes from the cell's own address, or it is dropped.
    fs::write(format!("/proc/sys/net/ipv4/conf/{name}/rp_filter"), "1")?;
    let _ = writeln!(up, "link set {name} up");
    run_tool("ip", &["-batch", "-"], up.as_bytes()).await.map(drop)
}

/// Removes a link; one that is gone already is success.
pub(crate) async fn remove_link(name: &str) -> io::Result<bool> {
    if !exists(name) {
        return Ok(false);
    }
    match run_tool("ip", &["link", "del", name], b"").await {
        Err(error) if exists(name) => Err(error),
        _ => Ok(true),
    }
}

fn exists(name: &str) -> bool {
    if_nametoindex(name).is_ok()
}

/// The links of this machine whose names begin so.
pub(crate) fn links_of(prefix: &str) -> BTreeSet<String> {
    let Ok(links) = if_nameindex() else {
        return BTreeSet::new();
    };
    let names = links.iter().map(|link| link.name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(prefix)).collect()
}

/// The largest packet that the way to the internet carries.
pub(crate) fn uplink_mtu() -> u32 {
    let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
    default_device(&routes)
        .and_then(|device| fs::read_to_string(format!("/sys/class/net/{device}/mtu")).ok())
        .and_then(|mtu| mtu.trim().parse().ok())
        .unwrap_or(USUAL_MTU)
}

/// The device of the default route in the kernel's table (proc(5): destination and mask are zero).
fn default_device(routes: &str) -> Option<&str> {
    routes.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields.get(1) == Some(&"00000000") && fields.get(7) == Some(&"00000000")).then(|| fields.first().copied())?
    })
}

#[cfg(test)]
mod tests {
    use super::default_device;

    #[test]
    fn the_default_route_names_the_uplink() {
        let routes = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
ens3\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0";
        assert_eq!(default_device(routes), Some("ens3"));
        assert_eq!(default_device("Iface\n"), None);
    }
}
