//! `docker: true` with the docker client of this machine: what it may do, and what it may not.

mod support;

use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use circle_core::plan::{Bind, Stage};
use circle_worker::{Around, End, execute};
use support::{Bench, MemorySink, assignment, checkout, integration, job, post_build, pre_build};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const PATIENCE: Duration = Duration::from_secs(60);
/// Holds the stage until the last word of the test.
const HOLD: &str = "while [ ! -e /workspace/go ]; do sleep 0.05; done; cat /workspace/made/by || true";

/// The job's side of a socket, spoken to from the host, where its file lies.
struct Client {
    socket: PathBuf,
    /// The engine's own socket, which no job sees.
    engine: PathBuf,
}

impl Client {
    async fn docker(&self, words: &[&str]) -> Output {
        let mut command = tokio::process::Command::new("/usr/bin/docker");
        command
            .arg("--host")
            .arg(format!("unix://{}", self.socket.display()))
            .args(words);
        command
            .env("DOCKER_BUILDKIT", "0")
            .kill_on_drop(true)
            .stdin(std::process::Stdio::null());
        let output = tokio::time::timeout(PATIENCE, command.output()).await;
        output
            .unwrap_or_else(|_| panic!("docker {words:?} does not end"))
            .expect("the docker client")
    }

    async fn ok(&self, words: &[&str]) -> String {
        let output = self.docker(words).await;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "docker {words:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    async fn refused(&self, words: &[&str]) {
        let output = self.docker(words).await;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success(),
            "docker {words:?} passed: {}",
            String::from_utf8_lossy(&output.stdout)
        );
        assert!(errors.contains("refused by Circle"), "docker {words:?}: {errors}");
    }

    /// A request as no client would write it; gives the status.
    async fn raw(&self, head: &str, body: &str) -> String {
        raw(&self.socket, head, body).await
    }
}

async fn raw(socket: &std::path::Path, head: &str, body: &str) -> String {
    let mut stream = UnixStream::connect(socket).await.expect("the socket");
    let text = format!(
        "{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(PATIENCE, read)
        .await
        .expect("an answer in time")
        .expect("an answer");
    answer
}

/// The first line of an answer to a request that is not to end with it.
async fn first_line(stream: &mut UnixStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let byte = tokio::time::timeout(PATIENCE, stream.read_u8()).await;
        line.push(byte.expect("an answer in time").expect("an answer"));
    }
    String::from_utf8_lossy(&line).trim().to_owned()
}

/// Runs a job with `docker: true`, and a story that speaks to its socket.
async fn with_socket<F: Future<Output = ()>>(
    bench: &Bench,
    story: impl FnOnce(Client, String) -> F,
) -> Arc<MemorySink> {
    with_socket_before(bench, vec![], story).await
}

/// The same, with stages behind it.
async fn with_socket_before<F: Future<Output = ()>>(
    bench: &Bench,
    later: Vec<Stage>,
    story: impl FnOnce(Client, String) -> F,
) -> Arc<MemorySink> {
    let cell = bench.cell().await;
    let sink = Arc::new(MemorySink::new(bench.folder.path().join("outputs")));
    let mut holds = job(&["ls -l /var/run/docker.sock", HOLD]);
    holds.docker = true;
    let stages = [vec![checkout(), integration(vec![], holds)], later].concat();
    let assignment = assignment(bench.repository.url(), stages);
    let run = execute(&assignment, &cell, Duration::ZERO, Around::new(sink.clone()));
    let engine = format!("unix://{}", cell.socket().display());
    let beside = cell.new_folder("beside").await.expect("a folder");
    let folders = beside.host().parent().expect("the cell's folders").to_path_buf();
    let told = sink.clone();
    let talk = async {
        let client = Client {
            socket: found(&folders, &told).await,
            engine: cell.socket().to_path_buf(),
        };
        let own = own_container(&engine).await;
        story(client, own.clone()).await;
        let touched = direct(&engine, &["exec", &own, "touch", "/workspace/go"]).await;
        assert!(touched.status.success(), "{touched:?}");
    };
    let (end, ()) = tokio::join!(run, talk);
    assert_eq!(end, End::Succeeded, "{}", sink.all());
    let left = direct(&engine, &["ps", "-aq", "--filter", "label=circle.docker"]).await;
    assert_eq!(
        String::from_utf8_lossy(&left.stdout),
        "",
        "containers of the job outlived it"
    );
    let left = direct(&engine, &["ps", "-a", "--no-trunc", "--format", "{{.Command}}"]).await;
    let left = String::from_utf8_lossy(&left.stdout).into_owned();
    assert!(
        !left.contains("left-behind"),
        "a container that a build left outlived the job: {left}"
    );
    cell.kill().await.expect("the cell is removed");
    sink
}

