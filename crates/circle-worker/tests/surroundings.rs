//! What the operator's network asks of cells: mirrors, a proxy, authorities of its own.

mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use circle_cell::{Cell, CellProvider, CellSpec, Proxy, Relay, Surroundings};
use circle_core::plan::{Ready, Stage, Work};
use circle_lab::Registry;
use circle_worker::{Around, End, execute};
use support::containers::Host;
use support::{Bench, MemorySink, assignment, build, busybox, checkout, container, integration, job, sidecar, stage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

async fn cell(
    (bench, provider): (&Bench, &dyn CellProvider),
    surroundings: Surroundings,
    doors: &[SocketAddr],
) -> Cell {
    let git: SocketAddr = bench.git.address().parse().expect("an address");
    let spec = CellSpec {
        images: vec![busybox()],
        relays: doors.iter().copied().chain([git]).map(Relay::same).collect(),
        surroundings,
        ..CellSpec::default()
    };
    provider.start(&spec).await.expect("a cell starts")
}

async fn docker(cell: &Cell, words: &[&str]) -> std::process::Output {
    let mut command = tokio::process::Command::new("/usr/bin/docker");
    command
        .arg("--host")
        .arg(format!("unix://{}", cell.socket().display()))
        .args(words);
    command.output().await.expect("the docker client")
}

async fn pushed(cell: &Cell, name: &str) {
    for words in [&["tag", "busybox:test", name][..], &["push", name]] {
        let output = docker(cell, words).await;
        assert!(
            output.status.success(),
            "{words:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// Runs stages in a cell that is there already.
async fn run(bench: &Bench, cell: &Cell, stages: Vec<Stage>) -> (End, Arc<MemorySink>) {
    let sink = Arc::new(MemorySink::new(bench.folder.path().join("outputs")));
    let mut all = vec![checkout()];
    all.extend(stages);
    let assignment = assignment(bench.repository.url(), all);
    let run = execute(&assignment, cell, Duration::ZERO, Around::new(sink.clone()));
    let end = tokio::time::timeout(Duration::from_secs(150), run).await;
    (
        end.unwrap_or_else(|_| panic!("the run does not end: {}", sink.all())),
        sink,
    )
}

#[tokio::test]
async fn an_image_of_docker_hub_comes_from_the_mirror() {
    let bench = Bench::with_registry(None).await;
    the_mirror_is_asked(&bench, &bench.provider).await;
}

async fn the_mirror_is_asked(bench: &Bench, provider: &dyn CellProvider) {
    bench
        .commit(&[("Dockerfile", "FROM mirrored:1\nRUN echo built on it\n")])
        .await;
    let address = bench.registry.as_ref().expect("a registry").address();
    let door: SocketAddr = address.parse().expect("an address");
    let first = cell((bench, provider), Surroundings::default(), &[door]).await;
    pushed(&first, &format!("{address}/library/mirrored:1")).await;
    first.kill().await.expect("it is removed");

    let surroundings = Surroundings {
        registry_mirrors: vec![format!("http://{address}")],
        ..Surroundings::default()
    };
    let cell = cell((bench, provider), surroundings, &[door]).await;
    let mut of_mirror = job(&["echo from the mirror"]);
    of_mirror.container = container("mirrored:1");
    let stages = vec![
        integration(vec![], of_mirror),
        stage("build", Work::Build { images: vec![build()] }),
    ];
    let (end, sink) = run(bench, &cell, stages).await;
    assert_eq!(end, End::Succeeded, "{}", sink.all());
    assert!(
        sink.all().contains("from the mirror") && sink.all().contains("built on it"),
        "{}",
        sink.all()
    );
    cell.kill().await.expect("it is removed");
}

fn openssl(place: &Path, words: &str) {
    let output = std::process::Command::new("openssl")
        .args(words.split(' '))
        .current_dir(place)
        .output();
    let output = output.expect("openssl is installed");
    assert!(
        output.status.success(),
        "openssl {words}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A key and a certificate for an address, signed by `ca`.
fn issue(place: &Path, address: std::net::IpAddr) {
    std::fs::write(place.join("names"), format!("subjectAltName=IP:{address}")).expect("a file");
    openssl(
        place,
        "req -newkey rsa:2048 -nodes -subj /CN=registry -keyout server.key -out server.csr",
    );
    openssl(
        place,
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
    );
}

#[tokio::test]
async fn a_registry_of_a_private_authority_is_trusted_where_the_operator_says_so() {
    let bench = Bench::new().await;
    the_authority_is_trusted(&bench, &bench.provider).await;
}

async fn the_authority_is_trusted(bench: &Bench, provider: &dyn CellProvider) {
    bench.commit(&[("README", "hello\n")]).await;
    let place = bench.folder.path();
    openssl(
        place,
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=circle-test-authority -keyout ca.key -out ca.pem",
    );
    let trusting = Surroundings {
        certificates: vec![place.join("ca.pem")],
        ..Surroundings::default()
    };
    let trusts = cell((bench, provider), trusting, &[]).await;
    let doubts = cell((bench, provider), Surroundings::default(), &[]).await;
    for (cell, is_trusted) in [(&trusts, true), (&doubts, false)] {
        // Loopback would be spoken with whatever its certificate; the cell's own address is not.
        issue(place, cell.address().into());
        let folder = place.join(format!("registry-{is_trusted}"));
        let (certificate, key) = (place.join("server.pem"), place.join("server.key"));
        let registry = Registry::start_with_tls(&folder, &certificate, &key).await;
        let registry = registry.expect("a registry");
        let outside: SocketAddr = registry.address().parse().expect("an address");
        let inside = SocketAddr::from((cell.address(), outside.port()));
        cell.open_relay(Relay { inside, outside }).await.expect("a door");
        let name = format!("{inside}/shop:1");
        if is_trusted {
            pushed(cell, &name).await;
            docker(cell, &["rmi", &name]).await;
            let mut of_it = job(&[
                "grep -c BEGIN $SSL_CERT_FILE",
                "test $SSL_CERT_FILE = $GIT_SSL_CAINFO && tail -n 3 $CURL_CA_BUNDLE",
            ]);
            of_it.container = container(&name);
            let (end, sink) = run(bench, cell, vec![integration(vec![], of_it)]).await;
            assert_eq!(end, End::Succeeded, "{}", sink.all());
            let authority = std::fs::read_to_string(place.join("ca.pem")).expect("the authority");
            let last = authority.lines().rev().nth(1).expect("a line of it");
            assert!(sink.all().contains(last), "the job has the authority: {}", sink.all());
        } else {
            let refused = docker(cell, &["pull", &name]).await;
            let said = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(!refused.status.success() && said.contains("x509"), "{said}");
        }
    }
    for cell in [trusts, doubts] {
        cell.kill().await.expect("it is removed");
    }
}

#[tokio::test]
async fn a_certificate_that_is_none_keeps_a_cell_from_starting_with_a_sentence() {
    let bench = Bench::new().await;
    let path = bench.folder.path().join("no.pem");
    std::fs::write(&path, "nothing\n").expect("a file");
    let spec = CellSpec {
        surroundings: Surroundings {
            certificates: vec![path.clone()],
            ..Surroundings::default()
        },
        ..CellSpec::default()
    };
    let error = bench
        .provider
        .start(&spec)
        .await
        .expect_err("it cannot start")
        .to_string();
    assert!(
        error.contains("no.pem") && error.contains("no certificate in PEM"),
        "{error}"
    );
}

/// A proxy that says no to everything and remembers what it was asked for.
async fn proxy() -> (SocketAddr, Arc<Mutex<Vec<String>>>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let (mut task, seen) = (JoinSet::new(), asked.clone());
    task.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4_096];
            let length = stream.read(&mut head).await.unwrap_or(0);
            let line = String::from_utf8_lossy(&head[..length])
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned();
            seen.lock().expect("nobody panics with it").push(line);
            let _ = stream
                .write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .await;
        }
    });
    (address, asked, task)
}

#[tokio::test]
async fn daemon_builds_jobs_and_sidecars_use_the_proxy() {
    let bench = Bench::new().await;
    the_proxy_is_used(&bench, &bench.provider).await;
}

async fn the_proxy_is_used(bench: &Bench, provider: &dyn CellProvider) {
    bench
        .commit(&[("Dockerfile", "FROM busybox:test\nRUN echo build goes by $https_proxy\n")])
        .await;
    let (address, asked, _proxy) = proxy().await;
    let way = Some(format!("http://{address}"));
    let surroundings = Surroundings {
        proxy: Proxy {
            http: way.clone(),
            https: way,
            none: Some("intern.example".to_owned()),
        },
        ..Surroundings::default()
    };
    let cell = cell((bench, provider), surroundings, &[address]).await;
    let side = sidecar(
        "db",
        "echo side goes by $HTTP_PROXY; exec httpd -f -p 80",
        Ready::Tcp(80),
    );
    let mut own = job(&[
        "echo job goes by $HTTPS_PROXY not to $no_proxy",
        "echo mine is $http_proxy",
    ]);
    own.container
        .environment
        .insert("http_proxy".to_owned(), "http://mine".to_owned());
    let mut missing = job(&["true"]);
    missing.container = container("registry.example/none:1");
    let stages = vec![
        integration(vec![side], own),
        stage("build", Work::Build { images: vec![build()] }),
        support::post_build(missing),
    ];
    let (end, sink) = run(bench, &cell, stages).await;
    assert!(matches!(end, End::Failed(_)), "there is no such registry");
    let all = sink.all();
    for wanted in [
        format!("side goes by http://{address}"),
        format!("job goes by http://{address} not to intern.example,localhost,127.0.0.0/8,db"),
        "mine is http://mine".to_owned(),
        format!("build goes by http://{address}"),
    ] {
        assert!(all.contains(&wanted), "{wanted} is not in:\n{all}");
    }
    let asked = asked.lock().expect("nobody panics with it").clone();
    assert!(
        asked
            .iter()
            .any(|line| line.starts_with("CONNECT registry.example:443")),
        "{asked:?}"
    );
    cell.kill().await.expect("it is removed");
}

#[tokio::test]
async fn cells_in_containers_have_the_mirror_the_authority_and_the_proxy_too() {
    let (host, bench) = tokio::join!(Host::start(), Bench::with_registry(None));
    let provider = host.provider().await;
    the_mirror_is_asked(&bench, &provider).await;
    the_authority_is_trusted(&bench, &provider).await;
    the_proxy_is_used(&bench, &provider).await;
    provider.settled().await;
}
