//! Name resolution for a cell: questions come in on the cell's own address, and this process asks the host's resolvers.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::host_names::Resolvers;
use super::relay::Doors;

/// A question without an answer is given up after this; resolvers in containers ask again after five seconds.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);
/// Questions of one cell that may be open at once, each with a descriptor of this process; further ones wait in the socket's
/// buffer.
const MOST_QUESTIONS: usize = 64;
/// Questions over TCP, which are asked when an answer is too long; each has two descriptors.
const MOST_STREAMS: usize = 16;
/// The longest datagram: EDNS allows up to 64 KiB.
const LONGEST_DATAGRAM: usize = 65_535;
/// A stream without a question or an answer for so long is ended.
const STREAM_SILENCE: Duration = Duration::from_secs(30);

/// Takes over a socket that a cell's init has opened.
pub(crate) fn datagram_socket(socket: OwnedFd) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::from(socket);
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// Serves until it is aborted.
pub(crate) async fn serve_names(datagrams: UdpSocket, streams: TcpListener, resolvers: Resolvers) {
    tokio::join!(
        serve_datagrams(Arc::new(datagrams), resolvers.clone()),
        serve_streams(streams, resolvers)
    );
}

async fn serve_datagrams(socket: Arc<UdpSocket>, resolvers: Resolvers) {
    let open = Arc::new(Semaphore::new(MOST_QUESTIONS));
    let mut questions = JoinSet::new();
    let mut buffer = vec![0; LONGEST_DATAGRAM];
    loop {
        let Ok(permit) = open.clone().acquire_owned().await else {
            return;
        };
        // An error here is an earlier answer's "port unreachable"; the socket itself is whole.
        let Ok((length, asker)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let (socket, resolvers, question) = (socket.clone(), resolvers.now(), buffer[..length].to_vec());
        questions.spawn(async move {
            let _permit = permit;
            if let Some(answer) = first_answer(&question, &resolvers).await {
                let _ = socket.send_to(&answer, asker).await;
            }
        });
        while questions.try_join_next().is_some() {}
    }
}

/// Asks one resolver after the other until one answers.
async fn first_answer(question: &[u8], resolvers: &[SocketAddr]) -> Option<Vec<u8>> {
    for resolver in resolvers {
        match tokio::time::timeout(ANSWER_DEADLINE, ask(question, *resolver)).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => tracing::debug!(%resolver, %error, "a name server could not be asked"),
            Err(_) => tracing::debug!(%resolver, "a name server does not answer"),
        }
    }
    None
}

async fn ask(question: &[u8], resolver: SocketAddr) -> io::Result<Vec<u8>> {
    let any: SocketAddr = if resolver.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0_u16; 8], 0).into()
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(resolver).await?;
    socket.send(question).await?;
    let mut answer = vec![0; LONGEST_DATAGRAM];
    let length = socket.recv(&mut answer).await?;
    answer.truncate(length);
    Ok(answer)
}

async fn serve_streams(listener: TcpListener, resolvers: Resolvers) {
    let doors = Doors::new(MOST_STREAMS, STREAM_SILENCE);
    super::relay::serve(&doors, listener, move || {
        let resolvers = resolvers.now();
        async move {
            let mut last = io::Error::other("no name server");
            for resolver in resolvers.iter() {
                match TcpStream::connect(resolver).await {
                    Ok(stream) => return Ok(stream),
                    Err(error) => last = error,
                }
            }
            Err(last)
        }
    })
    .await;
}
