//! One start of a cell, step by step.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit};
use tokio::sync::watch;

use super::birth::{Birth, give_birth};
use super::cell::{DaemonProcess, ProcessCell};
use super::certificates::{CERTIFICATES, trust};
use super::cgroup::CellGroups;
use super::core::Core;
use super::daemon::{arguments, containerd_of, daemon_program, load_image, make_network, wait_until_ready};
use super::network::{
    Pair, Resolvers, datagram_socket, host_search, lock_addresses, make_link, serve_names, stream_listener, uplink_mtu,
};
use super::remains::Remains;
use super::views::{CACHES, EMPTY_LAYER};
use crate::init::order::{BRIDGE6, Door, Enter, Order, Run, Six, Words};
use crate::roots::kept_of;
use crate::{Cell, CellError, CellId, CellSpec, Exit, Limits, Root, StartTimings};

/// The daemon writes its last words just before it ends; they take this long through the pipe at most.
const LAST_WORDS: Duration = Duration::from_millis(30);
/// By then the end of a daemon has been told.
const DAEMON_FIRST: Duration = Duration::from_millis(300);

/// All that the daemon inherits; its scratch lies on the disk, since the cell's own `/tmp` is memory.
const DAEMON_ENVIRONMENT: [&str; 3] = [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "TMPDIR=/cell/tmp",
];

/// The folders of a cell on the host: the mount point of its root, and its sockets.
const FOLDERS: [(&str, u32); 2] = [("root", 0o700), ("run", 0o700)];
/// The folders on a cell's disk and who may look into them. Containers come through `/cell` as mapped users. Those of
/// the first two may have come with the root.
pub(crate) const DISK_FOLDERS: [(&str, u32); 9] = [
    ("docker", 0o711),
    (CACHES, 0o711),
    ("tmp", 0o700),
    ("run", 0o700),
    ("views", 0o711),
    ("layers", 0o711),
    (EMPTY_LAYER, 0o755),
    ("work", 0o700),
    ("folders", 0o711),
];

/// Starts one cell. What was made before a failure is removed by what was made: [`Remains`], then the warden.
pub(super) async fn launch(core: &Arc<Core>, spec: &CellSpec) -> Result<Cell, CellError> {
    let clock = Instant::now();
    let mut timings = StartTimings::default();
    let remains = prepare(core, spec).await?;
    timings.prepare_ms = lap(clock, 0);

    let mtu = uplink_mtu();
    let Birth { mut cell, pid, log } = give_birth(core, remains)?;
    cell.limits = Limits {
        open_files: spec.limits.open_files.map(at_most_our_own),
        ..spec.limits
    };
    let (entered, linked) = tokio::join!(enter(&cell, core, spec), link(&cell, core, pid, mtu));
    entered?;
    let pair = linked?;
    cell.address = pair.cell;
    timings.namespace_ms = lap(clock, timings.prepare_ms);

    open_doors(&cell, core, spec).await?;
    timings.network_ms = lap(clock, timings.prepare_ms + timings.namespace_ms);

    let before_daemon = lap(clock, 0);
    cell.daemon = Some(start_daemon(&cell, core, spec, (mtu, pair.six.is_some()), log).await?);
    timings.daemon_ms = lap(clock, before_daemon);
    let before_images = lap(clock, 0);
    tokio::try_join!(load_images(&cell, spec), make_networks(&cell, spec))?;
    timings.images_ms = lap(clock, before_images);
    timings.total_ms = lap(clock, 0);
    cell.timings = timings;
    cell.surroundings = spec.surroundings.clone();
    Ok(Cell::new(cell))
}

/// Milliseconds since the clock started, without those that are counted already.
fn lap(clock: Instant, counted: u64) -> u64 {
    u64::try_from(clock.elapsed().as_millis())
        .unwrap_or(u64::MAX)
        .saturating_sub(counted)
}

fn failed(id: &CellId, step: &'static str) -> impl FnOnce(io::Error) -> CellError {
    let id = id.clone();
    move |error| CellError::Start {
        id,
        step,
        reason: error.to_string(),
    }
}

/// Folder, cgroups, firewall.
async fn prepare(core: &Arc<Core>, spec: &CellSpec) -> Result<Remains, CellError> {
    let mut remains = Remains::new(core)?;
    let id = remains.id.clone();
    make_folders(&remains.folder(), &FOLDERS).map_err(failed(&id, "make its folders"))?;
    let disk = open_disk(core, &mut remains, spec).await?;
    make_folders(&disk, &DISK_FOLDERS).map_err(failed(&id, "make its folders"))?;
    remains
        .groups
        .make(&spec.limits)
        .and_then(|()| remains.groups.set_share(spec.ahead))
        .map_err(failed(&id, "make its cgroups"))?;
    core.firewall.raise().await.map_err(failed(&id, "raise the firewall"))?;
    remains.firewalled = true;
    Ok(remains)
}

