//! Packets with descriptors between a worker and the init of a cell.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use nix::cmsg_space;
use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, accept4, bind,
    connect, listen, recvmsg, sendmsg, socket, socketpair,
};

/// The longest packet in bytes: below the kernel's default bound on a socket's buffer (208 KiB).
pub(crate) const LONGEST_PACKET: usize = 128 * 1024;
/// Most descriptors in one packet: input, output, errors.
const MOST_DESCRIPTORS: usize = 3;

/// Makes the two ends of a packet socket.
pub(crate) fn packet_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )?)
}

/// Listens for one packet connection at a path.
pub(crate) fn listen_packets(path: &Path) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let listener = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
    bind(listener.as_raw_fd(), &UnixAddr::new(path)?)?;
    listen(&listener, Backlog::new(1)?)?;
    Ok(listener)
}

/// Takes the connection that has come; its calls do not block.
pub(crate) fn accept_packets(listener: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let raw = accept4(listener.as_raw_fd(), flags)?;
    // SAFETY: the kernel made this descriptor for this call; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Connects to whoever listens for packets at a path.
pub(crate) fn connect_packets(path: &Path) -> io::Result<OwnedFd> {
    let connection = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
    connect(connection.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(connection)
}

/// Sends one packet and copies of the descriptors.
pub(crate) fn send(socket: BorrowedFd<'_>, packet: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    if packet.len() > LONGEST_PACKET || descriptors.len() > MOST_DESCRIPTORS {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "{} bytes were to be sent into the cell at once; at most {LONGEST_PACKET} fit",
                packet.len()
            ),
        ));
    }
    let raw: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let attached: &[ControlMessage<'_>] = if raw.is_empty() { &[] } else { &rights };
    sendmsg::<()>(
        socket.as_raw_fd(),
        &[IoSlice::new(packet)],
        attached,
        MsgFlags::MSG_NOSIGNAL,
        None,
    )?;
    Ok(())
}

/// Receives one packet with its descriptors; an empty packet means that the other end is closed.
pub(crate) fn receive(socket: BorrowedFd<'_>) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut packet = vec![0; LONGEST_PACKET];
    let mut space = cmsg_space!([RawFd; MOST_DESCRIPTORS]);
    let mut slices = [IoSliceMut::new(&mut packet)];
    let received = recvmsg::<()>(
        socket.as_raw_fd(),
        &mut slices,
        Some(&mut space),
        MsgFlags::MSG_CMSG_CLOEXEC,
    )?;
    let mut descriptors = Vec::new();
    for attached in received.cmsgs()? {
        if let ControlMessageOwned::ScmRights(raw) = attached {
            // SAFETY: the kernel made these descriptors for this message; nobody else owns them.
            descriptors.extend(raw.into_iter().map(|raw| unsafe { OwnedFd::from_raw_fd(raw) }));
        }
    }
    let length = received.bytes;
    packet.truncate(length);
    Ok((packet, descriptors))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;

    use super::{packet_pair, receive, send};

    #[test]
    fn a_packet_arrives_whole_with_its_descriptors() {
        let (here, there) = packet_pair().expect("a pair of sockets");
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        send(here.as_fd(), &[7; 100_000], &[writer.as_fd()]).expect("sent");
        drop(writer);
        let (packet, mut descriptors) = receive(there.as_fd()).expect("received");
        assert_eq!(packet, [7; 100_000]);
        let mut copy = File::from(descriptors.pop().expect("one descriptor"));
        copy.write_all(b"through").expect("the copy is the pipe");
        drop(copy);
        let mut text = String::new();
        reader
            .read_to_string(&mut text)
            .expect("the pipe ends when the last copy is closed");
        assert_eq!(text, "through");
    }

    #[test]
    fn a_closed_socket_reads_as_an_empty_packet() {
        let (here, there) = packet_pair().expect("a pair of sockets");
        drop(here);
        assert!(receive(there.as_fd()).expect("the end").0.is_empty());
    }
}