async fn direct(engine: &str, words: &[&str]) -> Output {
    let mut command = tokio::process::Command::new("/usr/bin/docker");
    command
        .arg("--host")
        .arg(engine)
        .args(words)
        .output()
        .await
        .expect("the docker client")
}

async fn own_container(engine: &str) -> String {
    let ids = direct(engine, &["ps", "-q", "--filter", "label=circle.stage=integration"]).await;
    String::from_utf8_lossy(&ids.stdout).trim().to_owned()
}

/// The socket of the job, once its gate is open.
async fn found(folders: &std::path::Path, sink: &MemorySink) -> PathBuf {
    let look = async {
        while !sink.all().contains("docker.sock") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let entries = std::fs::read_dir(folders).expect("the cell's folders");
        let mut sockets = entries.map(|entry| entry.expect("an entry").path().join("docker.sock"));
        sockets.find(|path| path.exists()).expect("a socket")
    };
    tokio::time::timeout(PATIENCE, look)
        .await
        .expect("the job begins in time")
}

#[tokio::test]
async fn a_job_works_with_its_cells_engine() {
    let bench = Bench::new().await;
    bench
        .commit(&[
            ("data/x", "inside\n"),
            ("Dockerfile", "FROM busybox:test\nCOPY data/x /x\nRUN echo built\n"),
        ])
        .await;
    let sink = with_socket(&bench, |client, own| async move {
        assert_eq!(
            client.ok(&["run", "--rm", "busybox:test", "echo", "hello"]).await,
            "hello"
        );
        let seen = [
            "run",
            "--rm",
            "-v",
            "/workspace/data:/d:ro",
            "-v",
            "/workspace/made:/m",
            "busybox:test",
        ];
        let script = ["sh", "-c", "cat /d/x; echo by the client >/m/by"];
        assert_eq!(client.ok(&[&seen[..], &script[..]].concat()).await, "inside");
        client.ok(&["network", "create", "mine"]).await;
        client.ok(&["volume", "create", "kept"]).await;
        let server = [
            "run",
            "-d",
            "--name",
            "web",
            "--network",
            "mine",
            "-v",
            "kept:/k",
            "-p",
            "8080:80",
            "busybox:test",
        ];
        client
            .ok(&[&server[..], &["httpd", "-f", "-p", "80", "-h", "/"]].concat())
            .await;
        let asks = [
            "run",
            "--rm",
            "--network",
            "mine",
            "busybox:test",
            "wget",
            "-qO-",
            "http://web/etc/passwd",
        ];
        assert!(client.ok(&asks).await.contains("root"));
        assert_eq!(client.ok(&["exec", "web", "sh", "-c", "echo $0", "in"]).await, "in");
        assert!(client.ok(&["ps"]).await.contains("web"));
        let context = bench_context();
        let path = context.path().display().to_string();
        assert!(client.ok(&["build", "-t", "mine:1", &path]).await.contains("built"));
        assert_eq!(client.ok(&["run", "--rm", "mine:1", "cat", "/x"]).await, "inside");
        // The socket is handed on under its own filter.
        let inner = [
            "run",
            "--rm",
            "-v",
            "/var/run/docker.sock:/var/run/docker.sock",
            "busybox:test",
            "ls",
            "/var/run/docker.sock",
        ];
        assert_eq!(client.ok(&inner).await, "/var/run/docker.sock");
        assert!(
            client.ok(&["inspect", &own]).await.contains("circle.stage"),
            "one may look at what runs beside"
        );
        client.ok(&["rm", "-f", "web"]).await;
    })
    .await;
    assert!(
        sink.all().contains("by the client"),
        "a mount of the checkout is the job's own: {}",
        sink.all()
    );
}

#[tokio::test]
async fn a_job_with_the_socket_keeps_testcontainers_from_starting_ryuk_unless_the_file_says_otherwise() {
    const VARIABLE: &str = "TESTCONTAINERS_RYUK_DISABLED";
    let bench = Bench::new().await;
    bench.commit(&[("README", "hello\n")]).await;
    let says = || job(&[&format!("echo \"Ryuk disabled: ${{{VARIABLE}-unset}}.\"")]);
    let (mut given, mut own) = (says(), says());
    (given.docker, own.docker) = (true, true);
    own.container.environment = [(VARIABLE.to_owned(), "false".to_owned())].into();
    let stages = vec![integration(vec![], given), pre_build(own, vec![]), post_build(says())];
    let ran = bench.run(stages).await;
    let sink = &ran.succeeded().sink;
    for (stage, value) in [("integration", "true"), ("pre_build", "false"), ("post_build", "unset")] {
        let log = sink.log(stage);
        assert!(log.contains(&format!("Ryuk disabled: {value}.")), "{stage}: {log}");
    }
}

