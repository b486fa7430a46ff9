//! What a cell's daemon can do for those who use it: BuildKit builds with secrets and caches, networks, a Swarm.

mod support;

use std::process::Stdio;

use support::{Bench, docker, docker_ok, until};
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn buildkit_builds_within_the_limits_of_jobs() {
    let bench = Bench::new();
    let cell = bench.start().await;
    let dockerfile = "FROM busybox:test\nRUN --mount=type=cache,target=/c cat /proc/self/cgroup > /groups && echo kept > /c/file\nRUN id -u > /who\n";
    let mut build = tokio::process::Command::new("/usr/bin/docker")
        .env("DOCKER_BUILDKIT", "1")
        .args([
            "--host",
            &format!("unix://{}", cell.socket().display()),
            "build",
            "--network",
            "default",
            "-t",
            "built",
            "-",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the docker client");
    let mut stdin = build.stdin.take().expect("an input");
    stdin
        .write_all(dockerfile.as_bytes())
        .await
        .expect("the Dockerfile is read");
    drop(stdin);
    let built = build.wait_with_output().await.expect("an end");
    let progress = String::from_utf8_lossy(&built.stderr);
    // A client without its plug-in cannot speak BuildKit; that is the client's affair, not the cell's.
    assert!(built.status.success(), "{progress}");
    let groups = docker_ok(&cell, &["run", "--rm", "built", "cat", "/groups"]).await;
    assert!(
        groups.contains("/jobs/"),
        "a build step runs outside the limits of jobs: {groups}"
    );
    assert_eq!(docker_ok(&cell, &["run", "--rm", "built", "cat", "/who"]).await, "0");
    cell.kill().await.expect("nothing is left");
}

#[tokio::test]
async fn a_command_can_be_run_in_a_container_that_runs() {
    let bench = Bench::new();
    let cell = bench.start().await;
    let id = docker_ok(&cell, &["run", "-d", "busybox:test", "sleep", "600"]).await;
    assert_eq!(docker_ok(&cell, &["exec", &id, "hostname"]).await, id[..12]);
    cell.kill().await.expect("nothing is left");
}

#[tokio::test]
async fn containers_find_each_other_by_name_on_a_network_of_their_own() {
    let bench = Bench::new();
    let cell = bench.start().await;
    docker_ok(&cell, &["network", "create", "stage"]).await;
    let serve = "while true; do echo pong | nc -l -p 6379; done";
    docker_ok(
        &cell,
        &[
            "run",
            "-d",
            "--network",
            "stage",
            "--network-alias",
            "redis",
            "busybox:test",
            "sh",
            "-c",
            serve,
        ],
    )
    .await;
    let ask = "for i in 1 2 3 4 5 6 7 8 9; do nc -w 2 redis 6379 </dev/null && exit; usleep 100000; done; exit 1";
    assert_eq!(
        docker_ok(
            &cell,
            &["run", "--rm", "--network", "stage", "busybox:test", "sh", "-c", ask]
        )
        .await,
        "pong"
    );
    cell.kill().await.expect("nothing is left");
}

#[tokio::test]
async fn a_swarm_in_a_cell_serves_the_host_on_a_published_port() {
    let bench = Bench::new();
    let cell = bench.start().await;
    let address = cell.address().to_string();
    docker_ok(&cell, &["swarm", "init", "--advertise-addr", &address]).await;
    let publish = "mode=host,target=8080";
    let serve = "while true; do echo served | nc -l -p 8080; done";
    docker_ok(
        &cell,
        &[
            "service",
            "create",
            "-d",
            "--name",
            "shop",
            "--endpoint-mode",
            "dnsrr",
            "--publish",
            publish,
            "--no-resolve-image",
            "busybox:test",
            "sh",
            "-c",
            serve,
        ],
    )
    .await;
    let port = published_port(&cell).await;
    let mut answer = String::new();
    until("the service answers the host", || {
        answer = ask(&format!("{address}:{port}"));
        (answer == "served\n", answer.clone())
    })
    .await;
    cell.kill().await.expect("nothing is left");
}

/// Swarm chooses the port when the task starts.
async fn published_port(cell: &circle_cell::Cell) -> String {
    for _ in 0..200 {
        let tasks = docker_ok(cell, &["service", "ps", "-q", "shop"]).await;
        if let Some(task) = tasks.lines().next() {
            let format = "{{(index .Status.PortStatus.Ports 0).PublishedPort}}";
            // Until the task runs there is no first port, and the client complains.
            let port = docker(cell, &["inspect", "--type", "task", "-f", format, task]).await;
            if port.status.success() {
                return String::from_utf8(port.stdout).expect("a number").trim().to_owned();
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!(
        "no port: {}",
        docker_ok(cell, &["service", "ps", "--no-trunc", "shop"]).await
    );
}

fn ask(address: &str) -> String {
    let mut answer = String::new();
    if let Ok(mut stream) = std::net::TcpStream::connect(address) {
        let _ = stream.set_read_timeout(Some(std::time::Duration::from_secs(2)));
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = std::io::Read::read_to_string(&mut stream, &mut answer);
    }
    answer
}
