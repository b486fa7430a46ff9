//! A door from the cell to one service: the listening socket stands in the cell's network, this process dials.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connections through one door at once; a pull of an image uses a handful.
const MOST_CONNECTIONS: usize = 128;
/// A service of this machine or this house answers long before.
const DIAL_DEADLINE: Duration = Duration::from_secs(10);
/// After a failed accept (no descriptors left) the next attempt waits.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Takes over a listening socket that a cell's init has opened.
pub(crate) fn stream_listener(socket: OwnedFd) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::from(socket);
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Serves until it is aborted.
pub(crate) async fn serve_relay(listener: TcpListener, outside: SocketAddr) {
    serve(listener, move || TcpStream::connect(outside)).await;
}

pub(super) async fn serve<D, F>(listener: TcpListener, dial: D)
where
    D: Fn() -> F,
    F: Future<Output = io::Result<TcpStream>> + Send + 'static,
{
    let open = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = open.clone().acquire_owned().await else {
            return;
        };
        let Ok((mut inside, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let dialled = dial();
        connections.spawn(async move {
            let _permit = permit;
            match tokio::time::timeout(DIAL_DEADLINE, dialled).await {
                Ok(Ok(mut outside)) => {
                    let _ = inside.set_nodelay(true);
                    let _ = outside.set_nodelay(true);
                    // Either side may break off; the other sees its connection end.
                    let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
                }
                Ok(Err(error)) => tracing::debug!(%error, "a relayed service could not be reached"),
                Err(_) => tracing::debug!("a relayed service does not answer"),
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
