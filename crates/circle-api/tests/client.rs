//! The client against small servers that say exactly what a story needs.

use std::time::Duration;

use bytes::BytesMut;
use circle_api::client::{ApiError, Client, Endpoint, FollowWish, LiveEvent};
use circle_api::live::{ClientMessage, Place, ServerMessage};
use circle_api::resources::PageQuery;
use circle_api::worker::SecretValue;
use circle_api::worker::frames::{self, FrameHeader};
use circle_core::ids::RunId;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

const RUN: &str = "run_00000000000000000000000000000007";
const PATIENCE: Duration = Duration::from_secs(20);

fn run_id() -> RunId {
    RUN.parse().expect("an id")
}

/// Reads one request's head and answers with these bytes; gives the head.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, response: &str) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a request's head"));
    }
    stream.write_all(response.as_bytes()).await.expect("the client reads");
    stream.shutdown().await.expect("the client is there");
    String::from_utf8(head).expect("heads are text")
}

fn response(status: &str, content_type: &str, body: &str) -> String {
    let len = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n{body}"
    )
}

async fn listen() -> (TcpListener, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let client =
        Client::new(address.parse().expect("an endpoint"), Some(&SecretValue::new("t0ken"))).expect("a client");
    (listener, client)
}

async fn accept(listener: &TcpListener) -> TcpStream {
    listener.accept().await.expect("the client connects").0
}

