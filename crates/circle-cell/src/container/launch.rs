//! One start of a cell in a container, step by step.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::unistd::pipe2;
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::cell::{ContainerCell, Ears, Wire};
use super::control::{Control, MOST_ORDERS};
use super::outer;
use super::provider::Core;
use super::warden::Warden;
use crate::carrier::Facts;
use crate::ending::{Life, OrderedEnd};
use crate::init::CELL_FOLDER;
use crate::init::order::{Order, Run, Settle, Words};
use crate::process::{
    CERTIFICATES, CgroupVersion, DISK_FOLDERS, DaemonLog, Doors, Hits, collect, daemon_arguments, environment,
    load_image, make_folders, make_network, trust, wait_until_ready,
};
use crate::sys::{accept_packets, listen_packets, watch as watch_descriptor};
use crate::tasks::Tasks;
use crate::{Cell, CellError, CellId, CellSpec, Exit, InCell, Owner, StartTimings};

/// From the container's start until its init calls.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// From the daemon's start to its first answer.
const DAEMON_LIMIT: Duration = Duration::from_secs(60);
/// The image's search path finds it; this is where packages put it.
const DAEMON: &str = "/usr/sbin/dockerd";
/// Where the container's link to the engine's bridge says how much goes into a packet.
const MTU: &str = "/sys/class/net/eth0/mtu";
const USUAL_MTU: u32 = 1500;

/// What was made before a failure is removed by the warden, which watches from the first moment.
pub(super) async fn launch(core: &Arc<Core>, spec: &CellSpec) -> Result<Cell, CellError> {
    let clock = Instant::now();
    let (id, folder) = core.name_a_cell()?;
    let (ending, reasons) = appoint(core, &id, &folder);
    let doom = ending.kill.clone().drop_guard();
    let fail = |step| failed(&id, step);
    make_folders(&folder, &DISK_FOLDERS).map_err(fail("make its folders"))?;
    let trusts_more = trust(&folder, &spec.surroundings.certificates).map_err(fail("gather its certificates"))?;
    let listener = listen_packets(&folder.join("run/control")).map_err(fail("listen for its init"))?;
    let container = outer::start(core, &id, &folder).await;
    let container = container.map_err(|error| fail("start its container")(io::Error::other(error)))?;
    let control = called(core, &id, (listener, &container)).await?;
    let address = outer::address(&core.engine, &container).await;
    let address = address.map_err(|error| fail("ask for its address")(io::Error::other(error)))?;
    let namespace_ms = millis(clock);

    let (asks, asked) = mpsc::channel(MOST_ORDERS);
    let served = Control::new(control, asked, ending.kill.clone()).serve();
    let told = reasons.clone();
    core.tasks.spawn(async move {
        let _ = told.send(served.await).await;
    });
    let mut cell = ContainerCell {
        facts: facts(core, &id, (spec, &folder, trusts_more), address),
        folder,
        wire: Wire {
            id: id.clone(),
            asks,
            ending,
        },
        ears: None,
        doors: Doors::default(),
        helpers: Tasks::default(),
    };
    doom.disarm();
    settle(core, &mut cell, spec).await?;
    for relay in &spec.relays {
        crate::carrier::Carrier::open_relay(&cell, *relay).await?;
    }
    start_daemon(&cell, core, spec, reasons).await?;
    let daemon_ms = millis(clock) - namespace_ms;
    furnish(&cell, spec).await?;
    cell.facts.timings = StartTimings {
        namespace_ms,
        daemon_ms,
        images_ms: millis(clock) - namespace_ms - daemon_ms,
        total_ms: millis(clock),
        ..StartTimings::default()
    };
    Ok(Cell::new(cell))
}

