//! One deployment after another, good and bad.

use circle_core::deployment::DeploymentState;
use circle_server::records::EnvironmentRecord;

use crate::bench::Bench;
use crate::images::{Health, docker};
use crate::poll::Visitor;
use crate::runs::{environment, run, verified, with_steps};

/// A bench with `production`, in which Circle may make the service.
pub(crate) async fn with_production() -> Bench {
    in_production(Bench::start().await).await
}

/// The environment `production` on a bench, and an engine that deploys.
pub(crate) async fn in_production(mut bench: Bench) -> Bench {
    let production = environment("production", bench.target, "shop", true);
    bench
        .records
        .insert(&EnvironmentRecord(production))
        .await
        .expect("written");
    bench.start_engine();
    bench
}

pub(crate) async fn the_first_deployment_makes_the_service_and_says_where_it_answers() {
    let bench = with_production().await;
    let one = bench.version("one", Health::Good).await;
    let steps = vec![verified("production", "/")];
    let id = bench
        .deploys(&with_steps(run(1, &bench.repository(), &one), steps))
        .await;
    assert_eq!(bench.ended(id).await.0, "succeeded");
    bench.answers("shop", "one").await;
    let running = bench.swarm.published("shop").await.expect("the Swarm");
    assert_eq!(
        running[0].image,
        format!("{}@{one}", bench.repository()),
        "deployed by digest"
    );
    let deployment = &bench.deployments(id).await[0];
    assert_eq!(
        deployment.url,
        Some(format!("http://{}:{}", running[0].address, running[0].port))
    );
    let good = bench
        .workload("shop")
        .await
        .expect("known")
        .good
        .expect("a good version");
    assert_eq!((good.image.digest, good.run), (one, id));
    assert!(
        !good.snapshot.sealed_spec.contains("TaskTemplate"),
        "specifications are sealed at rest"
    );
    assert_eq!(bench.tally.writes(), (1, 0, 0));
    bench.stop().await;
}

pub(crate) async fn an_update_misses_no_answer_and_the_same_version_again_changes_nothing() {
    let bench = with_production().await;
    let (one, two) = (
        bench.version("one", Health::Good).await,
        bench.version("two", Health::Good).await,
    );
    let first = bench.deploy(1, &one).await;
    assert_eq!(bench.ended(first).await.0, "succeeded");
    bench.answers("shop", "one").await;

    let visitor = Visitor::start(bench.adapter().await, "shop");
    let second = bench.deploy(2, &two).await;
    assert_eq!(bench.ended(second).await.0, "succeeded");
    let visits = visitor.end().await;
    assert!(
        visits.missed.is_empty(),
        "{} of {:?} missed: {:?}",
        visits.missed.len(),
        visits.pages,
        visits.missed
    );
    assert!(
        visits.pages.contains_key("one") && visits.pages.contains_key("two"),
        "{:?}",
        visits.pages
    );
    println!("an update: {:?}, none missed", visits.pages);

    let third = bench.deploy(3, &two).await;
    assert_eq!(bench.ended(third).await.0, "succeeded");
    assert_eq!(bench.deployments(third).await[0].state.word(), "unchanged");
    assert_eq!(bench.tally.writes(), (1, 1, 0));
    bench.stop().await;
}

pub(crate) async fn a_bad_version_is_rolled_back_while_the_old_one_answers() {
    let bench = with_production().await;
    let (one, bad) = (
        bench.version("one", Health::Good).await,
        bench.version("bad", Health::Bad).await,
    );
    let first = bench.deploy(1, &one).await;
    assert_eq!(bench.ended(first).await.0, "succeeded");
    bench.answers("shop", "one").await;

    let visitor = Visitor::start(bench.adapter().await, "shop");
    let second = bench.deploy(2, &bad).await;
    let (word, message) = bench.ended(second).await;
    let visits = visitor.end().await;
    assert_eq!(word, "failed");
    assert!(
        message.contains("rolled back") && message.contains(&one) && message.contains("unhealthy"),
        "{message}"
    );
    assert!(visits.missed.is_empty() && visits.pages.len() == 1, "{visits:?}");
    println!("a rollback: {:?}, none missed", visits.pages);
    bench.answers("shop", "one").await;
    let state = &bench.deployments(second).await[0].state;
    assert!(
        matches!(state, DeploymentState::RolledBack { verified: true, .. }),
        "{state:?}"
    );
    assert_eq!(bench.tally.writes(), (1, 1, 1));
    let known = bench.workload("shop").await.expect("known");
    assert_eq!(known.good.expect("a good version").image.digest, one);
    assert_eq!(known.quarantined[0].digest, bad, "sec_69: the version is remembered");
    bench.stop().await;
}

