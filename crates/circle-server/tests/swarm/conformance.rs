//! The promises of the port, as one suite that every adapter passes; here with the Swarm.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use circle_core::deployment::Rollout;
use circle_core::environment::WorkloadCreate;
use circle_lab::Credentials;
use circle_net::Net;
use circle_server::deploy::swarm::SwarmTarget;
use circle_server::deploy::{Change, Creation, RegistryLogin, Restoration, Sight, Sighting, Target, TargetError};

use crate::bench::Bench;
use crate::images::{Health, docker};

/// Longest wait for a rollout.
const LIMIT: Duration = Duration::from_secs(40);

/// What the suite needs to know of a place: two good versions and a bad one.
struct Versions {
    one: String,
    two: String,
    bad: String,
}

pub(crate) async fn the_swarm_adapter_keeps_the_port_s_promises() {
    let bench = Bench::start().await;
    let reference = |digest: String| format!("{}@{digest}", bench.repository());
    let versions = Versions {
        one: reference(bench.version("one", Health::Good).await),
        two: reference(bench.version("two", Health::Good).await),
        bad: reference(bench.version("bad", Health::Bad).await),
    };
    let target = bench.adapter().await;
    keeps_its_promises(&target, &versions).await;

    // Only this adapter: the beginning of an id is no name, and a field that Circle does not know stays.
    let id = docker(
        bench.swarm.socket(),
        &["service", "inspect", "--format", "{{.ID}}", "web"],
        &[],
    )
    .await;
    assert_eq!(target.observe(&id[..8]).await.expect("a look"), Sight::Absent);
    docker(
        bench.swarm.socket(),
        &["service", "update", "--detach", "--quiet", "--hostname", "kept", "web"],
        &[],
    )
    .await;
    let seen = settled(&target, "web").await;
    apply(&target, &seen, &versions.two).await.expect("taken");
    assert!(settled(&target, "web").await.spec.contains("\"Hostname\":\"kept\""));
    bench.stop().await;
}

pub(crate) async fn a_place_that_is_no_manager_or_not_there_says_so() {
    let bench = Bench::start().await;
    let target = bench.adapter().await;
    docker(bench.swarm.socket(), &["swarm", "leave", "--force"], &[]).await;
    let error = target.probe().await.expect_err("no manager");
    assert!(
        matches!(&error, TargetError::Refused { why } if why.contains("manager")),
        "{error}"
    );
    let error = target.observe("web").await.expect_err("no manager");
    assert!(
        matches!(&error, TargetError::Refused { why } if why.contains("manager")),
        "{error}"
    );
    let net = Net::new(Vec::new());
    let nowhere = SwarmTarget::open(&net, "unix:///nonexistent/docker.sock", None).await;
    let nowhere = nowhere.expect("a target");
    let error = nowhere.observe("web").await.expect_err("nobody there");
    assert!(matches!(error, TargetError::Unreachable { .. }), "{error}");
    for endpoint in ["docker.sock", "http://host", "unix://relative", ""] {
        let refused = SwarmTarget::open(&net, endpoint, None).await;
        refused.expect_err(endpoint);
    }
    bench.stop().await;
}

pub(crate) async fn a_private_registry_is_pulled_from_with_its_login_alone() {
    let credentials = Credentials {
        username: "nodes".into(),
        password: "correct horse".into(),
    };
    let bench = Bench::start_with(Some(&credentials), false).await;
    let (socket, address) = (
        bench.swarm.socket(),
        bench.repository().trim_end_matches("/shop").to_owned(),
    );
    let words = ["login", "--username", "nodes", "--password-stdin", &address];
    docker(socket, &words, b"correct horse").await;
    let digest = bench.version("one", Health::Good).await;
    docker(socket, &["logout", &address], &[]).await;
    docker(
        socket,
        &["image", "rm", "--force", &format!("{}:one", bench.repository())],
        &[],
    )
    .await;
    docker(socket, &["image", "prune", "--all", "--force"], &[]).await;

    let target = bench.adapter().await;
    let image = format!("{}@{digest}", bench.repository());
    let how = WorkloadCreate {
        port: None,
        replicas: 1,
        env: BTreeMap::new(),
        health: None,
    };
    let create = async |workload, login: Option<&RegistryLogin>| {
        let wish = Creation {
            workload,
            how: &how,
            image: &image,
            mark: "dep",
            run: "run",
            login,
        };
        target.create(&wish).await.expect("made");
        settled(&target, workload).await.rollout
    };
    let refused = create("anonymous", None).await;
    assert!(
        matches!(&refused, Rollout::Failed { why } if why.contains("No such image")),
        "{refused:?}"
    );
    let login = RegistryLogin {
        address,
        username: "nodes".into(),
        password: "correct horse".into(),
    };
    let pulled = create("known", Some(&login)).await;
    assert!(matches!(pulled, Rollout::Healthy { .. }), "{pulled:?}");
    bench.stop().await;
}