fn millis(clock: Instant) -> u64 {
    u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn failed(id: &CellId, step: &'static str) -> impl FnOnce(io::Error) -> CellError {
    let id = id.clone();
    move |error| CellError::Start {
        id,
        step,
        reason: error.to_string(),
    }
}

/// Lets a warden watch over the cell, and gives the ways to it: the order to die, and reasons to.
fn appoint(core: &Arc<Core>, id: &CellId, folder: &Path) -> (OrderedEnd, mpsc::Sender<String>) {
    let life = watch::Sender::new(Life::Alive);
    let ending = OrderedEnd {
        kill: CancellationToken::new(),
        life: life.subscribe(),
    };
    let (reasons, told) = mpsc::channel(1);
    let warden = Warden {
        core: core.clone(),
        id: id.clone(),
        folder: folder.to_path_buf(),
        kill: ending.kill.clone(),
        reasons: told,
        life,
    };
    core.tasks.spawn(warden.watch());
    (ending, reasons)
}

/// Waits until the init of the container calls, or the container ends.
async fn called(
    core: &Core,
    id: &CellId,
    (listener, container): (OwnedFd, &str),
) -> Result<tokio::io::unix::AsyncFd<OwnedFd>, CellError> {
    let fail = |step| failed(id, step);
    let listener = watch_descriptor(listener, Interest::READABLE).map_err(fail("listen for its init"))?;
    let call = listener.async_io(Interest::READABLE, |listener| accept_packets(listener.as_fd()));
    let control = tokio::select! {
        call = tokio::time::timeout(CALL_LIMIT, call) =>
            call.unwrap_or_else(|_| Err(io::Error::other(format!("it does not call within {CALL_LIMIT:?}")))),
        words = outer::last_words(&core.engine, container) => Err(io::Error::other(words)),
    };
    let control = control.map_err(fail("wait for its init"))?;
    let both = Interest::READABLE | Interest::WRITABLE;
    watch_descriptor(control, both).map_err(fail("watch its control socket"))
}

fn facts(
    core: &Core,
    id: &CellId,
    (spec, folder, trusts_more): (&CellSpec, &Path, bool),
    address: std::net::Ipv4Addr,
) -> Facts {
    Facts {
        id: id.clone(),
        socket: folder.join("run/docker.sock"),
        address,
        remapped_root: Owner {
            uid: core.remap.first,
            gid: core.remap.first,
        },
        timings: StartTimings::default(),
        limits: spec.limits,
        root: None,
        labels: std::collections::BTreeMap::new(),
        surroundings: spec.surroundings.clone(),
        certificates: trusts_more.then(|| Path::new(CELL_FOLDER).join(CERTIFICATES)),
    }
}

/// Lets init make the container a cell, and keeps the folders that it opens.
async fn settle(core: &Core, cell: &mut ContainerCell, spec: &CellSpec) -> Result<(), CellError> {
    let order = Order::Settle(Settle {
        name: cell.wire.id.to_string(),
        remap: (core.remap.first, core.remap.count),
        limits: spec.limits,
        certificates: cell.facts.certificates.clone(),
    });
    let (_, folders) = cell
        .wire
        .order("make the container a cell", order, Vec::new(), None)
        .await?;
    let folders = <[OwnedFd; 3]>::try_from(folders);
    let [memory, pids, data] =
        folders.map_err(|_| cell.wire.refused("learn of its bounds", "its init gave no folders"))?;
    let path = |folder: &OwnedFd| PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    let version = match path(&memory).join("memory.events").exists() {
        true => CgroupVersion::Two,
        false => CgroupVersion::One,
    };
    let hits = Hits::watch(version, path(&memory), Some(path(&pids)));
    let hits = hits.map_err(failed(&cell.wire.id, "watch its limits"))?;
    cell.ears = Some(Ears {
        hits,
        data,
        _groups: [memory, pids],
    });
    Ok(())
}

async fn mtu(cell: &ContainerCell) -> Result<u32, CellError> {
    let mut child = cell.run(InCell::new(None, ["/bin/cat", MTU])).await?;
    let mut text = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        let _ = stdout.read_to_string(&mut text).await;
    }
    // A container without a link has no packets to bound.
    Ok(text.trim().parse().unwrap_or(USUAL_MTU))
}

/// Starts the daemon and waits until it answers, it ends, or its time is over. When it ends later, so does the cell.
async fn start_daemon(
    cell: &ContainerCell,
    core: &Core,
    spec: &CellSpec,
    reasons: mpsc::Sender<String>,
) -> Result<(), CellError> {
    let id = &cell.wire.id;
    let arguments = daemon_arguments(spec, &format!("/circle/{id}/jobs"), None, mtu(cell).await?);
    let argv = std::iter::once(DAEMON.to_owned()).chain(arguments);
    let order = Order::Run(Run {
        argv: argv.map(|word| Words::from(word.into_bytes())).collect(),
        environment: environment(spec),
        directory: Words::Text("/".to_owned()),
        user: None,
        cgroups: Vec::new(),
        only: None,
    });
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)
        .map_err(io::Error::from)
        .map_err(failed(id, "open the daemon's log"))?;
    let errors = writer.try_clone().map_err(failed(id, "open the daemon's log"))?;
    let null = File::open("/dev/null").map_err(failed(id, "open /dev/null"))?.into();
    let (ended, mut exit) = watch::channel(None);
    let descriptors = vec![null, writer, errors];
    cell.wire
        .order("start the daemon", order, descriptors, Some(ended))
        .await?;
    let log = DaemonLog::default();
    let reader = pipe::Receiver::from_owned_fd(reader).map_err(failed(id, "read the daemon's log"))?;
    let collected = collect(reader, cell.folder.join("daemon.log"), log.clone());
    core.tasks.spawn(collected);
    let words = log.clone();
    core.tasks.spawn(async move {
        if let Ok(Some(exit)) = exit.wait_for(Option::is_some).await.map(|exit| *exit) {
            let how = match exit {
                Exit::Code(code) => format!("with code {code}"),
                Exit::Signal(signal) => format!("by signal {signal}"),
            };
            let reason = format!("its daemon ended {how}; {}", words.last_words());
            let _ = reasons.send(reason).await;
        }
    });
    let died = crate::carrier::Carrier::ending(cell);
    tokio::select! {
        ready = tokio::time::timeout(DAEMON_LIMIT, wait_until_ready(&cell.facts.socket)) => ready.map_err(|_| {
            let reason = format!("it does not answer within {DAEMON_LIMIT:?}; {}", log.last_words());
            failed(id, "wait for the daemon")(io::Error::other(reason))
        }),
        reason = died.died() => Err(failed(id, "start the daemon")(io::Error::other(reason))),
    }
}

/// Images and networks.
async fn furnish(cell: &ContainerCell, spec: &CellSpec) -> Result<(), CellError> {
    let socket = &cell.facts.socket;
    let images = async {
        for image in &spec.images {
            let named = |error: io::Error| io::Error::other(format!("{}: {error}", image.display()));
            let loaded = load_image(socket, image).await;
            loaded.map_err(named).map_err(failed(&cell.wire.id, "load an image"))?;
        }
        Ok(())
    };
    let networks = async {
        for name in &spec.networks {
            let named = |error: io::Error| io::Error::other(format!("{name}: {error}"));
            let made = make_network(socket, name).await;
            made.map_err(named).map_err(failed(&cell.wire.id, "make a network"))?;
        }
        Ok(())
    };
    tokio::try_join!(images, networks).map(drop)
}
