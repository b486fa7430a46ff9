//! The namespaces of a cell with their first process, and the warden that owns them.

use std::ffi::CString;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::pipe2;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, watch};

use super::cell::ProcessCell;
use super::cgroup::Hits;
use super::core::Core;
use super::daemon::{DaemonLog, collect};
use super::network::Doors;
use super::remains::Remains;
use super::warden::{Helper, Warden};
use super::wire::{Life, MOST_ORDERS, ProcessKiller, Wire};
use crate::sys::{clone_into_namespaces, kill_by_pidfd, packet_pair, watch as watch_descriptor};
use crate::{CellError, Limits, Owner, StartTimings, Surroundings};

/// A cell that has namespaces and an init, and nothing in them yet.
pub(super) struct Birth {
    pub(super) cell: ProcessCell,
    /// Init's process id on the host, for the network link.
    pub(super) pid: i32,
    /// Where the daemon is to write its log.
    pub(super) log: OwnedFd,
}

/// Makes the namespaces and starts init in them; from here on the warden owns what remains.
pub(super) fn give_birth(core: &Arc<Core>, remains: Remains) -> Result<Birth, CellError> {
    let id = remains.id.clone();
    let fail = |step: &'static str| {
        let id = id.clone();
        move |error: io::Error| CellError::Start {
            id,
            step,
            reason: error.to_string(),
        }
    };
    let (control, theirs) = packet_pair().map_err(fail("open its control socket"))?;
    let (reader, log) = pipe2(OFlag::O_CLOEXEC)
        .map_err(io::Error::from)
        .map_err(fail("open its log"))?;
    let null: OwnedFd = fs::File::open("/dev/null").map_err(fail("open /dev/null"))?.into();
    let argv = argv_of_init(core).map_err(fail("name its first process"))?;
    let born =
        clone_into_namespaces(&argv, theirs.as_fd(), log.as_fd(), null.as_fd()).map_err(fail("make its namespaces"))?;
    let mut newborn = Unwatched(Some(Arc::new(born.pidfd)));
    remains
        .groups
        .adopt(born.pid)
        .map_err(fail("put its first process into its cgroup"))?;
    let both = Interest::READABLE | Interest::WRITABLE;
    let hits = remains.groups.watch_limits().map_err(fail("watch its limits"))?;
    let control = nonblocking(control)
        .and_then(|socket| watch_descriptor(socket, both))
        .map_err(fail("watch its control socket"))?;
    let reader = pipe::Receiver::from_owned_fd(reader).map_err(fail("read its log"))?;
    let Some(init) = newborn.0.take() else {
        return Err(CellError::PoolClosed);
    };
    let cell = hand_over(core, remains, hits, init, (control, reader));
    Ok(Birth {
        cell,
        pid: born.pid,
        log,
    })
}

/// Starts the warden and makes the handle that speaks with it.
fn hand_over(
    core: &Arc<Core>,
    remains: Remains,
    hits: Hits,
    init: Arc<OwnedFd>,
    (control, reader): (AsyncFd<OwnedFd>, pipe::Receiver),
) -> ProcessCell {
    let (asks, asked) = mpsc::channel(MOST_ORDERS);
    let (helpers, more_helpers) = mpsc::channel::<Helper>(MOST_ORDERS);
    let (life, watched) = watch::channel(Life::Alive);
    let log = DaemonLog::default();
    let folder = remains.folder();
    let killer = ProcessKiller {
        init: init.clone(),
        life: watched,
    };
    let cell = ProcessCell {
        wire: Wire {
            id: remains.id.clone(),
            asks,
            killer,
        },
        helpers,
        doors: Doors::default(),
        socket: folder.join("run/docker.sock"),
        address: Ipv4Addr::UNSPECIFIED,
        remapped_root: Owner {
            uid: core.config.remap.first,
            gid: core.config.remap.first,
        },
        helper_groups: remains.groups.helper_folders(),
        jobs: remains.groups.jobs_path(),
        log: log.clone(),
        hits,
        core: core.clone(),
        limits: Limits::default(),
        timings: StartTimings::default(),
        surroundings: Surroundings::default(),
        disk: remains.disk.clone(),
        began: remains.began.as_deref().cloned(),
        disk_hold: remains.disk_hold.clone(),
        daemon: None,
        stopping: Arc::default(),
        folder: folder.clone(),
    };
    let mut warden = Warden::new(init, control, asked, life, more_helpers, remains);
    warden.help(Box::pin(async move {
        collect(reader, folder.join("daemon.log"), log).await;
        None
    }));
    core.spawn(warden.serve());
    cell
}

/// A first process that no warden watches yet: it does not outlive a failure.
struct Unwatched(Option<Arc<OwnedFd>>);

impl Drop for Unwatched {
    fn drop(&mut self) {
        if let Some(init) = self.0.take() {
            let _ = kill_by_pidfd(init.as_fd());
            let _ = waitid(Id::PIDFd(init.as_fd()), WaitPidFlag::WEXITED);
        }
    }
}

fn argv_of_init(core: &Core) -> io::Result<Vec<CString>> {
    let init = &core.config.init;
    let words = std::iter::once(init.program.as_os_str()).chain(init.args.iter().map(AsRef::as_ref));
    words
        .map(|word| CString::new(word.as_bytes()).map_err(io::Error::other))
        .collect()
}

fn nonblocking(socket: OwnedFd) -> io::Result<OwnedFd> {
    let flags = OFlag::from_bits_truncate(fcntl(&socket, FcntlArg::F_GETFL)?);
    fcntl(&socket, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(socket)
}
