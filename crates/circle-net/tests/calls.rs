//! Calls to real listeners: what is refused, what is followed, what is bounded, what is made again.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use circle_net::{Allow, Bounds, Net, NetError, Request};
use http::header::{AUTHORIZATION, LOCATION, RETRY_AFTER};
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

type Answer = Response<Full<Bytes>>;

/// A server on loopback that remembers what it was asked.
struct Server {
    address: SocketAddr,
    /// Method, path, authorization and body of each request.
    asked: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Server {
    async fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, heard) = (Arc::new(answer), asked.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, heard) = (answer.clone(), heard.clone());
                let serve = service_fn(move |request: http::Request<Incoming>| {
                    let (answer, heard) = (answer.clone(), heard.clone());
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body
                            .collect()
                            .await
                            .map(http_body_util::Collected::to_bytes)
                            .unwrap_or_default();
                        let credential = head
                            .headers
                            .get(AUTHORIZATION)
                            .map_or("-", |value| value.to_str().unwrap_or("?"));
                        let path = head.uri.path().to_owned();
                        let line = format!("{} {path} {credential} {}", head.method, String::from_utf8_lossy(&body));
                        heard.lock().expect("no panic").push(line);
                        Ok::<_, Infallible>(answer(&path))
                    }
                });
                connections
                    .spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), serve));
            }
        });
        Self {
            address,
            asked,
            _serving: serving,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

fn said(status: u16, body: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
    answer
}

fn redirect(status: u16, to: &str) -> Answer {
    let mut answer = said(status, "");
    answer.headers_mut().insert(LOCATION, to.parse().expect("a value"));
    answer
}

fn get(url: &str) -> Request {
    Request::new(Method::GET, url).expect(url)
}

/// May call loopback, as an operator lets it.
fn open() -> Net {
    Net::new(vec!["127.0.0.1".parse().expect("an entry")])
}

#[tokio::test]
async fn sec_42_no_spelling_of_an_address_leads_to_this_machine_or_its_networks() {
    let server = Server::start(|_| said(200, "the host's own service")).await;
    let port = server.address.port();
    let net = Net::new(Vec::new());
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "①②⑦.0.0.1",
        "127。0。0。1",
        "169.254.169.254",
        "2852039166",
        "10.0.0.1",
        "192.168.0.1",
        "[fd00:ec2::254]",
        "[fe80::1]",
    ] {
        let url = format!("http://{host}:{port}/");
        let outcome = net.send(get(&url).repeat(3)).await;
        assert!(matches!(outcome, Err(NetError::Denied { .. })), "{url}: {outcome:?}");
    }
    assert_eq!(server.asked(), Vec::<String>::new());
    let denied = net.counters().all().into_iter().find(|(name, _)| *name == "denied");
    assert_eq!(denied, Some(("denied", 27)), "nothing that is forbidden is tried again");
}

#[tokio::test]
async fn sec_42_a_redirect_is_judged_like_a_first_address() {
    let inner = Server::start(|_| said(200, "the host's own service")).await;
    let target = inner.url("/inner");
    let outer = Server::start(move |_| redirect(302, &target)).await;
    // Only the first server is allowed.
    let net = Net::new(vec![
        format!("127.0.0.1:{}", outer.address.port()).parse().expect("an entry"),
    ]);
    let outcome = net.send(get(&outer.url("/")).follow(5)).await;
    assert!(matches!(outcome, Err(NetError::Denied { .. })), "{outcome:?}");
    assert_eq!((outer.asked().len(), inner.asked().len()), (1, 0));
    let as_it_is = net.send(get(&outer.url("/"))).await.expect("an answer");
    assert_eq!(as_it_is.status, 302, "nobody asked for redirects to be followed");
}

#[tokio::test]
async fn sec_42_a_service_that_the_operator_names_is_open_and_its_neighbour_is_not() {
    let (named, other) = (
        Server::start(|_| said(200, "named")).await,
        Server::start(|_| said(200, "other")).await,
    );
    let port = named.address.port();
    let net = Net::new(vec![format!("localhost:{port}").parse::<Allow>().expect("an entry")]);
    // localhost may have ::1 first, where nobody listens.
    let answer = net
        .send(get(&format!("http://localhost:{port}/")))
        .await
        .expect("it is allowed");
    assert_eq!(answer.body, "named");
    for url in [
        other.url("/"),
        format!("http://localhost:{}/", other.address.port()),
        named.url("/"),
    ] {
        assert!(
            matches!(net.send(get(&url)).await, Err(NetError::Denied { .. })),
            "{url}"
        );
    }
}

#[tokio::test]
async fn a_credential_stays_with_its_origin() {
    let elsewhere = Server::start(|_| said(200, "elsewhere")).await;
    let target = elsewhere.url("/landed");
    let server = Server::start(move |path| match path {
        "/near" => redirect(307, "/end"),
        "/far" => redirect(307, &target),
        _ => said(200, "end"),
    })
    .await;
    let call = |path: &str| {
        let request = Request::new(Method::POST, &server.url(path)).expect("an address");
        request
            .body("text/plain", "words")
            .follow(3)
            .bearer(&"token".into())
            .expect("a header")
    };
    let net = open();
    assert_eq!(net.send(call("/near")).await.expect("an answer").body, "end");
    assert_eq!(net.send(call("/far")).await.expect("an answer").body, "elsewhere");
    let asked = ["POST /near", "POST /end", "POST /far"].map(|line| format!("{line} Bearer token words"));
    assert_eq!(server.asked(), asked);
    assert_eq!(elsewhere.asked(), ["POST /landed - words"]);
    assert!(
        !format!("{:?}", call("/near")).contains("token"),
        "a credential is not shown"
    );
}

