//! Inside a run: where images come from, whose the checkout is, what rights a container has.

mod support;

use std::sync::Arc;

use circle_cell::Relay;
use circle_core::plan::{ContainerJob, Ready};
use circle_core::rights::{Right, Rights};
use circle_core::run::FailureKind;
use support::looks::docker;
use support::{Bench, assignment, checkout, integration, job, post_build, pre_build, sidecar};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Barrier, OnceCell};
use tokio::task::JoinSet;

fn as_user(user: &str, commands: &[&str]) -> ContainerJob {
    let mut job = job(commands);
    job.container.user = Some(user.to_owned());
    job
}

fn with_rights(rights: Rights, commands: &[&str]) -> ContainerJob {
    let mut job = job(commands);
    job.container.rights = rights;
    job
}

/// A way to the registry that lets nothing through before every way was asked.
async fn gathering_way(registry: String, everybody: Arc<Barrier>) -> (Relay, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let relay = Relay::same(listener.local_addr().expect("an address"));
    let mut ways = JoinSet::new();
    ways.spawn(async move {
        let (mut connections, gathered) = (JoinSet::new(), Arc::new(OnceCell::new()));
        while let Ok((mut client, _)) = listener.accept().await {
            let (registry, everybody, gathered) = (registry.clone(), everybody.clone(), gathered.clone());
            connections.spawn(async move {
                gathered
                    .get_or_init(|| async { everybody.wait().await.is_leader() })
                    .await;
                let mut registry = TcpStream::connect(registry).await?;
                tokio::io::copy_bidirectional(&mut client, &mut registry).await
            });
        }
    });
    (relay, ways)
}

#[tokio::test]
async fn images_of_all_stages_are_pulled_side_by_side_from_the_first_moment() {
    let bench = Bench::with_registry(None).await;
    bench.commit(&[("README", "hello\n")]).await;
    let registry = bench.registry.as_ref().expect("a registry").address();
    let first = bench.cell().await;
    let name = format!("{registry}/tool:1");
    docker(&first, &["tag", "busybox:test", &name]).await;
    docker(&first, &["push", &name]).await;
    first.kill().await.expect("it is removed");

    let everybody = Arc::new(Barrier::new(4));
    let mut ways = Vec::new();
    for _ in 0..4 {
        ways.push(gathering_way(registry.clone(), everybody.clone()).await);
    }
    let image = |number: usize| format!("{}/tool:1", ways[number].0.outside);
    let with = |number: usize, commands: &[&str]| {
        let mut job = job(commands);
        job.container.image = image(number);
        job
    };
    let mut side = sidecar("db", "httpd -f -p 80", Ready::Tcp(80));
    side.container.image = image(0);
    let stages = vec![
        integration(vec![side], with(1, &["true"])),
        pre_build(with(2, &["true"]), vec![]),
        post_build(with(3, &["echo all were asked for"])),
    ];
    let mut all = vec![checkout()];
    all.extend(stages);
    let mut relays: Vec<Relay> = ways.iter().map(|(relay, _)| *relay).collect();
    relays.push(bench.git.address().parse().expect("a relay"));
    let cell = bench.cell_with(relays).await;
    let ran = bench.run_in(cell, assignment(bench.repository.url(), all)).await;
    ran.succeeded();
    assert!(ran.sink.all().contains("all were asked for"), "{}", ran.sink.all());
}