/// The cell's disk: a copy of a root, or empty.
async fn open_disk(core: &Arc<Core>, remains: &mut Remains, spec: &CellSpec) -> Result<PathBuf, CellError> {
    let shelf = core.shelf().await?;
    let fail = |step| failed(&remains.id, step);
    let began = match &spec.root {
        Root::Plain => None,
        Root::Kept(name) => Some(
            shelf
                .roots
                .borrow(name)
                .ok_or_else(|| CellError::NoRoot(name.clone()))?,
        ),
    };
    let from = began.as_deref().map(kept_of);
    let disk = shelf
        .storage
        .open(&remains.id, from.as_ref(), spec.limits.disk_bytes)
        .await;
    let disk = disk.map_err(fail("make its disk"))?;
    (remains.began, remains.disk) = (began, disk.clone());
    Ok(disk)
}

pub(crate) fn make_folders(folder: &Path, folders: &[(&str, u32)]) -> io::Result<()> {
    fs::set_permissions(folder, PermissionsExt::from_mode(0o711))?;
    for (name, mode) in folders {
        let path = folder.join(name);
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        fs::set_permissions(&path, PermissionsExt::from_mode(*mode))?;
    }
    Ok(())
}

/// Files that a process may have open, when the bound is one that this machine lets nobody reach.
fn at_most_our_own(open_files: u32) -> u32 {
    let hard = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(_, hard)| hard);
    open_files.min(u32::try_from(hard).unwrap_or(u32::MAX))
}

/// Lets init build the cell's root and move into it.
async fn enter(cell: &ProcessCell, core: &Core, spec: &CellSpec) -> Result<(), CellError> {
    let certificates = &spec.surroundings.certificates;
    let trusts_more = trust(&cell.disk, certificates).map_err(failed(cell.id(), "gather its certificates"))?;
    let order = Order::Enter(Enter {
        folder: cell.folder.clone(),
        disk: cell.disk.clone(),
        hostname: format!("cell-{}", cell.id()),
        remap: (core.config.remap.first, core.config.remap.count),
        open_files: cell.limits.open_files,
        cgroups: core.hierarchies.mounts(),
        certificates: trusts_more.then(|| cell.disk.join(CERTIFICATES)),
    });
    cell.wire
        .order("build its root", order, Vec::new(), None)
        .await
        .map(drop)
}

/// Makes the link, and lets init configure its end of it.
async fn link(cell: &ProcessCell, core: &Core, pid: i32, mtu: u32) -> Result<Pair, CellError> {
    let fail = |step| failed(cell.id(), step);
    let lock = tokio::task::spawn_blocking(lock_addresses)
        .await
        .unwrap_or_else(|broken| Err(io::Error::other(broken)));
    let lock = lock.map_err(fail("lock the addresses of cells"))?;
    let (range, range6) = (core.config.network.range, core.config.network.range6);
    let pair = Pair::free((range, range6), core.owner.seed())
        .map_err(fail("choose an address"))?
        .ok_or_else(|| {
            fail("choose an address")(io::Error::other(format!(
                "every address of {range} is in use: configure a wider range"
            )))
        })?;
    make_link(&cell.id().link(), pair, mtu, pid)
        .await
        .map_err(fail("link it to the host"))?;
    drop(lock);
    let order = Order::Link {
        address: pair.cell,
        bits: Pair::BITS,
        gateway: pair.host,
        six: pair.six.map(|(gateway, address)| Six {
            address,
            bits: Pair::BITS6,
            gateway,
        }),
        search: host_search(&core.config.network.names),
    };
    cell.wire
        .order("configure its network", order, Vec::new(), None)
        .await?;
    Ok(pair)
}

/// Opens the cell's name service and the relays that it may have.
async fn open_doors(cell: &ProcessCell, core: &Core, spec: &CellSpec) -> Result<(), CellError> {
    let fail = |step| failed(cell.id(), step);
    let address = SocketAddr::from((cell.address, 53));
    let datagrams = cell.listen(address, Door::Datagram).await?;
    let streams = cell.listen(address, Door::Stream).await?;
    let datagrams = datagram_socket(datagrams).map_err(fail("open its name service"))?;
    let streams = stream_listener(streams).map_err(fail("open its name service"))?;
    let network = &core.config.network;
    let names = serve_names(datagrams, streams, Resolvers::new(&network.resolvers, &network.names));
    cell.help(Box::pin(async move {
        names.await;
        None
    }))
    .await?;
    for relay in &spec.relays {
        cell.open_relay(*relay).await?;
    }
    Ok(())
}

