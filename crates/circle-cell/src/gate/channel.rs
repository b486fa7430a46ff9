//! The host's side of a gate.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bytes::BytesMut;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;

use super::parse::take_event;
use super::write::write_orders;
use super::{GateError, GateEvent, Orders};

const ORDERS: &str = "orders";
const EVENTS: &str = "events";
/// What a pipe holds before its writer waits: output of a chatty command, or long orders before the container runs. The
/// kernel's bound for users is 1 MiB as well.
const PIPE_BYTES: i32 = 1024 * 1024;
/// Read at once.
const READ_BYTES: usize = 128 * 1024;

/// The two pipes to one gate. Dropping it ends the gate, and with it its container, at the gate's next word.
#[derive(Debug)]
pub struct GateChannel {
    folder: PathBuf,
    /// Held to the end: a pipe that nobody holds forgets what is in it.
    orders: pipe::Sender,
    opened: bool,
    events: pipe::Receiver,
    /// Our own end for writing: as long as no gate has the pipe open, its end would be read otherwise.
    keeper: Option<OwnedFd>,
    buffer: BytesMut,
    ended: bool,
}

impl GateChannel {
    /// Makes the pipes in an existing empty folder of the host, which is then bound at [`super::CHANNEL_FOLDER`].
    /// They can be opened by any user of the container; never waits. Must be called inside a tokio runtime.
    pub fn create(folder: &Path) -> Result<Self, GateError> {
        let (orders_path, events_path) = (folder.join(ORDERS), folder.join(EVENTS));
        for path in [&orders_path, &events_path] {
            mkfifo(path, Mode::from_bits_truncate(0o600))
                .map_err(Into::into)
                .map_err(GateError::io("make", path))?;
            fs::set_permissions(path, PermissionsExt::from_mode(0o666)).map_err(GateError::io("open up", path))?;
        }
        // The gate removes the pipes' names, whoever it runs as.
        fs::set_permissions(folder, PermissionsExt::from_mode(0o777)).map_err(GateError::io("open up", folder))?;
        let mut both = pipe::OpenOptions::new();
        let orders = both
            .read_write(true)
            .open_sender(&orders_path)
            .map_err(GateError::io("open", &orders_path))?;
        let events = pipe::OpenOptions::new()
            .open_receiver(&events_path)
            .map_err(GateError::io("open", &events_path))?;
        let keeper = fs::OpenOptions::new()
            .write(true)
            .open(&events_path)
            .map_err(GateError::io("open", &events_path))?;
        for end in [orders.as_fd(), keeper.as_fd()] {
            // Where the kernel refuses a larger pipe, the writer waits earlier.
            let _ = fcntl(end, FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            orders,
            opened: false,
            events,
            keeper: Some(keeper.into()),
            buffer: BytesMut::new(),
            ended: false,
        })
    }

    /// Opens the gate: sends the orders, once. May be called before the container runs; orders of more than the pipe
    /// holds (1 MiB) then wait for it.
    pub async fn open(&mut self, orders: &Orders) -> Result<(), GateError> {
        let frame = write_orders(orders)?;
        if std::mem::replace(&mut self.opened, true) {
            return Err(GateError::Opened);
        }
        self.orders
            .write_all(&frame)
            .await
            .map_err(GateError::io("write", self.folder.join(ORDERS)))
    }

    /// The next event; `None` after [`GateEvent::Closed`] or an error. Waits as long as the container has not started:
    /// race it with the container's end, and call [`GateChannel::container_ended`] when that wins. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<GateEvent, GateError>> {
        if self.ended {
            return None;
        }
        let event = self.read_event().await;
        match &event {
            Ok(GateEvent::Waiting) => self.gate_stands(),
            Ok(GateEvent::Closed) | Err(_) => self.ended = true,
            Ok(_) => {}
        }
        Some(event)
    }

    /// Tells the channel that nobody will open the pipes any more: what is still in them is read, then `next` ends with
    /// [`GateError::Cut`] unless the gate had said its last word.
    pub fn container_ended(&mut self) {
        self.gate_stands();
    }

    async fn read_event(&mut self) -> Result<GateEvent, GateError> {
        loop {
            if let Some(event) = take_event(&mut self.buffer)? {
                return Ok(event);
            }
            self.buffer.reserve(READ_BYTES);
            let read = self.events.read_buf(&mut self.buffer).await;
            if read.map_err(GateError::io("read", self.folder.join(EVENTS)))? == 0 {
                return Err(GateError::Cut);
            }
        }
    }

    /// From now on the pipe of events ends with the gate, and no name leads to either pipe.
    fn gate_stands(&mut self) {
        self.keeper = None;
        for name in [ORDERS, EVENTS] {
            // The gate removes them too; whoever is first.
            let _ = fs::remove_file(self.folder.join(name));
        }
    }
}