#[tokio::test]
async fn a_sidecar_that_circle_ends_is_not_told_as_a_death_and_one_that_dies_is() {
    let bench = Bench::new().await;
    bench.commit(&[("README", "hello\n")]).await;
    let side = |script: &str| sidecar("db", script, Ready::Tcp(80));
    let lives = vec![integration(
        vec![side("echo up; exec httpd -f -p 80")],
        job(&["wget -q -O- http://db/ || true"]),
    )];
    let ran = bench.run(lives).await;
    ran.succeeded();
    let all = ran.sink.all();
    assert!(all.contains("db | up") && !all.contains("ended with code"), "{all}");

    let dies = vec![integration(
        vec![side("httpd -p 80; sleep 1; exit 3")],
        job(&["sleep 3", "false"]),
    )];
    let ran = bench.run(dies).await;
    let failure = ran.failure();
    assert_eq!(failure.kind, FailureKind::Sidecar, "{}", failure.message);
    assert!(
        ran.sink.all().contains("db | (ended with code 3)"),
        "{}",
        ran.sink.all()
    );
}

#[tokio::test]
async fn a_job_that_is_not_root_writes_to_its_checkout_and_to_nobody_elses() {
    let bench = Bench::new().await;
    bench
        .commit(&[("src/main.c", "int main;\n"), ("README", "hello\n")])
        .await;
    let changes = [
        "echo changed >README",
        "echo new >src/new",
        "rm src/main.c",
        "stat -c %u:%g . README src",
    ];
    let stages = vec![
        integration(vec![], as_user("1000", &changes)),
        pre_build(
            as_user("user", &["cat README src/main.c; echo out >out; id -u"]),
            vec![support::output("/workspace/out", "out")],
        ),
        post_build(job(&[
            "test $(stat -c %u README) = 0; cat out README; test ! -e src/new",
        ])),
    ];
    let ran = bench.run(stages).await;
    ran.succeeded();
    let all = ran.sink.all();
    assert!(all.contains("1000:1000\n1000:1000\n1000:1000"), "{all}");
    assert!(!all.contains("changed"), "a stage saw another's changes: {all}");
}

/// Whether this machine may give what it is asked for.
fn has_every_capability() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("this process");
    let bounding = status
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:"))
        .expect("its bounding set");
    u64::from_str_radix(bounding.trim(), 16).expect("a mask") & (1 << 24) != 0
}

#[tokio::test]
async fn sec_30_a_privileged_run_is_privileged_where_the_machine_can_and_says_so_where_it_cannot() {
    let bench = Bench::new().await;
    bench.commit(&[("README", "hello\n")]).await;
    let proves = [
        "cat /proc/self/uid_map",
        "mkdir -p /mnt && mount -t tmpfs none /mnt && echo mounted",
    ];

    let ordinary = bench.run(vec![integration(vec![], job(&proves))]).await;
    assert_eq!(ordinary.failure().kind, FailureKind::Command);
    assert!(
        ordinary.sink.all().contains("1048576"),
        "users are remapped: {}",
        ordinary.sink.all()
    );

    // What the message for such machines advises.
    let mut nearly = with_rights(
        ["cap_add ALL"]
            .iter()
            .map(|_| Right::Capability(circle_core::rights::Capability::ALL))
            .collect(),
        &proves,
    );
    for option in ["seccomp=unconfined", "systempaths=unconfined", "apparmor=unconfined"] {
        nearly
            .container
            .rights
            .security_options
            .insert(option.parse().expect("an option"));
    }
    nearly.container.cap_drop = vec!["SYS_RESOURCE".parse().expect("a capability")];
    let nearly = bench.run(vec![integration(vec![], nearly)]).await;
    nearly.succeeded();
    let all = nearly.sink.all();
    assert!(all.contains("mounted") && all.contains("4294967295"), "{all}");

    let privileged = with_rights(std::iter::once(Right::Privileged).collect(), &proves);
    let ran = bench.run(vec![integration(vec![], privileged)]).await;
    if has_every_capability() {
        ran.succeeded();
        assert!(ran.sink.all().contains("mounted"), "{}", ran.sink.all());
    } else {
        assert_eq!(ran.failure().kind, FailureKind::Refused, "{}", ran.failure().message);
        assert!(
            ran.failure().message.contains("CAP_SYS_RESOURCE"),
            "{}",
            ran.failure().message
        );
    }
}
