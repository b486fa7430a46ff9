//! Repositories that cannot call: what moves is found, once, whatever stops in between.

use std::time::Duration;

use circle_api::resources::{CredentialSet, DeliveryState, HookCreated, PollView, ServiceChange, ServiceCreate};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_api::worker::SecretValue;
use circle_lab::{Credentials, GitWeb, Sshd};
use circle_store::records::Kind;
use tokio::net::TcpListener;

use crate::support::{Circle, Hook, Repo, until};

const PIPELINE: &str = "triggers: [{ branches: ['**'] }, { tags: ['**'] }]\nintegration:\n  image: busybox\n  commands: [test]\nbuild: {}\n";

async fn polled(circle: &Circle, name: &str, repository: &str) -> HookCreated {
    let wish = serde_json::json!({ "name": name, "repository": repository, "poll_s": 60 });
    let wish: ServiceCreate = serde_json::from_value(wish).expect("a wish");
    let created = circle.service_as(wish).await;
    created.hook
}

async fn poll_of(circle: &Circle, name: &str) -> PollView {
    let service = circle.api.service(DEFAULT_WORKSPACE, name).await.expect("the service");
    service.poll.expect("it is polled")
}

async fn first_look(circle: &Circle, name: &str) {
    until("the first look", || poll_of(circle, name), |poll| poll.refs.is_some()).await;
}

/// Looks now: another interval is one from now on. Waits until the look was answered, or was not.
async fn look(circle: &Circle, name: &str) -> PollView {
    let before = poll_of(circle, name).await;
    let change = ServiceChange {
        poll_s: Some(if before.every_s == 60 { 61 } else { 60 }),
        ..ServiceChange::default()
    };
    circle
        .api
        .change_service(DEFAULT_WORKSPACE, name, &change)
        .await
        .expect("changed");
    let seen = |poll: &PollView| poll.looked_at > before.looked_at || poll.failures > before.failures;
    until("a look", || poll_of(circle, name), seen).await
}

/// Ref and commit of every run, sorted, once there are so many; and no delivery waits.
async fn made(circle: &Circle, count: usize) -> Vec<(String, String)> {
    until("deliveries to be understood", || waiting(circle), |count| *count == 0).await;
    let runs = until("the runs", || circle.runs(), |runs| runs.len() >= count).await;
    let mut found: Vec<_> = runs
        .into_iter()
        .map(|run| (run.git_ref, run.commit.unwrap_or_default()))
        .collect();
    found.sort();
    assert_eq!(found.len(), count, "{found:?}");
    found
}

async fn waiting(circle: &Circle) -> usize {
    let page = circle
        .api
        .deliveries(DEFAULT_WORKSPACE, &Default::default())
        .await
        .expect("deliveries");
    page.items
        .iter()
        .filter(|delivery| delivery.state == DeliveryState::Waiting)
        .count()
}

