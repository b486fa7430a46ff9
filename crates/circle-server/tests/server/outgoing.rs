//! The addresses of repositories are typed in by people: the server's own git goes where the server may go, and says why it does not.

use std::net::TcpListener;

use circle_api::resources::{DeliveryState, ServiceCreate, VerdictView};
use circle_api::routes::DEFAULT_WORKSPACE;
use serde_json::{Value, json};

use crate::support::{Circle, Hook, PIPELINE, Repo, until};

/// The server of these tests may call 127.0.0.1; this address of the same machine is as closed as any.
fn bait() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.2:0").expect("a port");
    listener.set_nonblocking(true).expect("it does not wait");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

fn nobody_came(bait: &TcpListener) {
    let came = bait.accept().map_err(|error| error.kind());
    assert_eq!(came.map(drop), Err(std::io::ErrorKind::WouldBlock), "somebody came");
}

fn says_what_to_do(said: &str, port: u16) {
    for words in [
        "127.0.0.2 is 127.0.0.2, a loopback address",
        &format!("--allow-outgoing 127.0.0.2:{port}"),
    ] {
        assert!(said.contains(words), "no \"{words}\" in: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_42_a_pipeline_file_is_fetched_from_no_closed_address() {
    let (circle, (bait, port)) = (Circle::start().await, bait());
    for (number, scheme) in ["git", "http", "https", "ssh"].iter().enumerate() {
        let (name, url) = (format!("s{number}"), format!("{scheme}://127.0.0.2:{port}/shop.git"));
        let created = circle.service(&name, &url).await;
        // By hand, and by a call of the forge.
        let by_hand = circle.trigger(&name).await;
        let push = Hook::push("refs/heads/main", &"a".repeat(40));
        let DeliveryState::Run { run: by_push } = push.settled(&circle, &created.hook).await else {
            panic!("{url}: no run")
        };
        for run in [by_hand, by_push] {
            let Some(VerdictView::Failed { failure }) = circle.ended(run).await.verdict else {
                panic!("{url}: it did not fail")
            };
            assert_eq!(failure.kind, "repository_unavailable", "{failure:?}");
            says_what_to_do(&failure.message, port);
            let log = circle.get(&format!("/api/v1/runs/{run}/log/plan")).await;
            says_what_to_do(&log.text().await.expect("a log"), port);
        }
        // What a run by hand may be given is read there, too.
        let inputs = format!("/api/v1/workspaces/{DEFAULT_WORKSPACE}/services/{name}/inputs?branch=main");
        let answer = circle.get(&inputs).await;
        assert_eq!(answer.status(), 409, "{url}");
        let problem: Value = answer.json().await.expect("a problem");
        says_what_to_do(&problem.to_string(), port);
    }
    nobody_came(&bait);
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_42_a_closed_address_is_not_polled() {
    let (circle, (bait, port)) = (Circle::start().await, bait());
    for scheme in ["git", "http", "ssh"] {
        let wish =
            json!({ "name": scheme, "repository": format!("{scheme}://127.0.0.2:{port}/shop.git"), "poll_s": 60 });
        let wish: ServiceCreate = serde_json::from_value(wish).expect("a wish");
        circle.service_as(wish).await;
        let look = || async {
            let service = circle
                .api
                .service(DEFAULT_WORKSPACE, scheme)
                .await
                .expect("the service");
            service.poll.expect("it is polled")
        };
        let looked = until("a look", look, |poll| poll.failures > 0).await;
        says_what_to_do(&looked.trouble.expect("a sentence"), port);
    }
    nobody_came(&bait);
    let metrics = circle.get("/metrics").await.text().await.expect("figures");
    let denied = metrics.lines().find(|line| line.contains("outcome=\"denied\""));
    let denied = denied.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    assert!(denied.is_some_and(|denied| denied >= 3), "{denied:?} in\n{metrics}");

    // Beside it the operator's own is looked at.
    let repo = Repo::with(PIPELINE).await;
    circle.service("open", repo.url()).await;
    let run = circle.run(circle.trigger("open").await).await;
    assert!(run.verdict.is_none(), "it was planned: {run:?}");
}
