//! Name resolution for a cell: questions come in on the cell's own address, and this process asks the host's resolvers.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// A question without an answer is given up after this; resolvers in containers ask again after five seconds.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);
/// Questions of one cell that may be open at once; further ones wait in the socket's buffer.
const MOST_QUESTIONS: usize = 256;
/// The longest datagram: EDNS allows up to 64 KiB.
const LONGEST_DATAGRAM: usize = 65_535;
/// Where names are looked up when the host's file names nobody.
const LAST_RESORT: [IpAddr; 1] = [IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)];

/// The name servers of the host's `/etc/resolv.conf`.
pub(crate) fn host_resolvers() -> Vec<SocketAddr> {
    let file = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    resolvers_in(&file)
}

fn resolvers_in(file: &str) -> Vec<SocketAddr> {
    let named = file.lines().filter_map(|line| {
        let address = line.trim().strip_prefix("nameserver")?.split_whitespace().next()?;
        address.parse::<IpAddr>().ok()
    });
    let found: Vec<IpAddr> = named.collect();
    let servers = if found.is_empty() { LAST_RESORT.to_vec() } else { found };
    servers
        .into_iter()
        .map(|address| SocketAddr::new(address, 53))
        .collect()
}

/// Takes over a socket that a cell's init has opened.
pub(crate) fn datagram_socket(socket: OwnedFd) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::from(socket);
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// Serves until it is aborted.
pub(crate) async fn serve_names(datagrams: UdpSocket, streams: TcpListener, resolvers: Arc<[SocketAddr]>) {
    tokio::join!(
        serve_datagrams(Arc::new(datagrams), resolvers.clone()),
        serve_streams(streams, resolvers)
    );
}

async fn serve_datagrams(socket: Arc<UdpSocket>, resolvers: Arc<[SocketAddr]>) {
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
        let (socket, resolvers, question) = (socket.clone(), resolvers.clone(), buffer[..length].to_vec());
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

async fn serve_streams(listener: TcpListener, resolvers: Arc<[SocketAddr]>) {
    super::relay::serve(listener, move || {
        let resolvers = resolvers.clone();
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

#[cfg(test)]
mod tests {
    use super::resolvers_in;

    #[test]
    fn the_hosts_file_names_the_servers() {
        let found =
            resolvers_in("# from the provider\nsearch example\nnameserver 192.0.2.53\n nameserver 2001:db8::1 \n");
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["192.0.2.53:53", "[2001:db8::1]:53"]);
    }

    #[test]
    fn a_file_without_servers_means_this_machine() {
        assert_eq!(resolvers_in("options rotate\n"), [([127, 0, 0, 1], 53).into()]);
    }
}
