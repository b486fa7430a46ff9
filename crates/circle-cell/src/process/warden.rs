//! The warden of one cell: the task that owns its init, carries orders to it, notices its death, and cleans up after it.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use nix::sys::wait::{Id, WaitPidFlag, waitid};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::remains::Remains;
use super::wire::{Ask, Life};
use crate::Exit;
use crate::init::order::{Report, Request};
use crate::sys::{kill_by_pidfd, receive, send, watch as watch_descriptor};

/// Everything that a warden owns.
#[derive(Debug)]
pub(super) struct Warden {
    init: Arc<OwnedFd>,
    control: AsyncFd<OwnedFd>,
    asks: mpsc::Receiver<Ask>,
    life: watch::Sender<Life>,
    /// Relays, names, the log, and the watch over the daemon.
    helpers: JoinSet<Option<String>>,
    more_helpers: mpsc::Receiver<Helper>,
    remains: Remains,
    pending: HashMap<u64, Answer>,
    children: HashMap<u64, watch::Sender<Option<Exit>>>,
    next: u64,
    /// Why the cell is about to die, once that is known.
    reason: Option<String>,
}

type Answer = oneshot::Sender<Result<(u64, Option<OwnedFd>), String>>;

/// A task that lives as long as its cell; when it ends with a reason, the cell dies of it.
pub(super) type Helper = Pin<Box<dyn Future<Output = Option<String>> + Send>>;

/// What can happen to a cell.
enum Happening {
    Died,
    Ordered(Option<Ask>),
    Reported(io::Result<(Vec<u8>, Vec<OwnedFd>)>),
    Helper(Option<Helper>),
    HelperEnded(Option<String>),
}

impl Warden {
    pub(super) fn new(
        init: Arc<OwnedFd>,
        control: AsyncFd<OwnedFd>,
        asks: mpsc::Receiver<Ask>,
        life: watch::Sender<Life>,
        more_helpers: mpsc::Receiver<Helper>,
        remains: Remains,
    ) -> Self {
        Self {
            init,
            control,
            asks,
            life,
            helpers: JoinSet::new(),
            more_helpers,
            remains,
            pending: HashMap::new(),
            children: HashMap::new(),
            next: 1,
            reason: None,
        }
    }

    /// Lets a task live as long as the cell.
    pub(super) fn help(&mut self, helper: Helper) {
        self.helpers.spawn(helper);
    }

    /// Serves the cell until it is dead and nothing is left of it.
    pub(super) async fn serve(mut self) {
        let Ok(death) = self
            .init
            .try_clone()
            .and_then(|init| watch_descriptor(init, Interest::READABLE))
        else {
            tracing::error!("no descriptor is left to watch a cell with: it is killed");
            self.doom("this process has no descriptors left");
            return self.bury().await;
        };
        loop {
            let happening = tokio::select! {
                biased;
                _ = death.readable() => Happening::Died,
                report = self.control.async_io(Interest::READABLE, |socket| receive(socket.as_fd())) =>
                    Happening::Reported(report),
                helper = self.more_helpers.recv(), if !self.more_helpers.is_closed() => Happening::Helper(helper),
                Some(ended) = self.helpers.join_next() => Happening::HelperEnded(ended.unwrap_or(None)),
                ask = self.asks.recv() => Happening::Ordered(ask),
            };
            match happening {
                Happening::Died => break,
                Happening::Ordered(Some(ask)) => self.order(ask).await,
                Happening::Ordered(None) => {
                    self.doom("its owner let go of it");
                    let _ = death.readable().await;
                    break;
                }
                Happening::Reported(Ok((packet, attached))) if !packet.is_empty() => self.reported(&packet, attached),
                Happening::Reported(_) => {
                    self.doom("its first process ended");
                    let _ = death.readable().await;
                    break;
                }
                Happening::Helper(helper) => {
                    if let Some(helper) = helper {
                        self.help(helper);
                    }
                }
                Happening::HelperEnded(None) => {}
                Happening::HelperEnded(Some(reason)) => self.doom(&reason),
            }
        }
        self.bury().await;
    }

    async fn order(&mut self, ask: Ask) {
        let number = self.next;
        self.next += 1;
        let Ok(packet) = serde_json::to_vec(&Request {
            number,
            order: ask.order,
        }) else {
            let _ = ask.answer.send(Err("the order cannot be written down".to_owned()));
            return;
        };
        let attached: Vec<_> = ask.descriptors.iter().map(AsFd::as_fd).collect();
        let sent = self
            .control
            .async_io(Interest::WRITABLE, |socket| send(socket.as_fd(), &packet, &attached))
            .await;
        match sent {
            Ok(()) => {
                self.pending.insert(number, ask.answer);
                ask.ended.map(|ended| self.children.insert(number, ended));
            }
            Err(error) => {
                let _ = ask.answer.send(Err(error.to_string()));
            }
        }
    }

    fn reported(&mut self, packet: &[u8], mut attached: Vec<OwnedFd>) {
        match serde_json::from_slice(packet) {
            Ok(Report::Answer { number, outcome }) => {
                if outcome.is_err() {
                    self.children.remove(&number);
                }
                if let Some(answer) = self.pending.remove(&number) {
                    let _ = answer.send(outcome.map(|()| (number, attached.pop())));
                }
            }
            Ok(Report::Ended { started_by, exit }) => {
                if let Some(ended) = self.children.remove(&started_by) {
                    ended.send_replace(Some(exit));
                }
            }
            Err(error) => self.doom(&format!("its first process speaks nonsense: {error}")),
        }
    }

    /// Kills the cell and remembers why.
    fn doom(&mut self, reason: &str) {
        self.reason.get_or_insert_with(|| reason.to_owned());
        if let Err(error) = kill_by_pidfd(self.init.as_fd()) {
            tracing::error!(cell = %self.remains.id, %error, "a cell could not be killed");
        }
    }

    /// Reaps, tells everybody, removes what is left.
    async fn bury(mut self) {
        let at = Instant::now();
        if let Err(error) = waitid(Id::PIDFd(self.init.as_fd()), WaitPidFlag::WEXITED) {
            tracing::warn!(cell = %self.remains.id, %error, "the first process of a cell could not be reaped");
        }
        let reason = self.reason.take().unwrap_or_else(|| "it was killed".to_owned());
        self.life.send_replace(Life::Dead {
            reason: reason.clone(),
            at,
        });
        self.asks.close();
        self.pending.clear();
        self.children.clear();
        self.helpers.shutdown().await;
        let id = self.remains.id.clone();
        let left = self.remains.remove().await.err().map(Arc::new);
        if let Some(error) = &left {
            tracing::warn!(cell = %id, %error, "a cell was not removed completely");
        }
        self.life.send_replace(Life::Gone {
            reason,
            at,
            cleaned_in: at.elapsed(),
            left,
        });
    }
}
