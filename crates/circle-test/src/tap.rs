//! A way to a server that runs dry when a story wants it: connections stay open, and nothing comes through any more.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use circle_lab::{GitServer, Registry};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// How much is passed on at once, so that a way can end in the middle of something.
const PIECE_BYTES: usize = 4 * 1024;

/// A door of loopback to a server of loopback; dropping it breaks every connection.
#[derive(Debug)]
pub struct Tap {
    address: SocketAddr,
    flow: Arc<Flow>,
    _doorkeeper: JoinSet<()>,
}

/// What stands between the cells of a story and its servers.
#[derive(Debug)]
pub struct Taps {
    /// Before the repositories.
    pub git: Tap,
    /// Before the registry.
    pub registry: Tap,
}

/// What may still come through, in both directions together.
#[derive(Debug, Default)]
struct Flow {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// `None`: any number.
    left_bytes: Option<u64>,
    is_dry: bool,
}

impl Tap {
    /// Opens the door; everything comes through.
    ///
    /// # Errors
    /// When there is no port for it.
    pub async fn open_to(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, flow) = (listener.local_addr()?, Arc::new(Flow::default()));
        let mut doorkeeper = JoinSet::new();
        doorkeeper.spawn(keep(listener, server, flow.clone()));
        Ok(Self {
            address,
            flow,
            _doorkeeper: doorkeeper,
        })
    }

    /// Lets so many bytes through, and then nothing.
    pub fn run_dry_after(&self, bytes: u64) {
        self.flow.set(Some(bytes));
    }

    /// Whether somebody waits for more than may come through.
    pub fn is_dry(&self) -> bool {
        self.flow.state().is_dry
    }

    /// Lets everything through again, also what waits.
    pub fn flow_again(&self) {
        self.flow.set(None);
    }
}

impl Taps {
    pub(crate) async fn before(git: &GitServer, registry: &Registry) -> Result<Self> {
        Ok(Self {
            git: Tap::open_to(git.address().parse()?).await?,
            registry: Tap::open_to(registry.address().parse()?).await?,
        })
    }

    /// As a worker wants them: cells find the servers where everybody does, and reach them through the taps.
    pub(crate) fn relays(&self, git: &GitServer, registry: &Registry) -> [String; 2] {
        [
            format!("{}={}", registry.address(), self.registry.address),
            format!("{}={}", git.address(), self.git.address),
        ]
    }
}

impl Flow {
    fn set(&self, left_bytes: Option<u64>) {
        *self.state() = State {
            left_bytes,
            is_dry: false,
        };
        self.changed.notify_waiters();
    }

    /// Waits until so much may come through.
    async fn pass(&self, bytes: u64) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // A change between the look and the wait must not be missed.
            changed.as_mut().enable();
            if self.state().take(bytes) {
                return;
            }
            changed.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, bytes: u64) -> bool {
        match &mut self.left_bytes {
            None => true,
            Some(left) if *left >= bytes => {
                *left -= bytes;
                true
            }
            Some(_) => {
                self.is_dry = true;
                false
            }
        }
    }
}

async fn keep(listener: TcpListener, server: SocketAddr, flow: Arc<Flow>) {
    let mut calls = JoinSet::new();
    while let Ok((mut guest, _)) = listener.accept().await {
        let flow = flow.clone();
        calls.spawn(async move {
            let Ok(mut there) = TcpStream::connect(server).await else {
                return;
            };
            let (from_guest, to_guest) = guest.split();
            let (from_there, to_there) = there.split();
            tokio::join!(
                pass_on(from_guest, to_there, &flow),
                pass_on(from_there, to_guest, &flow)
            );
        });
        while calls.try_join_next().is_some() {}
    }
}

/// Passes one direction on to its end; a side that breaks off is told to the other.
async fn pass_on(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, flow: &Flow) {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        flow.pass(length as u64).await;
        if to.write_all(&piece[..length]).await.is_err() {
            break;
        }
    }
    // Whoever has left already hears nothing.
    let _ = to.shutdown().await;
}
