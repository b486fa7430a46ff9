//! What cannot be planned ends as a failed run with a reason, never as a lost push.

use circle_api::resources::{DeliveryState, FailureView, RunView, ServiceCreate, VerdictView};
use circle_api::routes::DEFAULT_WORKSPACE;

use crate::support::{Circle, Hook, PIPELINE, Repo, slug};

fn failure(view: &RunView) -> &FailureView {
    match &view.verdict {
        Some(VerdictView::Failed { failure }) => failure,
        other => panic!("no failure: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_pipeline_file_is_shown_with_its_lines() {
    let circle = Circle::start().await;
    let repo = Repo::with("biuld: {}\npre_build:\n  image: busybox\n  comands: [make]\n").await;
    circle.service("shop", repo.url()).await;
    let run = circle.trigger("shop").await;
    let view = circle.ended(run).await;
    let failure = failure(&view);
    assert_eq!(
        (failure.kind.as_str(), failure.stage.as_deref()),
        ("bad_pipeline", Some("plan"))
    );
    assert!(
        failure.message.contains("caicloud.yml:1:1") && failure.message.contains("build"),
        "{}",
        failure.message
    );
    let log = circle
        .get(&format!("/api/v1/runs/{run}/log/plan"))
        .await
        .text()
        .await
        .expect("a log");
    assert!(log.contains("comands") && log.contains("caicloud.yml:4"), "{log}");
    assert!(circle.api.log_index(run).await.expect("an index").closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_file_nor_dockerfile_is_a_failed_run() {
    let (circle, repo) = (Circle::start().await, Repo::empty().await);
    repo.push_file("README", "hello", "main").await;
    circle.service("shop", repo.url()).await;
    let view = circle.ended(circle.trigger("shop").await).await;
    assert_eq!(failure(&view).kind, "no_pipeline");
    assert!(failure(&view).message.contains("Dockerfile"), "{view:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dockerfile_alone_is_built() {
    let (circle, repo) = (Circle::start().await, Repo::empty().await);
    repo.push_file("Dockerfile", "FROM busybox\n", "main").await;
    circle.service("shop", repo.url()).await;
    let view = circle.run(circle.trigger("shop").await).await;
    let stages: Vec<_> = view.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(stages, ["checkout", "build", "push"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_branch_and_a_commit_that_is_gone_are_failed_runs() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    let created = circle.service("shop", repo.url()).await;
    let view = circle.ended(circle.trigger_branch("shop", Some("nowhere")).await).await;
    assert_eq!(failure(&view).kind, "commit_not_found");
    assert!(failure(&view).message.contains("nowhere"), "{view:?}");
    let state = Hook::push("refs/heads/main", &"b".repeat(40))
        .settled(&circle, &created.hook)
        .await;
    let DeliveryState::Run { run } = state else {
        panic!("{state:?}")
    };
    assert_eq!(failure(&circle.ended(run).await).kind, "commit_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_the_file_and_deleted_branches_make_no_run() {
    let circle = Circle::start().await;
    let repo = Repo::with("triggers:\n  - {event: push, branches: [main]}\nbuild: {}\n").await;
    let commit = repo.push_file("Dockerfile", "FROM busybox\n", "refs/heads/side").await;
    let created = circle.service("shop", repo.url()).await;
    let state = Hook::push("refs/heads/side", &commit)
        .settled(&circle, &created.hook)
        .await;
    assert!(
        matches!(&state, DeliveryState::Ignored { why } if why.contains("side")),
        "{state:?}"
    );
    let mut gone = Hook::push("refs/heads/side", &commit);
    gone.body = gone
        .body
        .replace(&"0".repeat(40), "x")
        .replace(&commit, &"0".repeat(40))
        .replace('x', &commit);
    let state = gone.settled(&circle, &created.hook).await;
    assert!(
        matches!(&state, DeliveryState::Ignored { why } if why.contains("deleted")),
        "{state:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pushes_at_once_get_two_numbers() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    let created = circle.service("shop", repo.url()).await;
    let one = repo.push_file("a", "1", "refs/heads/one").await;
    let two = repo.push_file("a", "2", "refs/heads/two").await;
    let (first, second) = (Hook::push("refs/heads/one", &one), Hook::push("refs/heads/two", &two));
    let states = tokio::join!(
        first.settled(&circle, &created.hook),
        second.settled(&circle, &created.hook)
    );
    let mut numbers = Vec::new();
    for state in [states.0, states.1] {
        let DeliveryState::Run { run } = state else {
            panic!("{state:?}")
        };
        numbers.push(circle.run(run).await.run.number);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_38_repositories_that_git_would_misread_are_refused() {
    let circle = Circle::start().await;
    for repository in [
        "ext::sh -c true",
        "file:///etc",
        "-uhttp://x/y",
        "ssh://-oProxyCommand=true/x",
        "https://u:p@h/r",
    ] {
        let wish = ServiceCreate {
            name: slug("shop"),
            repository: repository.into(),
            default_branch: None,
            pipeline_path: None,
            image: None,
            default_deploys: Vec::new(),
            queue_timeout_s: None,
            max_parallel: None,
            max_parallel_ref: None,
            poll_s: None,
        };
        let error = circle
            .api
            .create_service(DEFAULT_WORKSPACE, &wish)
            .await
            .expect_err(repository);
        assert_eq!(error.status(), Some(422), "{repository}: {error}");
    }
}