#[tokio::test]
async fn a_redirected_post_becomes_a_get_as_in_browsers() {
    for (status, line) in [(303, "GET /end - "), (302, "GET /end - "), (308, "POST /end - words")] {
        let server = Server::start(move |path| {
            if path == "/" {
                redirect(status, "/end")
            } else {
                said(200, "")
            }
        })
        .await;
        let request = Request::new(Method::POST, &server.url("/")).expect("an address");
        open()
            .send(request.body("text/plain", "words").follow(1))
            .await
            .expect("an answer");
        assert_eq!(server.asked().last().map(String::as_str), Some(line), "{status}");
    }
}

#[tokio::test]
async fn answers_are_bounded_in_size_time_and_redirects() {
    let server = Server::start(|path| match path {
        "/loop" => redirect(302, "/loop"),
        "/file" => redirect(302, "file:///etc/passwd"),
        _ => said(200, "0123456789"),
    })
    .await;
    let net = open();
    let small = Bounds {
        answer_bytes: 9,
        ..Bounds::default()
    };
    assert_eq!(
        net.send(get(&server.url("/")).bounds(small)).await.err(),
        Some(NetError::TooLarge(9))
    );
    assert_eq!(
        net.send(get(&server.url("/loop")).follow(4)).await.err(),
        Some(NetError::Redirects(4))
    );
    assert_eq!(server.asked().len(), 6);
    let file = net.send(get(&server.url("/file")).follow(4)).await;
    assert!(matches!(file, Err(NetError::Address(_))), "{file:?}");

    // Says nothing of its length and never ends; and one that never says anything.
    let (flood, _serving) = raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"4000\r\n").await;
    let outcome = net.send(get(&format!("http://{flood}/")).bounds(small)).await;
    assert_eq!(outcome.err(), Some(NetError::TooLarge(9)));
    let (silent, _serving) = raw(b"", b"").await;
    let time = Duration::from_millis(200);
    let outcome = net
        .send(get(&format!("http://{silent}/")).bounds(Bounds {
            time,
            ..Bounds::default()
        }))
        .await;
    assert_eq!(outcome.err(), Some(NetError::TimedOut(time)));
    let (head, _serving) = raw(b"HTTP/1.1 200 OK\r\nx: ", &[b'x'; 200_000]).await;
    let outcome = net.send(get(&format!("http://{head}/"))).await;
    assert!(matches!(outcome, Err(NetError::Unreachable(_))), "{outcome:?}");
}

/// Writes the same to whoever connects, then more x for as long as anybody reads.
async fn raw(head: &'static [u8], then: &[u8]) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let then = then.to_vec();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            if head.is_empty() {
                // Kept open without a word.
                silent.push(stream);
                continue;
            }
            let _ = stream.write_all(head).await;
            let _ = stream.write_all(&then).await;
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        }
    });
    (address, serving)
}

#[tokio::test]
async fn only_what_may_be_repeated_is_repeated_until_it_succeeds() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let server = Server::start(move |_| match counted.fetch_add(1, Ordering::Relaxed) {
        0 => said(503, "later"),
        1 => {
            let mut answer = said(429, "slower");
            answer.headers_mut().insert(RETRY_AFTER, "0".parse().expect("a value"));
            answer
        }
        _ => said(200, "at last"),
    })
    .await;
    let net = open();
    assert_eq!(net.send(get(&server.url("/"))).await.expect("an answer").status, 503);
    calls.store(0, Ordering::Relaxed);
    assert_eq!(
        net.send(get(&server.url("/")).repeat(3)).await.expect("an answer").body,
        "at last"
    );
    assert_eq!(server.asked().len(), 4);
    // A closed port: each attempt fails, and the last one is told.
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port")
        .local_addr()
        .expect("an address");
    let outcome = net.send(get(&format!("http://{closed}/")).repeat(1)).await;
    assert!(
        matches!(&outcome, Err(NetError::Unreachable(why)) if why.contains("refused")),
        "{outcome:?}"
    );
    let all = net.counters().all();
    assert_eq!(all, [("answered", 4), ("failed", 2), ("denied", 0), ("retried", 3)]);
}

#[tokio::test]
async fn what_is_no_address_is_said_before_anything_is_sent() {
    for (url, word) in [
        ("git.example/x", "no address"),
        ("ftp://git.example/", "not with ftp:"),
        ("http://user:secret@git.example/", "holds a user or a password"),
        ("http://", "no address"),
    ] {
        let error = Request::new(Method::GET, url).expect_err(url).to_string();
        assert!(error.contains(word) && !error.contains("secret"), "{url}: {error}");
    }
}
