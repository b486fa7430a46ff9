//! Hosts as the API knows them, and what a worker that was started for one run may do. That workers are really started on an
//! engine is told by the stories.

use std::path::Path;
use std::process::Command;

use circle_api::resources::host::{HostCreate, HostRemoveQuery, HostState, HostView};
use circle_api::resources::{EnrolmentCreate, WorkspaceCreate};
use circle_api::worker::Order;
use circle_core::serving::Isolation;
use circle_store::records::Kind;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Circle, PIPELINE, Played, Repo, slug, until};

/// A client's certificate with its key, and an authority: all of them its own.
fn bundle(folder: &Path) -> String {
    let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=one -keyout key -out certificate";
    let made = Command::new("openssl")
        .args(words.split(' '))
        .current_dir(folder)
        .output();
    assert!(made.expect("openssl is installed").status.success());
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a file");
    read("certificate") + &read("key") + &read("certificate")
}

fn wish(circle: &Circle, name: &str, more: Value) -> HostCreate {
    let mut wish = json!({
        "name": name, "endpoint": "tcp://127.0.0.1:1", "cells": 1, "tls_bundle": bundle(circle.folder.path()),
        "server_url": "https://ci.example.org",
    });
    for (key, value) in more.as_object().expect("an object") {
        wish[key] = value.clone();
    }
    serde_json::from_value(wish).expect("a wish")
}

