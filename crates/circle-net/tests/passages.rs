//! Programs that connect by themselves, played by sockets: what a passage lets through, and when it ends.

use std::net::SocketAddr;

use circle_net::{Manner, Net, NetError, Passage};
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Says back what it hears.
struct Echo {
    address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut guests = JoinSet::new();
            while let Ok((mut guest, _)) = listener.accept().await {
                guests.spawn(async move {
                    let (mut from, mut to) = guest.split();
                    drop(tokio::io::copy(&mut from, &mut to).await);
                });
            }
        });
        Self {
            address,
            _serving: serving,
        }
    }

    async fn passage(&self, net: &Net, manner: Manner) -> Passage {
        let passage = net.passage(("127.0.0.1", self.address.port()), manner).await;
        passage.expect("a port on loopback")
    }
}

/// Only this place is open.
fn opening(place: SocketAddr) -> Net {
    Net::new(vec![place.to_string().parse().expect("an entry")])
}

/// What comes back, until the other side ends it.
async fn say(passage: &Passage, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(passage.address()).await.expect("the door");
    stream.write_all(bytes).await.expect("it is heard");
    // Half a connection that is closed is told to the other side.
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    // A door that closes at once may do so with a reset.
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

/// The whole exchange of a guest who asks for this address.
fn asking(passage: &Passage, place: SocketAddr) -> Vec<u8> {
    let proxy = passage.proxy().expect("a proxy");
    let login = proxy.expose_secret().strip_prefix("socks5h://").expect("its scheme");
    let (user, rest) = login.split_once(':').expect("a user");
    let (password, at) = rest.split_once('@').expect("a password");
    assert_eq!(at, passage.address().to_string());
    let SocketAddr::V4(place) = place else {
        panic!("these tests speak IPv4")
    };
    let mut bytes = vec![5, 1, 2, 1];
    for word in [user, password] {
        bytes.push(u8::try_from(word.len()).expect("short"));
        bytes.extend(word.as_bytes());
    }
    bytes.extend([5, 1, 0, 1]);
    bytes.extend(place.ip().octets());
    bytes.extend(place.port().to_be_bytes());
    bytes
}

#[tokio::test]
async fn sec_42_a_passage_leads_to_its_one_place_and_to_nobody_without_its_password() {
    let (echo, other) = (Echo::start().await, Echo::start().await);
    // Both are open to the server, and still the passage leads to one.
    let net = Net::new(vec!["127.0.0.1".parse().expect("an entry")]);
    let passage = echo.passage(&net, Manner::Socks).await;
    let mut asks = asking(&passage, echo.address);
    asks.extend(b"hello");
    let answer = say(&passage, &asks).await;
    assert_eq!(answer[..6], [5, 2, 1, 0, 5, 0], "connected");
    assert!(answer.ends_with(b"hello"), "{answer:?}");
    assert_eq!(passage.trouble(), None);

    let elsewhere = say(&passage, &asking(&passage, other.address)).await;
    assert_eq!(elsewhere[..6], [5, 2, 1, 0, 5, 2], "not allowed");
    assert!(matches!(passage.trouble(), Some(NetError::Address(_))));
    let second = echo.passage(&net, Manner::Socks).await;
    let stolen = say(&second, &asks).await;
    assert_eq!(stolen, [5, 2, 1, 1], "the password of another passage opens nothing");
}

#[tokio::test]
async fn sec_42_a_passage_is_judged_at_each_connection_and_tells_of_a_refusal() {
    let (echo, other) = (Echo::start().await, Echo::start().await);
    let open = echo.passage(&opening(echo.address), Manner::Straight).await;
    assert_eq!(say(&open, b"hello").await, b"hello");
    assert!(open.proxy().is_none() && open.trouble().is_none());
    let net = opening(other.address);
    for manner in [Manner::Straight, Manner::Socks] {
        let closed = echo.passage(&net, manner).await;
        assert_eq!(closed.trouble(), None, "nobody came yet");
        let asks = match manner {
            Manner::Straight => b"hello".to_vec(),
            Manner::Socks => asking(&closed, echo.address),
        };
        let answer = say(&closed, &asks).await;
        assert!(!answer.ends_with(b"hello"), "{answer:?}");
        let Some(denied @ NetError::Denied { .. }) = closed.trouble() else {
            panic!("{:?}", closed.trouble())
        };
        let open_it = format!("--allow-outgoing {}", echo.address);
        assert!(denied.to_string().ends_with(&open_it), "{denied}");
    }
    let denied = net.counters().all().into_iter().find(|(name, _)| *name == "denied");
    assert_eq!(denied, Some(("denied", 2)));
}

#[tokio::test]
async fn a_passage_ends_with_its_handle_and_cuts_what_went_through() {
    let echo = Echo::start().await;
    let passage = echo.passage(&opening(echo.address), Manner::Straight).await;
    let address = passage.address();
    let mut stream = TcpStream::connect(address).await.expect("the door");
    stream.write_all(b"a").await.expect("it is heard");
    assert_eq!(stream.read_u8().await.expect("said back"), b'a');
    drop(passage);
    assert!(stream.read_u8().await.is_err(), "it is cut");
    let again = TcpStream::connect(address).await;
    assert!(again.is_err(), "the door is closed");
}

#[tokio::test]
async fn nothing_is_closed_to_a_client_for_the_administrators_own() {
    let echo = Echo::start().await;
    let passage = echo.passage(&Net::everywhere(), Manner::Straight).await;
    assert_eq!(say(&passage, b"hello").await, b"hello");
    let six = Net::everywhere().addresses("::1", 1).await;
    assert!(six.is_ok(), "{six:?}");
}