#[tokio::test]
async fn sec_63_a_tag_means_one_image_for_the_whole_run_whoever_moves_it() {
    let bench = Bench::new().await;
    bench.commit(&[("data/x", "inside\n")]).await;
    // A folder of the checkout keeps a job from being started ahead: its container is made after the tag was moved.
    let mut later = job(&["ls /moved 2>&1 || echo asked"]);
    later.container.volumes = vec![Bind {
        from: "data".into(),
        to: "/d".into(),
        read_only: true,
    }];
    let sink = with_socket_before(&bench, vec![pre_build(later, vec![])], |client, _| async move {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(
            folder.path().join("Dockerfile"),
            "FROM busybox:test\nRUN touch /moved\n",
        )
        .expect("a file");
        client
            .ok(&["build", "-t", "busybox:test", &folder.path().display().to_string()])
            .await;
        assert_eq!(
            client.ok(&["run", "--rm", "busybox:test", "ls", "/moved"]).await,
            "/moved",
            "the tag was moved"
        );
    })
    .await;
    let told = sink.log("pre_build");
    assert!(
        told.contains("asked") && told.contains("No such file"),
        "the later stage ran the image of the moved tag: {told}"
    );
}

fn bench_context() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("x"), "inside\n").expect("a file");
    std::fs::write(
        folder.path().join("Dockerfile"),
        "FROM busybox:test\nCOPY x /x\nRUN echo built\n",
    )
    .expect("a file");
    folder
}

