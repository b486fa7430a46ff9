//! The sockets on which the server answers.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tokio::net::{TcpListener, UnixListener};

use crate::config::ListenConfig;

/// Owner and group may connect: the worker and the operators' group.
const SOCKET_MODE: u32 = 0o660;

/// Open sockets.
#[derive(Debug, Default)]
pub struct Listeners {
    /// A unix socket.
    pub unix: Option<UnixListener>,
    /// A TCP socket.
    pub tcp: Option<TcpListener>,
}

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}; stop what has it, or choose another with --listen")]
    Tcp {
        /// Where.
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    /// The socket cannot be made.
    #[error("cannot listen on {path}: {source}")]
    Unix {
        /// Where.
        path: String,
        #[source]
        source: std::io::Error,
    },
    /// Another server answers there.
    #[error("another server answers on {path}: stop it, or choose another socket")]
    InUse {
        /// Where.
        path: String,
    },
    /// Neither a socket nor an address.
    #[error("nothing to listen on: give a socket or an address")]
    Nothing,
}

impl Listeners {
    /// Opens what is configured. A socket file that nobody answers on any more is replaced.
    ///
    /// # Errors
    /// [`ListenError`] says which and what to do.
    pub async fn bind(config: &ListenConfig) -> Result<Self, ListenError> {
        let tcp = match config.tcp {
            Some(address) => {
                let bound = TcpListener::bind(address).await;
                Some(bound.map_err(|source| ListenError::Tcp { address, source })?)
            }
            None => None,
        };
        let unix = config.socket.as_deref().map(open).transpose()?;
        if tcp.is_none() && unix.is_none() {
            return Err(ListenError::Nothing);
        }
        Ok(Self { unix, tcp })
    }

    /// The TCP address that was bound, for port 0.
    pub fn address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref().and_then(|tcp| tcp.local_addr().ok())
    }
}

fn open(path: &Path) -> Result<UnixListener, ListenError> {
    let failed = |source| ListenError::Unix {
        path: path.display().to_string(),
        source,
    };
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(ListenError::InUse {
            path: path.display().to_string(),
        });
    }
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(SOCKET_MODE)).map_err(failed)?;
    Ok(listener)
}