/// Starts the daemon and waits until it answers, it ends, or its time is over.
async fn start_daemon(
    cell: &ProcessCell,
    core: &Core,
    spec: &CellSpec,
    (mtu, has_ipv6): (u32, bool),
    log: OwnedFd,
) -> Result<DaemonProcess, CellError> {
    let fail = |step| failed(cell.id(), step);
    let run = daemon_run(cell, spec, (mtu, has_ipv6))?;
    let null = fs::File::open("/dev/null").map_err(fail("open /dev/null"))?.into();
    let errors = log.try_clone().map_err(fail("open the daemon's log"))?;
    let (ended, exit) = watch::channel(None);
    let descriptors = vec![null, log, errors];
    let order = cell
        .wire
        .order("start the daemon", Order::Run(run), descriptors, Some(ended));
    let (started_by, _) = order.await?;
    watch_daemon(cell, exit.clone()).await?;
    let deadline = core.config.start_deadline;
    let ready = tokio::select! {
        ready = tokio::time::timeout(deadline, wait_until_ready(&cell.socket)) => ready.map_err(|_| CellError::Start {
            id: cell.id().clone(),
            step: "wait for the daemon",
            reason: format!("it does not answer within {deadline:?}; {}", cell.log.last_words()),
        }),
        (reason, _) = cell.wire.killer.dead() => Err(CellError::Start {
            id: cell.id().clone(),
            step: "start the daemon",
            reason,
        }),
    };
    ready?;
    watch_containerd(cell, core, exit.clone()).await?;
    Ok(DaemonProcess { started_by, exit })
}

/// The same holds for its containerd. It is looked for now: a helper begins later, when the daemon may be ending already.
async fn watch_containerd(
    cell: &ProcessCell,
    core: &Core,
    daemon: watch::Receiver<Option<Exit>>,
) -> Result<(), CellError> {
    let groups = CellGroups::new(core.hierarchies.clone(), cell.id().as_str());
    let containerd = containerd_of(&groups).map_err(failed(cell.id(), "find its containerd"))?;
    let stopping = cell.stopping.clone();
    cell.help(Box::pin(async move {
        let ended = containerd.readable().await;
        if let Err(error) = ended {
            return Some(format!("its containerd cannot be watched: {error}"));
        }
        if stopping.load(Ordering::Relaxed) {
            return None;
        }
        // A daemon that dies takes its containerd along, and is the better reason.
        tokio::time::sleep(DAEMON_FIRST).await;
        let daemon_lives = daemon.borrow().is_none();
        daemon_lives.then(|| "its containerd ended".to_owned())
    }))
    .await
}

fn daemon_run(cell: &ProcessCell, spec: &CellSpec, (mtu, has_ipv6): (u32, bool)) -> Result<Run, CellError> {
    let program = daemon_program().map_err(CellError::Unable)?;
    let mut arguments = arguments(spec, &cell.jobs, Some(cell.address), mtu);
    if has_ipv6 {
        arguments.extend(["--ipv6".to_owned(), format!("--fixed-cidr-v6={BRIDGE6}")]);
    }
    let argv = std::iter::once(program.to_owned()).chain(arguments);
    Ok(Run {
        argv: argv.map(|word| Words::from(word.into_bytes())).collect(),
        environment: environment(spec),
        directory: Words::Text("/".to_owned()),
        user: None,
        cgroups: Vec::new(),
        only: None,
    })
}

pub(crate) fn environment(spec: &CellSpec) -> Vec<Words> {
    let own = DAEMON_ENVIRONMENT.map(str::to_owned);
    let proxy = spec.surroundings.proxy.variables(&[]);
    let pairs = proxy.into_iter().map(|(name, value)| format!("{name}={value}"));
    own.into_iter().chain(pairs).map(Words::Text).collect()
}

/// A cell without its daemon is of no use: when the daemon ends, so does the cell.
async fn watch_daemon(cell: &ProcessCell, mut exit: watch::Receiver<Option<Exit>>) -> Result<(), CellError> {
    let log = cell.log.clone();
    cell.help(Box::pin(async move {
        let exit = exit.wait_for(Option::is_some).await.ok()?.to_owned()?;
        tokio::time::sleep(LAST_WORDS).await;
        let how = match exit {
            Exit::Code(code) => format!("with code {code}"),
            Exit::Signal(signal) => format!("by signal {signal}"),
        };
        Some(format!("its daemon ended {how}; {}", log.last_words()))
    }))
    .await
}

async fn make_networks(cell: &ProcessCell, spec: &CellSpec) -> Result<(), CellError> {
    for name in &spec.networks {
        make_network(&cell.socket, name)
            .await
            .map_err(|error| CellError::Start {
                id: cell.id().clone(),
                step: "make a network",
                reason: format!("{name}: {error}"),
            })?;
    }
    Ok(())
}

async fn load_images(cell: &ProcessCell, spec: &CellSpec) -> Result<(), CellError> {
    for archive in &spec.images {
        load_image(&cell.socket, archive)
            .await
            .map_err(|error| CellError::Start {
                id: cell.id().clone(),
                step: "load an image",
                reason: format!("{}: {error}", archive.display()),
            })?;
    }
    Ok(())
}