async fn looked_at(circle: &Circle, host: HostView) -> HostView {
    let look = || async { circle.api.host(host.id).await.expect("the host") };
    until("it was looked at", look, |host| host.state != HostState::Checking).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_host_is_refused_with_every_fault() {
    let circle = Circle::start().await;
    for (more, words) in [
        (json!({ "endpoint": "http://10.0.0.1" }), "tcp://host:port"),
        (json!({ "tls_bundle": null }), "without TLS is anybody's"),
        (json!({ "cells": 0 }), "1 to 256"),
        (json!({ "memory_mib": 1 }), "256 to"),
        (json!({ "server_url": "http://10.0.0.1:8080" }), "plain HTTP"),
        (json!({ "server_url": "nonsense" }), "no address"),
        (json!({ "worker_flags": ["--data=/etc"] }), "insecure-registry"),
        (json!({ "image": "" }), "1 to 256"),
    ] {
        let refused = circle.api.create_host(&wish(&circle, "lab", more.clone())).await;
        let error = refused.expect_err("it is refused").to_string();
        assert!(error.contains(words), "{more}: {error}");
    }
    assert!(
        circle
            .api
            .hosts(&Default::default())
            .await
            .expect("a list")
            .items
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_does_not_answer_takes_nothing_and_says_so_where_runs_wait() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let host = circle
        .api
        .create_host(&wish(&circle, "lab", json!({})))
        .await
        .expect("registered");
    assert_eq!(host.state, HostState::Checking);
    let host = looked_at(&circle, host).await;
    assert_eq!(host.state, HostState::Refused);
    assert!(host.problems[0].contains("cannot be reached"), "{:?}", host.problems);
    let taken = circle.api.create_host(&wish(&circle, "lab", json!({}))).await;
    taken.expect_err("the name is taken");
    let run = circle.trigger("shop").await;
    let waits = || async {
        let view = circle.run(run).await;
        view.waiting.map(|waiting| waiting.sentence).unwrap_or_default()
    };
    until("it waits for the host", waits, |reason| {
        reason.contains("the host lab gives trouble: it cannot be reached")
    })
    .await;

    // After a restart it is known again; without force it stays until the engine says that nothing is left there.
    let circle = circle.restart().await;
    circle
        .api
        .remove_host(host.id, &HostRemoveQuery::default())
        .await
        .expect("it will be");
    let removing = circle.api.host(host.id).await.expect("it is still known");
    assert_eq!(removing.state, HostState::Removing);
    circle
        .api
        .remove_host(host.id, &HostRemoveQuery { force: true })
        .await
        .expect("forgotten");
    let gone = circle.api.host(host.id).await.expect_err("it is forgotten");
    assert!(gone.is_not_found(), "{gone}");
}

/// Its endpoint is an address that a user gives.
#[tokio::test(flavor = "multi_thread")]
async fn sec_42_a_workspaces_host_leads_nowhere_that_a_webhook_may_not() {
    let circle = Circle::start().await;
    let shop = WorkspaceCreate { name: slug("shop") };
    circle.api.create_workspace(&shop).await.expect("a workspace");
    for (endpoint, words) in [
        ("tcp://127.0.0.2:2376", "127.0.0.2"),
        ("tcp://[::1]:2376", "::1"),
        ("tcp://169.254.169.254:80", "169.254.169.254"),
        ("tcp://0x7f000002:2376", "127.0.0.2"),
        // What the operator allowed is asked, and does not answer.
        ("tcp://127.0.0.1:1", "cannot be reached"),
    ] {
        let of_shop = wish(&circle, "lab", json!({ "endpoint": endpoint, "workspace": "shop" }));
        let host = circle.api.create_host(&of_shop).await.expect("registered");
        let look = || async { circle.api.host(host.id).await.expect("the host") };
        let found = until("it gives trouble", look, |host| !host.problems.is_empty()).await;
        assert!(found.problems[0].contains(words), "{endpoint}: {:?}", found.problems);
        circle
            .api
            .remove_host(host.id, &HostRemoveQuery { force: true })
            .await
            .expect("forgotten");
    }
}

/// A worker as the server starts it for a run on a host; its record is written by hand, since no engine is here.
async fn posted(circle: Circle, worker: &Played, run: circle_core::ids::RunId) -> (Circle, Played) {
    let host = format!("hst_{}", "1".repeat(32));
    let id = worker.enrolled.worker.to_string();
    let posting = json!({ "host": host, "run": run.to_string() });
    let circle = circle
        .changed(Kind::Worker, &id, |body| body["posting"] = posting)
        .await;
    let worker = worker.at(&circle);
    (circle, worker)
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_54_a_worker_of_one_run_gets_that_run_and_its_credential_dies_with_it() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    for name in ["shop", "other"] {
        circle.service(name, repo.url()).await;
    }
    let worker = Played::enrol(&circle, "lab-1", 8).await;
    // The other run waits for longer; it is no business of this worker.
    let (other, own) = (circle.trigger("other").await, circle.trigger("shop").await);
    let (circle, worker) = posted(circle, &worker, own).await;
    assert_eq!(worker.try_claim(other).await.status(), 404);
    let mut orders = worker.orders().await;
    let Some(Order::Offer { run, .. }) = orders.next().await else {
        panic!("nothing was offered");
    };
    assert_eq!(run, own);
    let mut job = worker.claim(run).await;
    assert_eq!(worker.try_claim(other).await.status(), 404);
    job.succeed().await;
    assert_eq!(circle.ended(own).await.run.state.word(), "succeeded");
    let again = worker.request(Method::GET, "/worker/v1/orders").send().await;
    assert_eq!(again.expect("an answer").status(), 401, "its run has ended");
    assert_eq!(worker.try_claim(other).await.status(), 401);
    assert_eq!(circle.run(other).await.run.state.word(), "queued");
}

/// Whatever such a worker says of its cells: where they end is its host's business.
#[tokio::test(flavor = "multi_thread")]
async fn sec_27_a_worker_of_one_run_counts_as_shared() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let worker = Played::enrol_for(&circle, &EnrolmentCreate::default(), "lab-1", 1).await;
    let run = circle.trigger("shop").await;
    let trust = |body: &mut Value| body["run"]["trigger"]["trust"] = json!("stranger");
    let circle = circle.changed(Kind::Run, &run.to_string(), trust).await;
    let (_circle, worker) = posted(circle, &worker, run).await;
    let worker = worker.with_cells(Isolation::Apart);
    assert_eq!(worker.try_claim(run).await.status(), 404);
}