#[tokio::test]
async fn sec_30_a_job_gets_no_right_through_its_socket() {
    let bench = Bench::new().await;
    bench.commit(&[("README", "hello\n")]).await;
    with_socket(&bench, |client, own| async move {
        for options in [
            &["--privileged"][..],
            &["--cap-add", "SYS_ADMIN"],
            &["--device", "/dev/fuse"],
            &["--pid", "host"],
            &["--ipc", "host"],
            &["--uts", "host"],
            &["--userns", "host"],
            &["--network", "host"],
            &["--network", &format!("container:{own}")],
            &["--security-opt", "seccomp=unconfined"],
            &["--security-opt", "systempaths=unconfined"],
            &["--cgroup-parent", "/"],
            &["--volumes-from", &own],
            &["-v", "/:/host"],
            &["-v", "/cell:/cell"],
            &["-v", "/workspace/../cell:/cell"],
            &["-v", "/workspace:/w:rshared"],
            &["--mount", "type=bind,source=/etc,target=/e"],
            &[
                "--mount",
                "type=volume,target=/e,volume-opt=type=none,volume-opt=o=bind,volume-opt=device=/",
            ],
            &["--sysctl", "kernel.msgmax=1"],
            &["--label", "circle.stage=integration"],
        ] {
            client
                .refused(&[&["create"][..], options, &["busybox:test", "true"]].concat())
                .await;
        }
        client.refused(&["exec", &own, "true"]).await;
        client.refused(&["kill", &own]).await;
        client.refused(&["cp", &format!("{own}:/etc/passwd"), "-"]).await;
        client
            .refused(&[
                "volume",
                "create",
                "-o",
                "type=none",
                "-o",
                "o=bind",
                "-o",
                "device=/",
                "evil",
            ])
            .await;
        client
            .refused(&["network", "create", "-d", "macvlan", "-o", "parent=eth0", "evil"])
            .await;
        client.refused(&["swarm", "init"]).await;
        client.refused(&["plugin", "ls"]).await;
        client.refused(&["push", "busybox:test"]).await;
        let context = bench_context();
        client
            .refused(&["build", "--network", "host", &context.path().display().to_string()])
            .await;

        let create = "POST /v1.41/containers/create HTTP/1.1\r\nContent-Type: application/json";
        for body in [
            r#"{"Image":"busybox:test","hostconfig":{"privileged":true}}"#,
            r#"{"Image":"busybox:test","Privileged":true}"#,
            r#"{"Image":"busybox:test","HostConfig":{},"hostConfig":{"Privileged":true}}"#,
        ] {
            let answer = client.raw(create, body).await;
            assert!(answer.starts_with("HTTP/1.1 403"), "{body}: {answer}");
        }
        let form = "POST /build?remote=client-session HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded";
        assert!(client.raw(form, "networkmode=host").await.starts_with("HTTP/1.1 403"));
        assert!(
            client
                .raw("POST /v1.41/%2e%2e/swarm/init HTTP/1.1", "{}")
                .await
                .starts_with("HTTP/1.1 403")
        );

        // What a name led to is what is done; old engines would read host settings in the body of a start.
        client
            .ok(&["create", "--name", "plain", "busybox:test", "sleep", "60"])
            .await;
        let start = "POST /v1.18/containers/plain/start HTTP/1.1\r\nContent-Type: application/json";
        client.raw(start, r#"{"Privileged":true,"Binds":["/:/host"]}"#).await;
        let facts = client
            .ok(&[
                "inspect",
                "-f",
                "{{.HostConfig.Privileged}} {{.HostConfig.Binds}}",
                "plain",
            ])
            .await;
        assert_eq!(facts, "false []");
    })
    .await;
}

#[tokio::test]
async fn sec_30_the_network_of_the_host_is_refused_by_its_number_too() {
    let bench = Bench::new().await;
    bench.commit(&[("README", "hello\n")]).await;
    with_socket(&bench, |client, _| async move {
        let id = client.ok(&["network", "inspect", "-f", "{{.Id}}", "host"]).await;
        let created = client
            .docker(&[
                "create",
                "--name",
                "odd",
                "--network",
                &id,
                "busybox:test",
                "ls",
                "/sys/class/net",
            ])
            .await;
        if created.status.success() {
            let started = client.docker(&["start", "-a", "odd"]).await;
            let links = String::from_utf8_lossy(&started.stdout).into_owned();
            assert!(!links.contains("docker0"), "it runs on the cell's own network: {links}");
        }
    })
    .await;
}

#[tokio::test]
async fn sec_30_a_container_shares_the_network_of_the_jobs_own_ones_alone() {
    let bench = Bench::new().await;
    bench.commit(&[("README", "hello\n")]).await;
    with_socket(&bench, |client, own| async move {
        let db = ["run", "-d", "--name", "db", "busybox:test", "sleep", "600"];
        client.ok(&db).await;
        let joins = ["run", "--rm", "--network", "container:db", "busybox:test", "hostname"];
        let name = client.ok(&["inspect", "-f", "{{.Config.Hostname}}", "db"]).await;
        assert_eq!(client.ok(&joins).await, name, "as compose's `network_mode: service:db`");
        let create = "POST /v1.41/containers/create HTTP/1.1\r\nContent-Type: application/json";
        for mode in ["container:", "Container:", " container:", "container: "] {
            let body = format!(r#"{{"Image":"busybox:test","HostConfig":{{"NetworkMode":"{mode}{own}"}}}}"#);
            let answer = client.raw(create, &body).await;
            assert!(!answer.starts_with("HTTP/1.1 2"), "{body}: {answer}");
        }
        // The job may join networks, and so may its containers; those of a later stage may not be joined to any.
        let engine = format!("unix://{}", client.engine.display());
        let waiting = [
            "create",
            "--name",
            "later",
            "--label",
            "circle.stage=later",
            "busybox:test",
        ];
        assert!(direct(&engine, &waiting).await.status.success());
        client
            .refused(&["create", "--network", "container:later", "busybox:test"])
            .await;
        client.ok(&["network", "create", "mine"]).await;
        client.ok(&["network", "connect", "mine", &own]).await;
        client.ok(&["network", "connect", "mine", "db"]).await;
        client.refused(&["network", "connect", "mine", "later"]).await;
        client.ok(&["network", "disconnect", "mine", &own]).await;
        let nobody = r#"{"Image":"busybox:test","HostConfig":{"NetworkMode":"container:nobody"}}"#;
        let answer = client.raw(create, nobody).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn sec_23_a_name_that_leads_nowhere_is_answered_before_its_body_is_awaited() {
    let bench = Bench::new().await;
    bench.commit(&[("README", "hello\n")]).await;
    with_socket(&bench, |client, _| async move {
        // Were the body awaited, the name could be a waiting container of a later stage by then.
        let mut stream = UnixStream::connect(&client.socket).await.expect("the socket");
        let head = "POST /containers/later/exec HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                    Transfer-Encoding: chunked\r\n\r\n";
        let line = first_line(&mut stream, head).await;
        assert!(line.starts_with("HTTP/1.1 404"), "{line}");
    })
    .await;
}

#[tokio::test]
async fn sec_23_a_job_reads_no_environment_and_no_words_of_circles_containers() {
    let bench = Bench::new().await;
    bench.commit(&[("README", "hello\n")]).await;
    with_socket(&bench, |client, own| async move {
        client.refused(&["top", &own]).await;
        client.refused(&["top", &own, "eww"]).await;
        client.refused(&["logs", &own]).await;
        let answer = client
            .raw(&format!("POST /containers/{own}/attach?stdout=1 HTTP/1.1"), "")
            .await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        client.refused(&["export", &own]).await;
        client.refused(&["container", "prune", "-f"]).await;
        client
            .ok(&["run", "-d", "--name", "mine", "busybox:test", "sleep", "600"])
            .await;
        assert!(client.ok(&["top", "mine"]).await.contains("sleep"));
        assert!(client.ok(&["top", "mine", "aux"]).await.contains("sleep"));
        client.refused(&["top", "mine", "eww"]).await;

        // A command that Circle begins in its own container has the secrets of its step.
        let json = "HTTP/1.1\r\nContent-Type: application/json";
        let made = raw(
            &client.engine,
            &format!("POST /containers/{own}/exec {json}"),
            r#"{"Cmd":["true"]}"#,
        )
        .await;
        let id = made.split('"').nth(3).unwrap_or_default().to_owned();
        assert_eq!(id.len(), 64, "{made}");
        let answer = client.raw(&format!("POST /exec/{id}/start {json}"), "{}").await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        assert_eq!(client.ok(&["exec", "mine", "echo", "works"]).await, "works");
    })
    .await;
}

#[tokio::test]
async fn sec_31_what_a_build_leaves_ends_with_its_job() {
    let bench = Bench::new().await;
    bench.commit(&[("README", "hello\n")]).await;
    with_socket(&bench, |client, _| async move {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().display().to_string();
        let again = "RUN : left-behind; test -e /ran || { touch /ran; exit 0; }; sleep 600\n";
        for label in ["", "LABEL circle.stage=pre_build circle.docker=other\n"] {
            let file = format!("FROM busybox:test\n{label}{again}");
            std::fs::write(folder.path().join("Dockerfile"), file).expect("a file");
            client.ok(&["build", "--rm=false", "-q", &path]).await;
        }
        let left = client.ok(&["ps", "-aq", "--filter", "status=exited"]).await;
        assert!(left.lines().count() >= 2, "{left}");
        for id in left.lines() {
            // One that carries a label of Circle's may be refused; the other goes on.
            client.docker(&["start", id]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn sec_28_streams_of_a_job_are_counted_as_its_connections_are() {
    let bench = Bench::new().await;
    bench.commit(&[("README", "hello\n")]).await;
    with_socket(&bench, |client, _| async move {
        // Started without a client that waits for its end.
        client
            .ok(&["create", "--name", "mine", "busybox:test", "sleep", "600"])
            .await;
        client.ok(&["start", "mine"]).await;
        let attach = "POST /containers/mine/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\n\
                      Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
        let mut open = Vec::new();
        for number in 0..128 {
            let mut stream = UnixStream::connect(&client.socket).await.expect("the socket");
            let line = first_line(&mut stream, attach).await;
            assert!(line.starts_with("HTTP/1.1 101"), "{number}: {line}");
            open.push(stream);
        }
        let answer = client.raw("GET /_ping HTTP/1.1", "").await;
        assert!(
            answer.starts_with("HTTP/1.1 503") && answer.contains("at the same time"),
            "{answer}"
        );
        drop(open);
        assert!(client.ok(&["ps"]).await.contains("mine"), "what ended makes room");
    })
    .await;
}

#[tokio::test]
async fn sec_30_the_engine_fetches_no_image_from_an_address() {
    let bench = Bench::new().await;
    bench.commit(&[("README", "hello\n")]).await;
    with_socket(&bench, |client, _| async move {
        for query in [
            "fromSrc=http://127.0.0.1:1/x",
            "fromImage=&from%53rc=http://127.0.0.1:1/x",
            "fromSrc=-&fromSrc=http://a/",
        ] {
            let answer = client.raw(&format!("POST /images/create?{query} HTTP/1.1"), "").await;
            assert!(answer.starts_with("HTTP/1.1 403"), "{query}: {answer}");
        }
    })
    .await;
}
