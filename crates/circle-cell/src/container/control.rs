//! The wire to a cell's init: orders there, answers and ends back.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::Exit;
use crate::init::order::{Order, Report, Request};
use crate::sys::{receive, send};

/// Orders of one cell that may wait for its init; more only wait at their callers.
pub(super) const MOST_ORDERS: usize = 64;

/// What an order brought: its number, and descriptors.
pub(super) type Brought = (u64, Vec<OwnedFd>);

/// One order on its way.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) order: Order,
    pub(super) descriptors: Vec<OwnedFd>,
    /// Where the end of a started process is told.
    pub(super) ended: Option<watch::Sender<Option<Exit>>>,
    pub(super) answer: oneshot::Sender<Result<Brought, String>>,
}

/// Serves the wire to one init.
pub(super) struct Control {
    pub(super) socket: AsyncFd<OwnedFd>,
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) kill: CancellationToken,
    pending: HashMap<u64, oneshot::Sender<Result<Brought, String>>>,
    children: HashMap<u64, watch::Sender<Option<Exit>>>,
    next: u64,
}

impl Control {
    pub(super) fn new(socket: AsyncFd<OwnedFd>, asks: mpsc::Receiver<Ask>, kill: CancellationToken) -> Self {
        Self {
            socket,
            asks,
            kill,
            pending: HashMap::new(),
            children: HashMap::new(),
            next: 1,
        }
    }

    /// Serves until the cell is killed or its init is gone: why. Dropping the socket ends init, and the container with it.
    pub(super) async fn serve(mut self) -> String {
        loop {
            tokio::select! {
                biased;
                () = self.kill.cancelled() => return "it was killed".to_owned(),
                report = self.socket.async_io(Interest::READABLE, |socket| receive(socket.as_fd())) => match report {
                    Ok((packet, attached)) if !packet.is_empty() => self.reported(&packet, attached),
                    _ => return "its first process ended, or the engine's container with it".to_owned(),
                },
                ask = self.asks.recv() => match ask {
                    Some(ask) => self.order(ask).await,
                    None => return "its owner let go of it".to_owned(),
                },
            }
        }
    }

    async fn order(&mut self, ask: Ask) {
        let number = self.next;
        self.next += 1;
        let sent = match serde_json::to_vec(&Request {
            number,
            order: ask.order,
        }) {
            Err(error) => Err(io::Error::other(error)),
            Ok(packet) => {
                let attached: Vec<_> = ask.descriptors.iter().map(AsFd::as_fd).collect();
                let send = |socket: &OwnedFd| send(socket.as_fd(), &packet, &attached);
                self.socket.async_io(Interest::WRITABLE, send).await
            }
        };
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

    fn reported(&mut self, packet: &[u8], attached: Vec<OwnedFd>) {
        match serde_json::from_slice(packet) {
            Ok(Report::Answer { number, outcome }) => {
                if outcome.is_err() {
                    self.children.remove(&number);
                }
                if let Some(answer) = self.pending.remove(&number) {
                    let _ = answer.send(outcome.map(|()| (number, attached)));
                }
            }
            Ok(Report::Ended { started_by, exit }) => {
                if let Some(ended) = self.children.remove(&started_by) {
                    ended.send_replace(Some(exit));
                }
            }
            Err(error) => tracing::warn!(%error, "the first process of a cell speaks nonsense"),
        }
    }
}
