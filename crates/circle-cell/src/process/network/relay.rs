//! A door from the cell to one service: the listening socket stands in the cell's network, this process dials.
//!
//! Every connection has two descriptors of this process, which all cells share; so a cell has a bound for all its doors, and
//! a connection over which nobody says anything ends.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::io::InspectReader;

/// Connections through all doors of a cell at once; a pull of an image uses a handful. Further ones wait.
const MOST_CONNECTIONS: usize = 128;
/// A git server that packs a large repository says something every few seconds, an engine that unpacks a layer is silent for a
/// minute or two, and a job's connection to a database sleeps while the tests of another part run.
const LONGEST_SILENCE: Duration = Duration::from_secs(15 * 60);
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

/// The bounds of what goes through the doors of one cell, whichever it is; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Doors {
    open: Arc<Semaphore>,
    silence: Duration,
}

impl Default for Doors {
    fn default() -> Self {
        Self::new(MOST_CONNECTIONS, LONGEST_SILENCE)
    }
}

impl Doors {
    pub(super) fn new(connections: usize, silence: Duration) -> Self {
        Self {
            open: Arc::new(Semaphore::new(connections)),
            silence,
        }
    }
}

/// Serves until it is aborted.
pub(crate) async fn serve_relay(doors: &Doors, listener: TcpListener, outside: SocketAddr) {
    serve(doors, listener, move || TcpStream::connect(outside)).await;
}

pub(super) async fn serve<D, F>(doors: &Doors, listener: TcpListener, dial: D)
where
    D: Fn() -> F,
    F: Future<Output = io::Result<TcpStream>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        let Ok((inside, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // After the accept: a door that nobody uses takes nothing from the others.
        let Ok(permit) = doors.open.clone().acquire_owned().await else {
            return;
        };
        let (dialled, silence) = (dial(), doors.silence);
        connections.spawn(async move {
            let _permit = permit;
            match tokio::time::timeout(DIAL_DEADLINE, dialled).await {
                Ok(Ok(outside)) => carry(inside, outside, silence).await,
                Ok(Err(error)) => tracing::debug!(%error, "a relayed service could not be reached"),
                Err(_) => tracing::debug!("a relayed service does not answer"),
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Carries bytes both ways until both sides are done, one breaks off, or both are silent for too long.
async fn carry(inside: TcpStream, outside: TcpStream, silence: Duration) {
    let _ = inside.set_nodelay(true);
    let _ = outside.set_nodelay(true);
    let said = AtomicU64::new(0);
    let count = |bytes: &[u8]| {
        said.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    };
    let (mut inside, mut outside) = (InspectReader::new(inside, count), InspectReader::new(outside, count));
    tokio::select! {
        // Either side may break off; the other sees its connection end.
        _ = tokio::io::copy_bidirectional(&mut inside, &mut outside) => {}
        () = silent(&said, silence) => tracing::debug!(?silence, "a relayed connection was silent for too long"),
    }
}

/// Ends when nothing was said for at least this long, and at most twice as long.
async fn silent(said: &AtomicU64, silence: Duration) {
    loop {
        let before = said.load(Ordering::Relaxed);
        tokio::time::sleep(silence).await;
        if said.load(Ordering::Relaxed) == before {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::JoinSet;

    use super::{Doors, serve_relay};

    /// No condition here takes this long.
    const LIMIT: Duration = Duration::from_secs(20);
    const NEVER: Duration = Duration::from_secs(3_600);

    /// A service that says everything back, and doors to it.
    async fn doors_to_echo(doors: &Doors, number: usize) -> (Vec<SocketAddr>, JoinSet<()>) {
        let mut tasks = JoinSet::new();
        let service = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let outside = service.local_addr().expect("an address");
        tasks.spawn(async move {
            let mut talks = JoinSet::new();
            while let Ok((mut stream, _)) = service.accept().await {
                talks.spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        let mut places = Vec::new();
        for _ in 0..number {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            places.push(listener.local_addr().expect("an address"));
            let doors = doors.clone();
            tasks.spawn(async move { serve_relay(&doors, listener, outside).await });
        }
        (places, tasks)
    }

    async fn says(stream: &mut TcpStream, word: &[u8]) -> bool {
        let mut heard = vec![0; word.len()];
        let talk = async {
            stream.write_all(word).await?;
            stream.read_exact(&mut heard).await
        };
        let talked = tokio::time::timeout(LIMIT, talk).await.expect("an answer or an end");
        talked.is_ok() && heard == word
    }

    #[tokio::test]
    async fn all_doors_of_a_cell_share_one_bound_and_further_connections_wait() {
        let doors = Doors::new(3, NEVER);
        let (places, _tasks) = doors_to_echo(&doors, 2).await;
        let mut open = Vec::new();
        for at in [0, 1, 0] {
            let mut stream = TcpStream::connect(places[at]).await.expect("a door");
            assert!(says(&mut stream, b"first").await);
            open.push(stream);
        }
        assert_eq!(doors.open.available_permits(), 0, "three are open");
        let mut further = TcpStream::connect(places[1]).await.expect("the queue of the door");
        further.write_all(b"later").await.expect("room");
        let mut heard = [0; 5];
        let early = tokio::time::timeout(Duration::from_millis(200), further.read_exact(&mut heard)).await;
        assert!(early.is_err(), "a fourth is carried: {early:?}");
        open.pop();
        let read = tokio::time::timeout(LIMIT, further.read_exact(&mut heard)).await;
        read.expect("its turn comes").expect("an answer");
        assert_eq!(&heard, b"later");
    }

    #[tokio::test]
    async fn a_silent_connection_ends_and_frees_its_place_while_one_that_speaks_goes_on() {
        let silence = Duration::from_secs(2);
        let doors = Doors::new(2, silence);
        let (places, _tasks) = doors_to_echo(&doors, 1).await;
        let mut silent = TcpStream::connect(places[0]).await.expect("a door");
        assert!(says(&mut silent, b"once").await);
        let mut speaks = TcpStream::connect(places[0]).await.expect("a door");
        let mut end = [0; 1];
        let ended = tokio::time::timeout(LIMIT, silent.read(&mut end));
        tokio::pin!(ended);
        let ended = loop {
            tokio::select! {
                ended = &mut ended => break ended,
                () = tokio::time::sleep(silence / 20) => assert!(says(&mut speaks, b"again").await, "it was ended"),
            }
        };
        assert_eq!(ended.expect("an end in time").unwrap_or(0), 0);
        assert!(says(&mut speaks, b"and again").await);
        assert_eq!(doors.open.available_permits(), 1, "the place of the silent one is free");
    }
}
