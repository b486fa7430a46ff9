//! Logs as they come, and as they lie there.

use circle_api::client::{FollowWish, LiveEvent};
use circle_api::live::Place;
use circle_api::worker::frames::Mark;
use circle_core::run::WorkerEvent;
use tokio::sync::Notify;

use crate::support::{Circle, PIPELINE, Played, Repo};

/// Everything that a follower is told of a run, as text: state words, marks, bytes by stage. `first` hears of its first word.
async fn followed(
    circle: &Circle,
    run: circle_core::ids::RunId,
    from: Vec<Place>,
    first: &Notify,
) -> (Vec<String>, Vec<(String, Vec<u8>)>) {
    let mut follow = circle.api.follow(
        run,
        FollowWish {
            logs: true,
            stages: Vec::new(),
            from,
        },
    );
    let (mut told, mut logs) = (Vec::new(), Vec::<(String, Vec<u8>)>::new());
    let mut first = Some(first);
    while let Some(event) = follow.next().await.expect("an event") {
        if let Some(first) = first.take() {
            first.notify_one();
        }
        match event {
            LiveEvent::Run(view) => told.push(view.run.state.word().to_owned()),
            LiveEvent::Mark {
                mark: Mark::Begin { title, .. },
                offset,
                ..
            } => told.push(format!("begin {title} at {offset}")),
            LiveEvent::Mark {
                mark: Mark::End { exit_code, .. },
                offset,
                ..
            } => told.push(format!("end {exit_code:?} at {offset}")),
            LiveEvent::Log { stage, bytes, .. } => match logs.iter_mut().find(|(name, _)| *name == stage) {
                Some((_, log)) => log.extend_from_slice(&bytes),
                None => logs.push((stage, bytes.to_vec())),
            },
            LiveEvent::Reconnecting { reason } => panic!("{reason}"),
        }
    }
    (told, logs)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_sees_state_marks_and_every_byte_until_the_verdict() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let worker = Played::enrol(&circle, "w", 1).await;
    let run = circle.trigger("shop").await;
    let large = vec![b'x'; 200_000];
    let first = Notify::new();
    let watching = followed(&circle, run, Vec::new(), &first);
    let working = async {
        first.notified().await;
        let mut job = worker.claim(run).await;
        let mut body = job.mark(
            "checkout",
            0,
            Mark::Begin {
                group: 0,
                title: "fetch".into(),
            },
        );
        body.unsplit(job.chunk("checkout", (0, 0), b"one\ntwo\n"));
        body.unsplit(job.mark(
            "checkout",
            8,
            Mark::End {
                group: 0,
                exit_code: Some(0),
                duration_ms: 1,
            },
        ));
        assert_eq!(job.log(body).await.status(), 200);
        job.stage("checkout", None).await;
        // More than one window, so that the follower must acknowledge on the way.
        for number in 0..16_u64 {
            let offset = number * large.len() as u64;
            assert_eq!(
                job.log(job.chunk("pre_build", (number, offset), &large)).await.status(),
                200
            );
        }
        for stage in ["pre_build", "build", "push"] {
            job.stage(stage, None).await;
        }
        job.tell(WorkerEvent::PartSucceeded).await;
    };
    let ((told, logs), ()) = tokio::join!(watching, working);
    assert_eq!(told.first().map(String::as_str), Some("queued"));
    assert_eq!(told.last().map(String::as_str), Some("succeeded"));
    let marks: Vec<_> = told.iter().filter(|one| one.contains(" at ")).collect();
    assert_eq!(marks, ["begin fetch at 0", "end Some(0) at 8"]);
    assert_eq!(logs[0], ("checkout".to_owned(), b"one\ntwo\n".to_vec()));
    assert_eq!((logs[1].0.as_str(), logs[1].1.len()), ("pre_build", 16 * large.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_comes_back_gets_only_what_it_lacks() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let worker = Played::enrol(&circle, "w", 1).await;
    let run = circle.trigger("shop").await;
    let mut job = worker.claim(run).await;
    assert_eq!(
        job.log(job.chunk("checkout", (0, 0), b"one\ntwo\n")).await.status(),
        200
    );
    job.fail("enough").await;
    circle.ended(run).await;
    let from = vec![Place {
        stage: "checkout".into(),
        attempt: 1,
        offset: 4,
    }];
    let (told, logs) = followed(&circle, run, from, &Notify::new()).await;
    assert_eq!(told.last().map(String::as_str), Some("failed"));
    assert_eq!(logs, [("checkout".to_owned(), b"two\n".to_vec())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_read_by_range() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let worker = Played::enrol(&circle, "w", 1).await;
    let run = circle.trigger("shop").await;
    let job = worker.claim(run).await;
    assert_eq!(
        job.log(job.chunk("checkout", (0, 0), b"0123456789")).await.status(),
        200
    );
    let path = format!("{}/api/v1/runs/{run}/log/checkout", circle.url);
    let ranged = |range: &'static str| {
        let request = circle.http.get(&path).bearer_auth(&circle.token).header("range", range);
        async move { request.send().await.expect("an answer") }
    };
    let part = ranged("bytes=2-4").await;
    assert_eq!(
        (part.status().as_u16(), part.headers()["content-range"].to_str().ok()),
        (206, Some("bytes 2-4/10"))
    );
    assert_eq!(part.text().await.expect("a part"), "234");
    assert_eq!(ranged("bytes=-3").await.text().await.expect("the end"), "789");
    assert_eq!(ranged("bytes=50-").await.status(), 416);
    let whole = circle
        .http
        .get(&path)
        .bearer_auth(&circle.token)
        .send()
        .await
        .expect("an answer");
    assert_eq!(whole.headers()["x-content-type-options"], "nosniff");
    assert_eq!(whole.text().await.expect("a log"), "0123456789");
    let missing = circle.get(&format!("/api/v1/runs/{run}/log/build")).await;
    assert_eq!(missing.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_46_a_reader_that_acknowledges_nothing_gets_one_window_and_no_more() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let worker = Played::enrol(&circle, "w", 1).await;
    let run = circle.trigger("shop").await;
    let job = worker.claim(run).await;
    let text = vec![b'x'; 200_000];
    for number in 0..5_u64 {
        assert_eq!(
            job.log(job.chunk("checkout", (number, number * 200_000), &text))
                .await
                .status(),
            200
        );
    }
    let mut socket = open_socket(&circle, run).await;
    say(
        &mut socket,
        r#"{"message":"subscribe","logs":true,"window_bytes":300000}"#,
    )
    .await;
    assert_eq!(log_bytes(&mut socket, 300_000).await, 300_000);
    say(&mut socket, r#"{"message":"ack","bytes":250000}"#).await;
    assert_eq!(log_bytes(&mut socket, 250_000).await, 250_000);
    // More than was sent cannot be acknowledged.
    say(&mut socket, r#"{"message":"ack","bytes":999999999}"#).await;
    assert_eq!(close_code(&mut socket).await, Some(4000));
}

pub(crate) type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn open_socket(circle: &Circle, run: circle_core::ids::RunId) -> Socket {
    open_socket_as(circle, run, &circle.token).await
}

pub(crate) async fn open_socket_as(circle: &Circle, run: circle_core::ids::RunId, token: &str) -> Socket {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    let url = format!("{}/api/v1/runs/{run}/live", circle.url.replace("http://", "ws://"));
    let mut request = url.into_client_request().expect("an address");
    let token = format!("Bearer {token}").parse().expect("a header");
    request.headers_mut().insert("authorization", token);
    tokio_tungstenite::connect_async(request).await.expect("a socket").0
}

pub(crate) async fn say(socket: &mut Socket, text: &str) {
    use futures_util::SinkExt;
    socket
        .send(tokio_tungstenite::tungstenite::Message::text(text))
        .await
        .expect("sent");
}

/// Bytes of log in what comes: until so many have come and nothing follows for half a second.
async fn log_bytes(socket: &mut Socket, expected: usize) -> usize {
    use circle_api::worker::frames::decode;
    use futures_util::StreamExt;
    use tokio_tungstenite::tungstenite::Message;
    let mut bytes = 0;
    loop {
        let patience = std::time::Duration::from_millis(if bytes < expected { 20_000 } else { 500 });
        let Ok(Some(message)) = tokio::time::timeout(patience, socket.next()).await else {
            return bytes;
        };
        if let Message::Binary(body) = message.expect("a message") {
            bytes += decode(body)
                .expect("frames")
                .iter()
                .map(|frame| frame.bytes.len())
                .sum::<usize>();
        }
    }
}

pub(crate) async fn close_code(socket: &mut Socket) -> Option<u16> {
    use futures_util::StreamExt;
    use tokio_tungstenite::tungstenite::Message;
    loop {
        match socket.next().await?.ok()? {
            Message::Close(frame) => return frame.map(|frame| frame.code.into()),
            _ => continue,
        }
    }
}

/// The status that refuses the upgrade, or 101.
async fn upgrade_with(circle: &Circle, run: circle_core::ids::RunId, ticket: &str, origin: Option<&str>) -> u16 {
    use tokio_tungstenite::tungstenite::Error;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    let address = circle.url.replace("http://", "ws://");
    let url = format!("{address}/api/v1/runs/{run}/live?ticket={ticket}");
    let mut request = url.into_client_request().expect("an address");
    if let Some(origin) = origin {
        request
            .headers_mut()
            .insert("origin", origin.parse().expect("a header"));
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok((_, answer)) => answer.status().as_u16(),
        Err(Error::Http(answer)) => answer.status().as_u16(),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_46_a_browser_follows_with_a_ticket_from_our_own_pages_only() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let (run, other) = (circle.trigger("shop").await, circle.trigger("shop").await);
    let ticket = async || {
        let path = format!("{}/api/v1/runs/{run}/live/ticket", circle.url);
        let request = circle.http.post(path).bearer_auth(&circle.token);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 201);
        let body: serde_json::Value = answer.json().await.expect("JSON");
        body["ticket"].as_str().expect("a ticket").to_owned()
    };
    let ours = Some(circle.url.as_str());
    let used = ticket().await;
    assert_eq!(upgrade_with(&circle, run, &used, ours).await, 101);
    assert_eq!(upgrade_with(&circle, run, &used, ours).await, 401, "a second time");
    for origin in [None, Some("https://evil.example.org"), Some("null")] {
        let ticket = ticket().await;
        assert_eq!(upgrade_with(&circle, run, &ticket, origin).await, 401, "{origin:?}");
    }
    let ticket = ticket().await;
    assert_eq!(upgrade_with(&circle, other, &ticket, ours).await, 401, "another run's");
    assert_eq!(
        upgrade_with(&circle, run, &circle.token, ours).await,
        401,
        "a token is no ticket"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_read_by_their_number() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let worker = Played::enrol(&circle, "w", 1).await;
    let run = circle.trigger("shop").await;
    let job = worker.claim(run).await;
    let text: String = (0..5_000).map(|number| format!("line {number}\n")).collect();
    let sent = job.log(job.chunk("checkout", (0, 0), text.as_bytes())).await;
    assert_eq!(sent.status(), 200);
    let lines = async |query: &str| {
        let answer = circle
            .get(&format!("/api/v1/runs/{run}/log/checkout/lines?{query}"))
            .await;
        let status = answer.status().as_u16();
        (status, answer.json::<serde_json::Value>().await.expect("JSON"))
    };
    let (_, middle) = lines("from=1234&count=2").await;
    assert_eq!(middle["lines"], serde_json::json!(["line 1234", "line 1235"]));
    assert_eq!(
        (&middle["from"], &middle["next"], &middle["total"]),
        (&1234.into(), &1236.into(), &5000.into())
    );
    let (_, end) = lines("from=4999").await;
    assert_eq!(end["lines"], serde_json::json!(["line 4999"]));
    let (_, beyond) = lines("from=999999").await;
    assert_eq!(beyond["lines"], serde_json::json!([]));
    assert_eq!(lines("count=0").await.0, 422);
    assert_eq!(lines("count=5001").await.0, 422);
    assert_eq!(lines("form=1").await.0, 400);
}
