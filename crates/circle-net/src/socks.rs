//! The server's side of SOCKS 5 (RFC 1928) with user name and password (RFC 1929), for `CONNECT` alone.

use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const VERSION: u8 = 5;
/// Of the exchange of user name and password.
const LOGIN_VERSION: u8 = 1;
/// The method of user name and password.
const BY_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// What became of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    Connected = 0,
    NotAllowed = 2,
    Unreachable = 4,
    NoCommand = 7,
    NoAddress = 8,
}

/// Lets in whoever knows the password, and reads where they want to go.
///
/// # Errors
/// When the guest breaks off, speaks otherwise, or has another password; it was told so.
pub(crate) async fn asked(
    guest: &mut (impl AsyncRead + AsyncWrite + Unpin),
    login: (&str, &str),
) -> Result<(String, u16)> {
    let [version, count] = read(guest).await?;
    let methods = read_many(guest, count).await?;
    if version != VERSION || !methods.contains(&BY_PASSWORD) {
        guest.write_all(&[VERSION, NO_METHOD]).await?;
        return Err(refused("no password is offered"));
    }
    guest.write_all(&[VERSION, BY_PASSWORD]).await?;
    let [_, user] = read(guest).await?;
    let user = read_many(guest, user).await?;
    let [password] = read(guest).await?;
    let password = read_many(guest, password).await?;
    if (user.as_slice(), password.as_slice()) != (login.0.as_bytes(), login.1.as_bytes()) {
        guest.write_all(&[LOGIN_VERSION, 1]).await?;
        return Err(refused("another password"));
    }
    guest.write_all(&[LOGIN_VERSION, 0]).await?;
    let [version, command, _, kind] = read(guest).await?;
    if (version, command) != (VERSION, CONNECT) {
        answer(guest, Reply::NoCommand).await?;
        return Err(refused("no CONNECT"));
    }
    let host = match kind {
        IPV4 => IpAddr::from(Ipv4Addr::from(read::<4>(guest).await?)).to_string(),
        IPV6 => IpAddr::from(Ipv6Addr::from(read::<16>(guest).await?)).to_string(),
        NAME => {
            let [count] = read(guest).await?;
            String::from_utf8_lossy(&read_many(guest, count).await?).into_owned()
        }
        _ => {
            answer(guest, Reply::NoAddress).await?;
            return Err(refused("an address of an unknown kind"));
        }
    };
    Ok((host, u16::from_be_bytes(read(guest).await?)))
}

/// Says what became of it. Which address the connection has here is nobody's business.
pub(crate) async fn answer(guest: &mut (impl AsyncWrite + Unpin), reply: Reply) -> Result<()> {
    guest
        .write_all(&[VERSION, reply as u8, 0, IPV4, 0, 0, 0, 0, 0, 0])
        .await
}

async fn read<const COUNT: usize>(guest: &mut (impl AsyncRead + Unpin)) -> Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    guest.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn read_many(guest: &mut (impl AsyncRead + Unpin), count: u8) -> Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(count)];
    guest.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn refused(why: &'static str) -> Error {
    Error::new(ErrorKind::PermissionDenied, why)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::asked;

    /// What comes of these bytes, and what was answered to them.
    async fn say(bytes: &[u8]) -> (Option<(String, u16)>, Vec<u8>) {
        let (mut guest, mut door) = tokio::io::duplex(1024);
        guest.write_all(bytes).await.expect("room");
        guest.shutdown().await.expect("the end");
        let asked = asked(&mut door, ("circle", "right")).await.ok();
        drop(door);
        let mut answer = Vec::new();
        guest.read_to_end(&mut answer).await.expect("an answer");
        (asked, answer)
    }

    fn with(password: &str, rest: &[u8]) -> Vec<u8> {
        let mut all = vec![5, 2, 0, 2, 1, 6];
        all.extend(b"circle");
        all.push(u8::try_from(password.len()).expect("short"));
        all.extend(password.as_bytes());
        all.extend(rest);
        all
    }

    #[tokio::test]
    async fn names_and_addresses_are_asked_for() {
        let name = b"\x05\x01\x00\x03\x0agit.intern\x01\xbb";
        let v4 = b"\x05\x01\x00\x01\x0a\x01\x02\x03\x00\x16";
        let mut v6 = b"\x05\x01\x00\x04".to_vec();
        v6.extend([0; 15]);
        v6.extend([1, 0x24, 0xca]);
        for (rest, place) in [
            (&name[..], ("git.intern", 443)),
            (&v4[..], ("10.1.2.3", 22)),
            (&v6, ("::1", 9418)),
        ] {
            let (asked, answer) = say(&with("right", rest)).await;
            assert_eq!(asked, Some((place.0.to_owned(), place.1)));
            assert_eq!(answer, [5, 2, 1, 0]);
        }
    }

    #[tokio::test]
    async fn sec_42_nobody_else_comes_in() {
        let there = b"\x05\x01\x00\x01\x0a\x01\x02\x03\x00\x16";
        assert_eq!(say(&with("wrong", there)).await, (None, vec![5, 2, 1, 1]));
        assert_eq!(say(&with("", there)).await, (None, vec![5, 2, 1, 1]));
        assert_eq!(say(b"\x05\x01\x00").await, (None, vec![5, 0xff]), "without a password");
        assert_eq!(say(b"\x04\x01\x02").await, (None, vec![5, 0xff]), "SOCKS 4");
        assert_eq!(say(b"GET / HTTP/1.1\r\n\r\n").await.0, None);
        assert_eq!(say(&with("right", &there[..7])).await.0, None, "it breaks off");
        let listens = say(&with("right", b"\x05\x02\x00\x01\x0a\x01\x02\x03\x00\x16")).await;
        assert_eq!((listens.0, listens.1[5]), (None, 7), "BIND is no CONNECT");
        let unknown = say(&with("right", b"\x05\x01\x00\x09")).await;
        assert_eq!((unknown.0, unknown.1[5]), (None, 8));
    }
}
