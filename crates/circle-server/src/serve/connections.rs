//! Accepting: a bounded number of connections, each with its head in time, all ended with a grace.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::http::Peer;
use crate::limits::{CONNECTIONS, HEADER_TIME};

/// After a failed accept (too many open files, say): others get the chance to close some.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a connection needs.
#[derive(Clone)]
pub(super) struct Door {
    router: Router,
    places: Arc<Semaphore>,
    shutdown: CancellationToken,
}

impl Door {
    pub(super) fn new(router: Router, shutdown: CancellationToken) -> Self {
        Self {
            router,
            places: Arc::new(Semaphore::new(CONNECTIONS)),
            shutdown,
        }
    }

    /// Serves a TCP socket until shutdown, then waits for its connections.
    pub(super) async fn tcp(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        while let Some(place) = self.place(&mut connections).await {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, from)) => {
                        // Small messages of a live log are not to wait for more.
                        let _ = stream.set_nodelay(true);
                        connections.spawn(self.clone().serve(stream, Some(Peer(from.ip())), place));
                    }
                    Err(error) => pause(&error).await,
                },
                () = self.shutdown.cancelled() => break,
            }
        }
        while connections.join_next().await.is_some() {}
    }

    /// Serves a unix socket until shutdown, then waits for its connections.
    pub(super) async fn unix(self, listener: UnixListener) {
        let mut connections = JoinSet::new();
        while let Some(place) = self.place(&mut connections).await {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => drop(connections.spawn(self.clone().serve(stream, None, place))),
                    Err(error) => pause(&error).await,
                },
                () = self.shutdown.cancelled() => break,
            }
        }
        while connections.join_next().await.is_some() {}
    }

    /// Room for one more connection; `None` at shutdown. Connections that ended are taken away meanwhile.
    async fn place(&self, connections: &mut JoinSet<()>) -> Option<tokio::sync::OwnedSemaphorePermit> {
        while connections.try_join_next().is_some() {}
        tokio::select! {
            place = Arc::clone(&self.places).acquire_owned() => place.ok(),
            () = self.shutdown.cancelled() => None,
        }
    }

    async fn serve<S>(self, stream: S, from: Option<Peer>, place: tokio::sync::OwnedSemaphorePermit)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = TowerToHyperService::new(self.router.map_request(move |request: Request<Incoming>| {
            let mut request = request.map(axum::body::Body::new);
            if let Some(from) = from {
                request.extensions_mut().insert(from);
            }
            request
        }));
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Some(HEADER_TIME))
            .keep_alive_timeout(HEADER_TIME);
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        tokio::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => told(ended),
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                told(connection.await);
            }
        }
        drop(place);
    }
}

fn told(ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        // A peer that goes away in the middle is everyday life.
        tracing::debug!(%error, "a connection ended");
    }
}

async fn pause(error: &std::io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}
