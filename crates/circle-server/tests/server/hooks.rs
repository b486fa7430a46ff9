//! Security 1–5, 7, 9, and what a push becomes.

use circle_api::resources::{DeliveryQuery, DeliveryState, HookAccepted, RunQuery};
use circle_api::routes::DEFAULT_WORKSPACE;

use crate::support::{Circle, Hook, PIPELINE, Played, Repo, sign, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_push_becomes_a_run_that_a_worker_is_offered() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    let commit = repo.push_file("src/main.c", "int main() {}", "main").await;
    let created = circle.service("shop", repo.url()).await;
    let worker = Played::enrol(&circle, "w1", 1).await;
    let mut orders = worker.orders().await;

    let state = Hook::push("refs/heads/main", &commit)
        .settled(&circle, &created.hook)
        .await;
    let DeliveryState::Run { run } = state else {
        panic!("{state:?}")
    };
    let mut job = worker.take(&mut orders).await;
    assert_eq!(job.run(), run);
    assert_eq!(
        job.assignment.facts.trigger.commit.as_ref().map(|id| id.as_str()),
        Some(commit.as_str())
    );
    assert_eq!(job.assignment.facts.trigger.title.as_deref(), Some("Change src/main.c"));
    let stages: Vec<_> = job
        .assignment
        .plan
        .stages
        .iter()
        .map(|stage| stage.name.as_str())
        .collect();
    assert_eq!(stages, ["checkout", "pre_build", "build", "push"]);

    job.succeed().await;
    let view = circle.ended(run).await;
    assert_eq!((view.run.state.word(), view.run.number), ("succeeded", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_01_a_wrong_or_missing_signature_is_refused() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    let created = circle.service("shop", repo.url()).await;
    let hook = Hook::push("refs/heads/main", &"a".repeat(40));
    assert_eq!(hook.send(&circle, &created.hook, "wrong").await.status(), 401);
    let unsigned = circle
        .http
        .post(&created.hook.url)
        .body(hook.body.clone())
        .send()
        .await
        .expect("an answer");
    assert_eq!(unsigned.status(), 401);
    // A service that is not there answers the same.
    let nowhere = created.hook.url.replace("/shop", "/other");
    let signature = sign(created.hook.secret.expose(), hook.body.as_bytes());
    let other = circle
        .http
        .post(nowhere)
        .header("circle-signature", signature)
        .body(hook.body)
        .send()
        .await;
    assert_eq!(other.expect("an answer").status(), 401);
    let deliveries = circle
        .api
        .deliveries(DEFAULT_WORKSPACE, &DeliveryQuery::default())
        .await
        .expect("a list");
    assert!(deliveries.items.is_empty(), "{deliveries:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_02_the_same_delivery_twice_is_one_run() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    let commit = repo.push_file("a", "1", "main").await;
    let created = circle.service("shop", repo.url()).await;
    let hook = Hook::push("refs/heads/main", &commit).named("first");
    let first = hook.accepted(&circle, &created.hook).await;
    let second = hook.accepted(&circle, &created.hook).await;
    assert_eq!((first.duplicate, second.duplicate), (false, true));
    assert_eq!(first.delivery, second.delivery);
    // Whoever caught the call can say what he likes beside it: only what is signed tells calls apart.
    let caught = hook.request(&circle, &created.hook).header("circle-delivery", "other");
    let again: HookAccepted = caught.send().await.expect("an answer").json().await.expect("accepted");
    assert!(again.duplicate && again.delivery == first.delivery, "{again:?}");
    let other = Hook::push("refs/heads/main", &commit)
        .named("second")
        .settled(&circle, &created.hook)
        .await;
    assert!(matches!(other, DeliveryState::Run { .. }), "{other:?}");
    let runs = circle
        .api
        .runs(DEFAULT_WORKSPACE, &RunQuery::default())
        .await
        .expect("a list");
    assert_eq!(runs.items.len(), 2, "{:?}", runs.items);
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_03_a_body_of_another_repository_makes_no_run() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    let created = circle.service("shop", repo.url()).await;
    let mut hook = Hook::push("refs/heads/main", &"a".repeat(40));
    hook.body = hook
        .body
        .replace(r#"{"ref""#, r#"{"repository":"https://git.example.org/bank.git","ref""#);
    let state = hook.settled(&circle, &created.hook).await;
    assert!(
        matches!(&state, DeliveryState::Refused { why, .. } if why.contains("bank.git")),
        "{state:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_04_a_hook_of_ten_megabytes_or_of_nonsense_is_bounded() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    let created = circle.service("shop", repo.url()).await;
    let large = Hook {
        body: "x".repeat(10 * 1024 * 1024),
    };
    let request = circle.http.post(&created.hook.url).header(
        "circle-signature",
        sign(created.hook.secret.expose(), large.body.as_bytes()),
    );
    // The server may close before everything was sent, which is as good as its answer.
    if let Ok(response) = request.body(large.body).send().await {
        assert_eq!(response.status(), 413);
    }
    let deep = Hook {
        body: format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
    };
    let state = deep.settled(&circle, &created.hook).await;
    assert!(matches!(state, DeliveryState::Refused { .. }), "{state:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_07_a_push_to_a_repository_that_is_down_waits_for_it() {
    let (circle, mut repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    let commit = repo.push_file("a", "1", "main").await;
    let created = circle.service("shop", repo.url()).await;
    repo.server.stop().await.expect("stopped");
    let accepted = Hook::push("refs/heads/main", &commit)
        .accepted(&circle, &created.hook)
        .await;
    // Another service is not delayed by it (9).
    let other = Repo::with(PIPELINE).await;
    let second = circle.service("other", other.url()).await;
    let tip = other.push_file("a", "1", "main").await;
    let state = Hook::push("refs/heads/main", &tip).settled(&circle, &second.hook).await;
    assert!(matches!(state, DeliveryState::Run { .. }), "{state:?}");
    repo.server.start_again().await.expect("started");
    let look = || async {
        circle
            .api
            .delivery(accepted.delivery)
            .await
            .expect("the delivery")
            .state
    };
    until("the delivery to become a run", look, |state| {
        matches!(state, DeliveryState::Run { .. })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_script_reports_a_push_by_itself() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    let created = circle.service("shop", repo.url()).await;
    let script = repo.inner.bare().join("hooks/post-receive");
    std::fs::write(&script, created.hook.post_receive.expose()).expect("written");
    std::os::unix::fs::chown(&script, None, None).expect("ours");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&script, mode).expect("executable");
    let commit = repo.push_file("b", "2", "main").await;
    let look = || async {
        circle
            .api
            .runs(DEFAULT_WORKSPACE, &RunQuery::default())
            .await
            .expect("a list")
            .items
    };
    let runs = until("a run of the push", look, |runs| !runs.is_empty()).await;
    assert_eq!(runs[0].commit.as_deref(), Some(commit.as_str()));
    assert_eq!(runs[0].actor, "hook");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_hook_secret_ends_the_old_one_at_once() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    let created = circle.service("shop", repo.url()).await;
    let hook = Hook::push("refs/notes/x", &"a".repeat(40));
    hook.clone().named("1").accepted(&circle, &created.hook).await;
    let renewed = circle
        .api
        .renew_hook(DEFAULT_WORKSPACE, "shop")
        .await
        .expect("a new secret");
    assert_eq!(
        hook.clone()
            .named("2")
            .send(&circle, &created.hook, created.hook.secret.expose())
            .await
            .status(),
        401
    );
    hook.clone().named("2").accepted(&circle, &renewed).await;
    circle
        .api
        .remove_service(DEFAULT_WORKSPACE, "shop")
        .await
        .expect("removed");
    assert_eq!(
        hook.named("3")
            .send(&circle, &renewed, renewed.secret.expose())
            .await
            .status(),
        401
    );
}