pub(crate) async fn an_image_that_cannot_be_pulled_is_rolled_back_with_the_reason() {
    let bench = with_production().await;
    let one = bench.version("one", Health::Good).await;
    let first = bench.deploy(1, &one).await;
    assert_eq!(bench.ended(first).await.0, "succeeded");
    let gone = format!("sha256:{}", "0".repeat(64));
    let second = bench.deploy(2, &gone).await;
    let (word, message) = bench.ended(second).await;
    assert_eq!(word, "failed");
    assert!(
        message.contains("rolled back") && message.contains("No such image"),
        "{message}"
    );
    bench.answers("shop", "one").await;
    bench.stop().await;
}

pub(crate) async fn a_version_that_answers_wrongly_is_rolled_back() {
    let bench = with_production().await;
    let (one, two) = (
        bench.version("one", Health::Good).await,
        bench.version("two", Health::Good).await,
    );
    let first = bench.deploy(1, &one).await;
    assert_eq!(bench.ended(first).await.0, "succeeded");
    let steps = vec![verified("production", "/no-such-page")];
    let second = bench
        .deploys(&with_steps(run(2, &bench.repository(), &two), steps))
        .await;
    let (word, message) = bench.ended(second).await;
    assert_eq!(word, "failed");
    assert!(
        message.contains("404") && message.contains("/no-such-page"),
        "{message}"
    );
    bench.answers("shop", "one").await;
    bench.stop().await;
}

pub(crate) async fn a_first_version_that_never_starts_fails_and_says_that_it_stays() {
    let bench = with_production().await;
    let dies = bench.version("dies", Health::Dies).await;
    let first = bench.deploy(1, &dies).await;
    let (word, message) = bench.ended(first).await;
    assert_eq!(word, "failed");
    assert!(message.contains("no good version to go back to"), "{message}");
    // A good version afterwards mends it.
    let one = bench.version("one", Health::Good).await;
    let second = bench.deploy(2, &one).await;
    assert_eq!(bench.ended(second).await.0, "succeeded");
    bench.answers("shop", "one").await;
    bench.stop().await;
}

pub(crate) async fn sec_68_a_rollback_goes_to_the_digest_though_the_tag_moved() {
    let bench = with_production().await;
    let socket = bench.swarm.socket().to_owned();
    let repository = bench.repository();
    let one = bench.version("one", Health::Good).await;
    let (good, stable) = (format!("{repository}:one"), format!("{repository}:stable"));
    docker(&socket, &["tag", &good, &stable], &[]).await;
    docker(&socket, &["push", "--quiet", &stable], &[]).await;
    // By hand, by tag, before Circle ever saw it.
    let by_hand = [
        "service",
        "create",
        "--detach",
        "--quiet",
        "--no-resolve-image",
        "--name",
        "shop",
        "--publish",
        "mode=host,target=8080",
        "--update-order",
        "start-first",
        "--stop-grace-period",
        "1s",
        &stable,
    ];
    docker(&socket, &by_hand, &[]).await;
    bench.answers("shop", "one").await;

    let bad = bench.version("bad", Health::Bad).await;
    let id = bench.deploy(1, &bad).await;
    bench.state(id, "watching").await;
    bench.version("other", Health::Good).await;
    docker(&socket, &["tag", &format!("{repository}:other"), &stable], &[]).await;
    docker(&socket, &["push", "--quiet", &stable], &[]).await;
    let (word, message) = bench.ended(id).await;
    assert_eq!(word, "failed");
    assert!(message.contains(&one), "{message}");
    bench.answers("shop", "one").await;
    let running = bench.swarm.published("shop").await.expect("the Swarm");
    assert!(running.iter().all(|task| task.image.ends_with(&one)), "{running:?}");
    bench.stop().await;
}