fn pair(git_ref: &str, commit: &str) -> (String, String) {
    (git_ref.into(), commit.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pushed_after_the_first_look_is_run_once_and_what_was_there_is_not() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    polled(&circle, "shop", repo.url()).await;
    first_look(&circle, "shop").await;
    made(&circle, 0).await;
    let main = repo.push_file("a", "1", "main").await;
    let other = repo.push_file("b", "1", "other").await;
    repo.inner.push("refs/tags/v1").await.expect("pushed");
    let poll = look(&circle, "shop").await;
    assert_eq!((poll.refs, poll.failures), (Some(3), 0));
    assert!(poll.changed_at.is_some() && poll.next_at > poll.looked_at, "{poll:?}");
    let wanted = [
        pair("refs/heads/main", &main),
        pair("refs/heads/other", &other),
        pair("refs/tags/v1", &other),
    ];
    assert_eq!(made(&circle, 3).await, wanted);
    look(&circle, "shop").await;
    made(&circle, 3).await;
    // A ref that is gone is told, and starts nothing; made again it is new.
    repo.inner
        .git(&["push", "origin", ":refs/heads/other"])
        .await
        .expect("removed");
    look(&circle, "shop").await;
    made(&circle, 3).await;
    let page = circle
        .api
        .deliveries(DEFAULT_WORKSPACE, &Default::default())
        .await
        .expect("deliveries");
    let gone = page.items.iter().filter_map(|delivery| match &delivery.state {
        DeliveryState::Ignored { why } => Some(why.clone()),
        _ => None,
    });
    assert_eq!(gone.collect::<Vec<_>>(), ["refs/heads/other was deleted"]);
    repo.inner.push("refs/heads/other").await.expect("pushed");
    look(&circle, "shop").await;
    made(&circle, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_is_twice_when_either_side_was_down() {
    let (circle, mut repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    polled(&circle, "shop", repo.url()).await;
    first_look(&circle, "shop").await;
    // The repository's server is down: looks fail, and say so.
    repo.server.stop().await.expect("stopped");
    let down = look(&circle, "shop").await;
    assert_eq!(down.failures, 1);
    assert!(down.trouble.is_some_and(|why| !why.is_empty()));
    let first = {
        repo.server.start_again().await.expect("started");
        repo.push_file("a", "1", "main").await
    };
    assert_eq!(look(&circle, "shop").await.failures, 0);
    assert_eq!(made(&circle, 1).await, [pair("refs/heads/main", &first)]);
    // This server is down.
    let mut circle = circle;
    circle.stop().await;
    let second = repo.push_file("a", "2", "main").await;
    let circle = circle.restart().await;
    look(&circle, "shop").await;
    let mut wanted = vec![pair("refs/heads/main", &first), pair("refs/heads/main", &second)];
    wanted.sort();
    assert_eq!(made(&circle, 2).await, wanted);
    // It died after it had taken changes: of one nothing was delivered, of the other everything.
    let third = repo.push_file("a", "3", "main").await;
    let id = circle
        .api
        .service(DEFAULT_WORKSPACE, "shop")
        .await
        .expect("the service")
        .id
        .to_string();
    let circle = circle
        .changed(Kind::Poll, &id, |poll| {
            assert_eq!(poll["pending"], serde_json::json!([]), "everything was delivered");
            let seen = poll["seen"]["text"].as_str().expect("a list").replace(&second, &third);
            poll["seen"]["text"] = seen.into();
            poll["round"] = (poll["round"].as_u64().expect("a number") + 1).into();
            poll["pending"] = serde_json::json!([{ "git_ref": "refs/heads/main", "before": second, "after": third }]);
        })
        .await;
    look(&circle, "shop").await;
    wanted.push(pair("refs/heads/main", &third));
    wanted.sort();
    assert_eq!(made(&circle, 3).await, wanted);
    let circle = circle
        .changed(Kind::Poll, &id, |poll| {
            poll["pending"] = serde_json::json!([{ "git_ref": "refs/heads/main", "before": second, "after": third }]);
        })
        .await;
    look(&circle, "shop").await;
    assert_eq!(made(&circle, 3).await, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_the_hook_tells_of_too_is_one_run() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    let hook = polled(&circle, "shop", repo.url()).await;
    first_look(&circle, "shop").await;
    let tell = |before: String, after: String| {
        let body = serde_json::json!({ "ref": "refs/heads/main", "before": before, "after": after });
        Hook { body: body.to_string() }
    };
    let zero = repo
        .inner
        .git(&["rev-parse", "HEAD"])
        .await
        .expect("a commit")
        .trim()
        .to_owned();
    // The hook first.
    let one = repo.push_file("a", "1", "main").await;
    let told = tell(zero, one.clone()).settled(&circle, &hook).await;
    assert!(matches!(told, DeliveryState::Run { .. }), "{told:?}");
    look(&circle, "shop").await;
    made(&circle, 1).await;
    // The look first.
    let two = repo.push_file("a", "2", "main").await;
    look(&circle, "shop").await;
    made(&circle, 2).await;
    let told = tell(one.clone(), two.clone()).settled(&circle, &hook).await;
    assert!(
        matches!(&told, DeliveryState::Ignored { why } if why.contains("polling")),
        "{told:?}"
    );
    // Back to the first, which is a push as any other.
    repo.inner
        .git(&["push", "--force", "origin", &format!("{one}:refs/heads/main")])
        .await
        .expect("pushed");
    let told = tell(two, one).settled(&circle, &hook).await;
    assert!(matches!(told, DeliveryState::Run { .. }), "{told:?}");
    look(&circle, "shop").await;
    made(&circle, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn private_repositories_are_polled_over_http_and_ssh() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    let folder = tempfile::tempdir().expect("a folder");
    let bare = repo.inner.bare().parent().expect("a folder of repositories").to_owned();
    let name = repo
        .inner
        .bare()
        .file_stem()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let login = Credentials {
        username: "u".into(),
        password: "open-sesame".into(),
    };
    let web = GitWeb::start(&bare, Some(login)).await.expect("a web server");
    let sshd = Sshd::start(&folder.path().join("sshd"), &bare).await.expect("sshd");
    let by_http = CredentialSet::Password {
        username: "u".into(),
        password: SecretValue::new("open-sesame"),
    };
    let by_ssh = CredentialSet::DeployKey {
        private_key: SecretValue::new(sshd.user_key().expect("a key")),
        known_hosts: sshd.known_hosts().expect("host keys"),
    };
    for (service, url, credential) in [("web", web.url(&name), by_http), ("ssh", sshd.url(&name), by_ssh)] {
        polled(&circle, service, &url).await;
        // Without the credential it is told what is missing.
        let closed = until("a refusal", || poll_of(&circle, service), |poll| poll.failures > 0).await;
        assert!(closed.trouble.is_some(), "{closed:?}");
        circle
            .api
            .set_credential(DEFAULT_WORKSPACE, service, &credential)
            .await
            .expect("set");
        let opened = look(&circle, service).await;
        assert_eq!((opened.failures, opened.refs), (0, Some(1)), "{opened:?}");
    }
    let commit = repo.push_file("a", "1", "main").await;
    for service in ["web", "ssh"] {
        look(&circle, service).await;
    }
    let wanted = pair("refs/heads/main", &commit);
    assert_eq!(made(&circle, 2).await, [wanted.clone(), wanted]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_hangs_holds_up_nobody_else() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    // Never accepted: the kernel answers, nobody speaks.
    for number in 0..50 {
        polled(
            &circle,
            &format!("hangs-{number}"),
            &format!("git://{address}/{number}.git"),
        )
        .await;
    }
    polled(&circle, "shop", repo.url()).await;
    tokio::time::timeout(Duration::from_secs(20), first_look(&circle, "shop"))
        .await
        .expect("it is looked at");
    let hanging = poll_of(&circle, "hangs-0").await;
    assert_eq!((hanging.refs, hanging.looked_at), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_moves_or_stops_begins_anew() {
    let (circle, repo, other) = (
        Circle::start().await,
        Repo::with(PIPELINE).await,
        Repo::with(PIPELINE).await,
    );
    polled(&circle, "shop", repo.url()).await;
    first_look(&circle, "shop").await;
    other.push_file("b", "1", "more").await;
    let change = |change: serde_json::Value| {
        let change: ServiceChange = serde_json::from_value(change).expect("a change");
        let circle = &circle;
        async move { circle.api.change_service(DEFAULT_WORKSPACE, "shop", &change).await }
    };
    change(serde_json::json!({ "repository": other.url() }))
        .await
        .expect("moved");
    until(
        "a base line of the other",
        || poll_of(&circle, "shop"),
        |poll| poll.refs == Some(2),
    )
    .await;
    made(&circle, 0).await;
    for seconds in [1, 59, 86_401] {
        let refused = change(serde_json::json!({ "poll_s": seconds }))
            .await
            .expect_err("out of bounds");
        assert_eq!(refused.status(), Some(422), "{seconds}");
    }
    let off = change(serde_json::json!({ "poll_s": 0 })).await.expect("off");
    assert_eq!(off.poll, None);
    change(serde_json::json!({ "poll_s": 60 })).await.expect("on");
    first_look(&circle, "shop").await;
    let commit = other.push_file("b", "3", "more").await;
    look(&circle, "shop").await;
    assert_eq!(made(&circle, 1).await, [pair("refs/heads/more", &commit)]);
}