#[tokio::test]
async fn a_call_over_a_unix_socket_carries_the_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("circle.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    let client = Client::new(Endpoint::Unix(path), Some(&SecretValue::new("t0ken\n"))).expect("a client");
    let serve = async {
        let (stream, _) = listener.accept().await.expect("the client connects");
        answer(
            stream,
            &response("200 OK", "application/json", r#"{"items":[],"next":"more"}"#),
        )
        .await
    };
    let query = PageQuery {
        cursor: Some("a b".into()),
        limit: Some(5),
    };
    let (head, page) = tokio::join!(serve, client.services("default", &query));
    assert!(
        head.starts_with("GET /api/v1/workspaces/default/services?cursor=a+b&limit=5 HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(head.contains("authorization: Bearer t0ken\r\n"), "{head}");
    assert_eq!(page.expect("a page").next.as_deref(), Some("more"));
}

#[tokio::test]
async fn a_problem_is_one_sentence_with_its_status() {
    let (listener, client) = listen().await;
    let body = r#"{"type":"circle:invalid","title":"Invalid","status":422,"detail":"The service is refused.",
        "errors":[{"field":"name","message":"it is taken"},{"message":"and more"}]}"#;
    let serve = async {
        answer(
            accept(&listener).await,
            &response("422 Unprocessable", "application/problem+json", body),
        )
        .await
    };
    let (_, result) = tokio::join!(serve, client.service("default", "web"));
    let error = result.expect_err("a problem");
    assert_eq!(error.status(), Some(422));
    assert_eq!(error.to_string(), "The service is refused: name: it is taken; and more");
}

#[tokio::test]
async fn nobody_there_is_said_with_the_address_and_the_cause() {
    let (listener, client) = listen().await;
    drop(listener);
    let error = client.run(run_id()).await.expect_err("nobody listens");
    assert!(matches!(error, ApiError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
    assert!(error.to_string().contains(&client.endpoint().to_string()), "{error}");
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let (listener, client) = listen().await;
    let moved = "HTTP/1.1 302 Found\r\nlocation: http://elsewhere.example/\r\ncontent-length: 0\r\n\r\n";
    let serve = async { answer(accept(&listener).await, moved).await };
    let (_, result) = tokio::join!(serve, client.server());
    let error = result.expect_err("no answer of ours");
    assert!(error.to_string().contains("http://elsewhere.example/"), "{error}");
}

#[tokio::test]
async fn an_answer_beyond_its_bound_is_refused() {
    let (listener, client) = listen().await;
    let serve = async {
        answer(
            accept(&listener).await,
            &response("206 Partial", "text/plain", &"x".repeat(11)),
        )
        .await
    };
    let (head, result) = tokio::join!(serve, client.log_bytes(run_id(), "build", 100, 10));
    assert!(head.contains("range: bytes=100-109\r\n"), "{head}");
    assert!(
        matches!(result, Err(ApiError::TooLong { limit_bytes: 10, .. })),
        "{result:?}"
    );
}

async fn subscription(socket: &mut WebSocketStream<TcpStream>) -> Vec<Place> {
    let message = socket.next().await.expect("a message").expect("a text");
    match serde_json::from_str(message.to_text().expect("a text")).expect("a client's message") {
        ClientMessage::Subscribe { logs: true, from, .. } => from,
        other => panic!("a subscription was expected: {other:?}"),
    }
}

async fn send_chunk(socket: &mut WebSocketStream<TcpStream>, offset: u64, text: &str) {
    let len = u32::try_from(text.len()).expect("short");
    let header = FrameHeader::Chunk {
        stage: "build".into(),
        attempt: 1,
        sequence: 0,
        offset,
        len,
    };
    let mut body = BytesMut::new();
    frames::encode(&header, text.as_bytes(), &mut body);
    socket
        .send(Message::binary(body.freeze()))
        .await
        .expect("the client reads");
}

async fn collect(client: &Client) -> (String, u32) {
    let mut follow = client.follow(
        run_id(),
        FollowWish {
            logs: true,
            ..FollowWish::default()
        },
    );
    let (mut text, mut losses) = (String::new(), 0);
    loop {
        match tokio::time::timeout(PATIENCE, follow.next())
            .await
            .expect("in time")
            .expect("no error")
        {
            Some(LiveEvent::Log { bytes, .. }) => text.push_str(&String::from_utf8_lossy(&bytes)),
            Some(LiveEvent::Reconnecting { .. }) => losses += 1,
            Some(other) => panic!("not expected: {other:?}"),
            None => return (text, losses),
        }
    }
}

#[tokio::test]
async fn a_lost_connection_goes_on_where_it_was() {
    let (listener, client) = listen().await;
    let serve = async {
        let mut first = tokio_tungstenite::accept_async(accept(&listener).await)
            .await
            .expect("a handshake");
        assert_eq!(subscription(&mut first).await, vec![]);
        send_chunk(&mut first, 0, "hello ").await;
        drop(first);
        let mut second = tokio_tungstenite::accept_async(accept(&listener).await)
            .await
            .expect("a handshake");
        let from = subscription(&mut second).await;
        assert_eq!(
            from,
            vec![Place {
                stage: "build".into(),
                attempt: 1,
                offset: 6
            }]
        );
        send_chunk(&mut second, 4, "o world").await;
        let end = serde_json::to_string(&ServerMessage::End { run: run_id() }).expect("json");
        second.send(Message::text(end)).await.expect("the client reads");
    };
    let ((), (text, losses)) = tokio::join!(serve, collect(&client));
    assert_eq!(text, "hello world");
    assert_eq!(losses, 1);
}

#[tokio::test]
async fn what_is_read_is_acknowledged() {
    let (listener, client) = listen().await;
    let big = "x".repeat(300 * 1024);
    let serve = async {
        let mut socket = tokio_tungstenite::accept_async(accept(&listener).await)
            .await
            .expect("a handshake");
        subscription(&mut socket).await;
        send_chunk(&mut socket, 0, &big).await;
        let message = socket.next().await.expect("a message").expect("a text");
        let ack: ClientMessage = serde_json::from_str(message.to_text().expect("a text")).expect("a client's message");
        assert_eq!(
            ack,
            ClientMessage::Ack {
                bytes: big.len() as u64
            }
        );
        let end = serde_json::to_string(&ServerMessage::End { run: run_id() }).expect("json");
        socket.send(Message::text(end)).await.expect("the client reads");
    };
    let ((), (text, _)) = tokio::join!(serve, collect(&client));
    assert_eq!(text.len(), big.len());
}

#[tokio::test]
async fn a_refused_follow_is_told_at_once() {
    let (listener, client) = listen().await;
    let body = r#"{"type":"circle:not-found","title":"Not found","status":404,"detail":"There is no such run."}"#;
    let serve = async {
        answer(
            accept(&listener).await,
            &response("404 Not Found", "application/problem+json", body),
        )
        .await
    };
    let mut follow = client.follow(run_id(), FollowWish::default());
    let (_, result) = tokio::join!(serve, follow.next());
    assert!(result.expect_err("no such run").is_not_found());
}
