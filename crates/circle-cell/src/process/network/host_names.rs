//! What the host's own file says of names: whom to ask, and how short names are completed.

use std::fs::{self, Metadata};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::init::order::Search;

/// Where names are looked up when the host's file names nobody.
const LAST_RESORT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PORT: u16 = 53;
/// Domains that are handed on; most resolvers read six.
const MOST_DOMAINS: usize = 32;
/// The largest `ndots` that resolvers know; see resolv.conf(5).
const MOST_DOTS: u8 = 15;

/// Whom a cell's questions are put to.
#[derive(Debug, Clone)]
pub(crate) enum Resolvers {
    /// Always these.
    Chosen(Arc<[SocketAddr]>),
    /// Whom the host's file names when the question comes.
    OfHost(Arc<HostNames>),
}

impl Resolvers {
    /// The chosen ones, or when there are none, those of the host's file.
    pub(crate) fn new(chosen: &[SocketAddr], file: &Path) -> Self {
        if chosen.is_empty() {
            return Self::OfHost(Arc::new(HostNames::new(file)));
        }
        Self::Chosen(chosen.into())
    }

    pub(super) fn now(&self) -> Arc<[SocketAddr]> {
        match self {
            Self::Chosen(servers) => servers.clone(),
            Self::OfHost(names) => names.servers(),
        }
    }
}

/// The name servers of a file that others write; it is read again when it is another one.
#[derive(Debug)]
pub(crate) struct HostNames {
    file: PathBuf,
    known: Mutex<Option<(Stamp, Arc<[SocketAddr]>)>>,
}

/// Device, inode, length and time of change in nanoseconds: a file that is written or replaced has another.
type Stamp = (u64, u64, u64, i64, i64);

impl HostNames {
    fn new(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            known: Mutex::default(),
        }
    }

    fn servers(&self) -> Arc<[SocketAddr]> {
        let stamp = fs::metadata(&self.file).map(|found| stamp(&found)).ok();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*known, stamp) {
            // A file that is being replaced may be away for a moment.
            (Some((_, servers)), None) => return servers.clone(),
            (Some((before, servers)), Some(now)) if *before == now => return servers.clone(),
            _ => {}
        }
        let servers: Arc<[SocketAddr]> = servers_in(&fs::read_to_string(&self.file).unwrap_or_default()).into();
        *known = stamp.map(|stamp| (stamp, servers.clone()));
        servers
    }
}

fn stamp(found: &Metadata) -> Stamp {
    let changed = (found.ctime(), found.ctime_nsec());
    (found.dev(), found.ino(), found.len(), changed.0, changed.1)
}

fn servers_in(file: &str) -> Vec<SocketAddr> {
    let named = file.lines().filter_map(|line| {
        let address = line.trim().strip_prefix("nameserver")?.split_whitespace().next()?;
        address.parse::<IpAddr>().ok()
    });
    let found: Vec<IpAddr> = named.collect();
    let servers = if found.is_empty() { vec![LAST_RESORT] } else { found };
    servers
        .into_iter()
        .map(|address| SocketAddr::new(address, PORT))
        .collect()
}

/// How the host completes short names, as its file says it now.
pub(crate) fn host_search(file: &Path) -> Search {
    search_in(&fs::read_to_string(file).unwrap_or_default())
}

/// The last `search` or `domain` counts; see resolv.conf(5). What is no domain name is left out.
fn search_in(file: &str) -> Search {
    let mut search = Search::default();
    for line in file.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("search") => search.domains = domains(words),
            Some("domain") => search.domains = domains(words.take(1)),
            Some("options") => {
                let mut dots = words.filter_map(|word| word.strip_prefix("ndots:")?.parse::<u8>().ok());
                search.ndots = dots.next_back().map(|dots| dots.min(MOST_DOTS)).or(search.ndots);
            }
            _ => {}
        }
    }
    search
}

fn domains<'w>(words: impl Iterator<Item = &'w str>) -> Vec<String> {
    let fits = |name: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        name.len() <= 255
            && name.chars().all(plain)
            && name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
    };
    let wanted = words.filter(|name| fits(name)).take(MOST_DOMAINS);
    wanted.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{HostNames, Search, search_in, servers_in};

    #[test]
    fn the_hosts_file_names_the_servers() {
        let found =
            servers_in("# from the provider\nsearch example\nnameserver 192.0.2.53\n nameserver 2001:db8::1 \n");
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["192.0.2.53:53", "[2001:db8::1]:53"]);
    }

    #[test]
    fn a_file_without_servers_means_this_machine() {
        assert_eq!(servers_in("options rotate\n"), [([127, 0, 0, 1], 53).into()]);
    }

    #[test]
    fn a_file_is_followed_when_it_is_written_or_replaced_and_kept_in_mind_while_it_is_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("resolv.conf");
        let names = HostNames::new(&file);
        let first = || names.servers()[0].ip().to_string();
        assert_eq!(first(), "127.0.0.1", "there is no file yet");
        fs::write(&file, "nameserver 192.0.2.1\n").expect("a file");
        assert_eq!(first(), "192.0.2.1");
        fs::write(&file, "nameserver 192.0.2.10\n").expect("a file");
        assert_eq!(first(), "192.0.2.10", "it was written");
        let other = folder.path().join("other");
        fs::write(&other, "nameserver 192.0.2.20\n").expect("a file");
        fs::rename(&other, &file).expect("a replacement");
        assert_eq!(first(), "192.0.2.20", "it was replaced by one of the same length");
        fs::remove_file(&file).expect("no file");
        assert_eq!(first(), "192.0.2.20", "it is away");
    }

    #[test]
    fn short_names_are_completed_as_the_last_line_says() {
        let found = search_in("search a.example\ndomain b.example c\noptions rotate ndots:2 timeout:1\n");
        let wanted = Search {
            domains: vec!["b.example".to_owned()],
            ndots: Some(2),
        };
        assert_eq!(found, wanted);
        let odd = search_in("search . intern.example _tcp.example. $(x) ;evil\noptions ndots:99 edns0\n");
        assert_eq!(odd.domains, ["intern.example", "_tcp.example."]);
        assert_eq!(odd.ndots, Some(15));
        assert_eq!(search_in("nameserver 192.0.2.1\n"), Search::default());
    }
}