/// The suite. A second adapter calls it with its own place.
async fn keeps_its_promises(target: &dyn Target, versions: &Versions) {
    assert!(!target.probe().await.expect("usable").description.is_empty());
    let first = makes_what_is_not_there(target, versions).await;
    let second = writes_only_over_what_was_seen(target, &first, versions).await;
    let restored = goes_back_to_what_is_recorded(target, &second, versions).await;
    refuses_what_cannot_work(target, &restored).await;
}

async fn makes_what_is_not_there(target: &dyn Target, versions: &Versions) -> Sighting {
    assert_eq!(target.observe("web").await.expect("a look"), Sight::Absent);
    assert_eq!(target.addresses("web").await.expect("a look"), Vec::<String>::new());
    create(target, versions).await.expect("made");
    let twice = create(target, versions).await;
    assert_eq!(twice, Err(TargetError::Conflict), "what is there is not made again");
    let first = settled(target, "web").await;
    assert_eq!(first.rollout, Rollout::Healthy { ready: 2, desired: 2 });
    assert_eq!(first.mark.as_deref(), Some("dep_first"));
    assert!(versions.one.ends_with(first.digest.as_deref().expect("a digest")));
    assert_eq!(target.addresses("web").await.expect("a look").len(), 2);
    let again = sighting(target, "web").await;
    assert_eq!(
        (&again.token, &again.spec),
        (&first.token, &first.spec),
        "looking changes nothing"
    );
    first
}

async fn writes_only_over_what_was_seen(target: &dyn Target, first: &Sighting, versions: &Versions) -> Sighting {
    apply(target, first, &versions.two).await.expect("taken");
    let stale = apply(target, first, &versions.one).await;
    assert_eq!(stale, Err(TargetError::Conflict), "the token is of an older look");
    let second = settled(target, "web").await;
    assert!(versions.two.ends_with(second.digest.as_deref().expect("a digest")));
    assert_ne!(second.spec, first.spec);
    assert_eq!(revert(target, first, first).await, Err(TargetError::Conflict));
    second
}

async fn goes_back_to_what_is_recorded(target: &dyn Target, good: &Sighting, versions: &Versions) -> Sighting {
    apply(target, good, &versions.bad).await.expect("taken");
    let failed = settled(target, "web").await;
    assert!(
        matches!(&failed.rollout, Rollout::Failed { why } if !why.is_empty()),
        "{:?}",
        failed.rollout
    );
    assert!(!target.diagnose("web").await.expect("a look").is_empty());
    revert(target, &failed, good).await.expect("taken");
    let restored = settled(target, "web").await;
    assert_eq!(restored.spec, good.spec, "the recorded specification is there again");
    assert!(
        matches!(restored.rollout, Rollout::Healthy { .. }),
        "{:?}",
        restored.rollout
    );
    restored
}

async fn refuses_what_cannot_work(target: &dyn Target, seen: &Sighting) {
    let nonsense = Sighting {
        spec: "{\"Name\": 7".into(),
        ..seen.clone()
    };
    assert!(matches!(
        revert(target, seen, &nonsense).await,
        Err(TargetError::Refused { .. })
    ));
    assert!(matches!(
        target.observe("../containers").await,
        Err(TargetError::Refused { .. })
    ));
    assert_eq!(sighting(target, "web").await.spec, seen.spec, "nothing was changed");
}

async fn revert(target: &dyn Target, now: &Sighting, to: &Sighting) -> Result<(), TargetError> {
    target
        .revert(&Restoration {
            workload: "web",
            token: &now.token,
            spec: &to.spec,
            login: None,
        })
        .await
}

/// Without a health check of its own: the image's decides.
async fn create(target: &dyn Target, versions: &Versions) -> Result<(), TargetError> {
    let env = BTreeMap::from([("GREETING".to_owned(), "hello".to_owned())]);
    let how = WorkloadCreate {
        port: Some(8080),
        replicas: 2,
        env,
        health: None,
    };
    let image = &versions.one;
    let wish = Creation {
        workload: "web",
        how: &how,
        image,
        mark: "dep_first",
        run: "run_first",
        login: None,
    };
    target.create(&wish).await
}

async fn apply(target: &dyn Target, seen: &Sighting, image: &str) -> Result<(), TargetError> {
    target
        .apply(&Change {
            workload: "web",
            token: &seen.token,
            image,
            mark: "dep_next",
            run: "run_next",
            login: None,
        })
        .await
}

async fn sighting(target: &dyn Target, workload: &str) -> Sighting {
    match target.observe(workload).await.expect("a look") {
        Sight::Present(sighting) => sighting,
        Sight::Absent => panic!("{workload} is not there"),
    }
}

/// Waits until the rollout is judged, and until the target's own bookkeeping has come to rest.
async fn settled(target: &dyn Target, workload: &str) -> Sighting {
    let start = Instant::now();
    let mut last = sighting(target, workload).await;
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = sighting(target, workload).await;
        let judged = !matches!(now.rollout, Rollout::Progressing { .. });
        if judged && now.token == last.token {
            return now;
        }
        assert!(start.elapsed() < LIMIT, "not settled: {:?}", now.rollout);
        last = now;
    }
}
