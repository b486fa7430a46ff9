//! The loop of PID 1: orders from the worker, and deaths of children.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};

use super::bounds::bound_open_files;
use super::listen::{configure, listen, resolve_at};
use super::order::{Order, Report, Request};
use super::root::enter;
use super::run::run;
use super::settle::settle;
use super::show::show_part;
use super::tools::Outcome;
use super::views::{mount_view, unmount_view};
use crate::Exit;
use crate::sys::{connect_packets, control_socket, receive, send};

/// Where the worker listens for the init of a container that it had an engine start.
pub(crate) const CONTROL_VARIABLE: &str = "CIRCLE_CELL_CONTROL";

/// Serves until the worker is gone.
pub(super) fn serve() -> ExitCode {
    let called = || connect_packets(Path::new(&std::env::var_os(CONTROL_VARIABLE)?)).ok();
    let control = match control_socket().or_else(called) {
        Some(control) if getpid() == Pid::from_raw(1) => control,
        _ => {
            eprintln_once("cell-init is started by a Circle worker as the first process of a cell, not by hand");
            return ExitCode::from(2);
        }
    };
    match (Init {
        control,
        children: HashMap::new(),
        groups: Vec::new(),
    })
    .serve()
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln_once(&format!("cell-init: {error}"));
            ExitCode::FAILURE
        }
    }
}

struct Init {
    control: OwnedFd,
    /// The order that started each living child.
    children: HashMap<Pid, u64>,
    /// The groups of processes that run for somebody, where this init knows them better than the worker.
    groups: Vec<PathBuf>,
}

impl Init {
    fn serve(mut self) -> Result<(), Errno> {
        let mut deaths = SigSet::empty();
        deaths.add(Signal::SIGCHLD);
        deaths.thread_block()?;
        let deaths = SignalFd::with_flags(&deaths, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        loop {
            let mut ready = [
                PollFd::new(self.control.as_fd(), PollFlags::POLLIN),
                PollFd::new(deaths.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut ready, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
            let (ordered, died) = (ready[0].any().unwrap_or(true), ready[1].any().unwrap_or(true));
            if died {
                while let Ok(Some(_)) = deaths.read_signal() {}
                self.reap();
            }
            if ordered && !self.obey_next() {
                return Ok(());
            }
        }
    }

    /// Reads and carries out one order; `false` when the worker is gone.
    fn obey_next(&mut self) -> bool {
        let Ok((packet, descriptors)) = receive(self.control.as_fd()) else {
            return false;
        };
        if packet.is_empty() {
            return false;
        }
        let Ok(request) = serde_json::from_slice::<Request>(&packet) else {
            return false;
        };
        let number = request.number;
        let mut brought = Vec::new();
        let outcome = self.obey(request, descriptors).map(|descriptors| brought = descriptors);
        let attached: Vec<BorrowedFd<'_>> = brought.iter().map(AsFd::as_fd).collect();
        self.report(&Report::Answer { number, outcome }, &attached)
    }

    fn obey(&mut self, request: Request, descriptors: Vec<OwnedFd>) -> Outcome<Vec<OwnedFd>> {
        match request.order {
            Order::Enter(orders) => {
                bound_open_files(orders.open_files)?;
                enter(&orders)?;
            }
            Order::Link {
                address,
                bits,
                gateway,
                six,
                search,
            } => {
                configure(address, bits, gateway, six)?;
                resolve_at(address, &search)?;
            }
            Order::Settle(orders) => {
                let settled = settle(&orders)?;
                self.groups = settled.helpers;
                return Ok(settled.folders);
            }
            Order::Run(mut orders) => {
                if orders.user.is_some() && orders.cgroups.is_empty() {
                    orders.cgroups.clone_from(&self.groups);
                }
                let child = run(orders, descriptors)?;
                self.children.insert(child, request.number);
            }
            Order::Kill { started_by } => self.kill(started_by),
            Order::Terminate { started_by } => self.terminate(started_by),
            Order::Mount {
                target,
                lowers,
                upper,
                work,
            } => mount_view(&target, &lowers, &upper, &work)?,
            Order::Show {
                view,
                path,
                target,
                make,
            } => show_part(&view, &path, &target, make)?,
            Order::Unmount { target } => unmount_view(&target)?,
            Order::Listen { address, kind } => return listen(address, kind).map(|socket| vec![socket]),
        }
        Ok(Vec::new())
    }

    /// Each process leads a group of its own number. One that has ended already needs no signal.
    fn kill(&self, started_by: u64) {
        for (child, number) in &self.children {
            if *number == started_by {
                let _ = kill(*child, Signal::SIGKILL);
                let _ = kill(Pid::from_raw(-child.as_raw()), Signal::SIGKILL);
            }
        }
    }

    fn terminate(&self, started_by: u64) {
        for (child, _) in self.children.iter().filter(|(_, number)| **number == started_by) {
            let _ = kill(*child, Signal::SIGTERM);
        }
    }

    /// Takes every dead child, also the orphans of others, and reports those that were ordered.
    fn reap(&mut self) {
        loop {
            let (child, exit) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(child, code)) => (child, Exit::Code(code)),
                Ok(WaitStatus::Signaled(child, signal, _)) => (child, Exit::Signal(signal as i32)),
                Ok(WaitStatus::StillAlive) | Err(_) => return,
                Ok(_) => continue,
            };
            if let Some(started_by) = self.children.remove(&child) {
                self.report(&Report::Ended { started_by, exit }, &[]);
            }
        }
    }

    fn report(&self, report: &Report, attached: &[BorrowedFd<'_>]) -> bool {
        match serde_json::to_vec(report) {
            Ok(packet) => send(self.control.as_fd(), &packet, attached).is_ok(),
            Err(_) => false,
        }
    }
}

/// The one place where this process speaks to whoever looks at its standard error: the worker's log of the cell.
#[expect(clippy::print_stderr, reason = "init has no log of its own")]
fn eprintln_once(sentence: &str) {
    eprintln!("{sentence}");
}
