//! Golden roots as a worker keeps them: what a trusted run left is where the next one begins, and nobody else can change it
//! or look into it.

mod support;

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, Instant};

use circle_api::worker::{Assignment, RegistryAccess, SecretValue};
use circle_core::ids::ServiceId;
use circle_core::names::GitRef;
use circle_core::plan::{Cache, Stage, Work};
use circle_core::roots::{BeganFrom, Renewal, RootAccess};
use circle_core::run::WorkerEvent;
use circle_core::trigger::Trust;
use circle_lab::{Credentials, Registry};
use circle_worker::{Executor, PartEnd, WorkerConfig, cells};
use support::{
    Bench, MemorySink, assignment, build, busybox, checkout, container, example, integration, job, push, stage,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const MAIN: &str = "refs/heads/main";
/// A root is made within seconds of its run's end.
const LIMIT: Duration = Duration::from_secs(60);

/// A worker's cells beside a git server and perhaps a registry.
struct Worker {
    bench: Bench,
    executor: Arc<dyn Executor>,
}

/// Who runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    /// A push to main.
    Main,
    /// A branch that reads main's root and renews nothing.
    Branch,
    Stranger,
}

impl Worker {
    async fn start(credentials: Option<&Credentials>) -> Self {
        let bench = Bench::with_registry(credentials).await;
        let mut config = WorkerConfig::new("http://127.0.0.1:1", bench.folder.path().join("worker"));
        config.images = vec![busybox()];
        config.cell_init = Some(vec![example("cell-init")]);
        config.relays = [
            Some(bench.git.address()),
            bench.registry.as_ref().map(Registry::address),
        ]
        .into_iter()
        .flatten()
        .collect();
        let worker = Self {
            bench,
            executor: cells(config).await.expect("cells"),
        };
        worker.until_kept("the operator's images").await;
        worker
    }

    fn assignment(&self, who: Who, order: u64, stages: Vec<Stage>) -> Assignment {
        let mut all = vec![checkout()];
        all.extend(stages);
        let mut wanted = assignment(self.bench.repository.url(), all);
        let main: GitRef = MAIN.parse().expect("a ref");
        let trust = if who == Who::Stranger {
            Trust::Stranger
        } else {
            Trust::Member
        };
        wanted.fence = order;
        wanted.facts.trigger.trust = trust;
        wanted.roots = Some(RootAccess {
            service: ServiceId::from_uuid(Uuid::from_u128(7)),
            trust,
            reads: vec![main.clone()],
            renews: (who == Who::Main).then_some(Renewal { git_ref: main, order }),
        });
        wanted
    }

    /// Runs to the end and tells it; a root that is renewed stands when this returns.
    async fn run(&self, who: Who, order: u64, stages: Vec<Stage>) -> (PartEnd, BeganFrom, Arc<MemorySink>) {
        self.run_assignment(who, self.assignment(who, order, stages)).await
    }

    async fn run_assignment(&self, who: Who, wanted: Assignment) -> (PartEnd, BeganFrom, Arc<MemorySink>) {
        let (fence, ran) = (wanted.fence, self.run_and_tell(wanted, true).await);
        if who == Who::Main && ran.0 == PartEnd::Succeeded {
            self.until_kept(&format!("\"order\":{fence},\"label\":\"shop {MAIN}\""))
                .await;
        }
        ran
    }

    /// Runs to the end, which the server accepts or not.
    async fn run_and_tell(&self, wanted: Assignment, is_accepted: bool) -> (PartEnd, BeganFrom, Arc<MemorySink>) {
        let sink = Arc::new(MemorySink::new(self.bench.folder.path().join("outputs")));
        let (run, fence) = (wanted.run, wanted.fence);
        let end = self
            .executor
            .execute(Arc::new(wanted), sink.clone(), CancellationToken::new())
            .await;
        self.executor.told(run, fence, is_accepted);
        let began = sink
            .events
            .lock()
            .expect("events")
            .iter()
            .find_map(|event| match event {
                WorkerEvent::CellTaken { began } => Some(began.clone()),
                _ => None,
            });
        (end, began.expect("it says what its cell began from"), sink)
    }

    /// Names and generations of what is kept.
    fn generations(&self) -> Vec<serde_json::Value> {
        let index: serde_json::Value = serde_json::from_str(&self.kept()).expect("an index");
        let roots = index["roots"].as_array().expect("roots");
        roots.iter().map(|root| root["stamp"].clone()).collect()
    }

    fn kept(&self) -> String {
        let index = self.bench.folder.path().join("worker/cells/pool/roots.json");
        fs::read_to_string(index).unwrap_or_default()
    }

    async fn until_kept(&self, what: &str) {
        let deadline = Instant::now() + LIMIT;
        while !self.kept().contains(what) {
            assert!(Instant::now() < deadline, "{what} is not kept: {}", self.kept());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn succeeded(end: &PartEnd, sink: &MemorySink) {
    assert_eq!(*end, PartEnd::Succeeded, "{}", sink.all());
}

/// A job with a cache whose key is a file of the checkout.
fn caching(commands: &[&str]) -> Stage {
    let mut job = job(commands);
    job.container.caches = vec![Cache {
        path: "/cache".into(),
        key: vec!["go.sum".into()],
    }];
    integration(vec![], job)
}

fn building() -> Stage {
    stage("build", Work::Build { images: vec![build()] })
}

const DOCKERFILE: &str =
    "FROM busybox:test\nRUN --mount=type=cache,target=/c echo seen >> /c/seen && date +%s%N > /made\n";

/// Where the text is found, in a name or in a file: in the base, or in the roots beside it.
fn found_in(pool: &Path, base: bool, text: &str) -> Vec<PathBuf> {
    let kept = fs::read_dir(pool.join("kept")).expect("the roots").flatten();
    let wanted = kept.filter(|entry| entry.file_name().to_string_lossy().starts_with("base") == base);
    let mut folders: Vec<PathBuf> = wanted.map(|entry| entry.path()).collect();
    assert!(!folders.is_empty(), "no such root in {}", pool.display());
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let kind = entry.file_type().expect("a kind");
            let holds = || {
                let bytes = fs::read(entry.path()).unwrap_or_default();
                bytes.windows(text.len()).any(|window| window == text.as_bytes())
            };
            if entry.file_name().to_string_lossy().contains(text) || (kind.is_file() && holds()) {
                found.push(entry.path());
            }
            if kind.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    found
}

/// Leaves what nobody else may see in a layer and in a cache mount.
const MEMBERS: &str = "FROM busybox:test
RUN --mount=type=cache,target=/c echo private-mount > /c/seen && echo private-layer > /private-layer
";
/// The same cache mount, and the same step as the members' up to the file that it looks for.
const STRANGERS: &str = "FROM busybox:test
RUN --mount=type=cache,target=/c test -z \"$(ls -A /c)\" && test ! -e /private-layer
RUN --mount=type=cache,target=/c echo private-mount > /c/seen && echo private-layer > /private-layer
";

#[tokio::test]
async fn a_run_begins_from_what_the_last_one_left_with_its_layers_and_caches() {
    let worker = Worker::start(None).await;
    worker
        .bench
        .commit(&[("Dockerfile", DOCKERFILE), ("go.sum", "one")])
        .await;
    let stages = || vec![caching(&["echo run >> /cache/log", "cat /cache/log"]), building()];
    let (end, began, sink) = worker.run(Who::Main, 1, stages()).await;
    succeeded(&end, &sink);
    assert_ne!(began.root, MAIN, "there is none yet");
    let (end, began, sink) = worker.run(Who::Main, 2, stages()).await;
    succeeded(&end, &sink);
    assert_eq!((began.root.as_str(), began.generation), (MAIN, 1));
    assert!(sink.log("integration").contains("run\nrun\n"), "{}", sink.all());
    assert!(sink.log("build").contains("CACHED"), "{}", sink.all());

    worker.bench.commit(&[("go.sum", "two")]).await;
    let (end, began, sink) = worker.run(Who::Main, 3, stages()).await;
    succeeded(&end, &sink);
    assert_eq!(began.generation, 2);
    let log = sink.log("integration");
    assert!(
        log.contains("run\n") && !log.contains("run\nrun\n"),
        "another key is another cache: {log}"
    );
    worker.executor.shutdown().await;
}

/// Lets a job with `docker: true` wait until a client at its socket has said it all.
const WAITS: &str = "while [ ! -e /workspace/go ]; do sleep 0.05; done";

/// The socket of a job that runs in a cell of this worker's.
async fn socket_of_job(worker: &Path) -> PathBuf {
    let deadline = Instant::now() + LIMIT;
    loop {
        let mut folders = vec![worker.join("cells")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let (name, path) = (entry.file_name(), entry.path());
                // A cell's own engine is at `run/docker.sock`; what is old does not answer any more.
                if name == "docker.sock" && !folder.ends_with("run") && UnixStream::connect(&path).is_ok() {
                    return path;
                }
                let deep = ["docker", "layers", "views", "kept", "root"]
                    .iter()
                    .any(|deep| name == *deep);
                if !deep && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(path);
                }
            }
        }
        assert!(Instant::now() < deadline, "no job has a socket");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The client of this machine at a job's socket.
async fn client(socket: &Path, words: &[&str]) -> Output {
    let mut command = tokio::process::Command::new("/usr/bin/docker");
    let host = format!("unix://{}", socket.display());
    command.args(["--host", &host]).args(words);
    command.env("DOCKER_BUILDKIT", "0").kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, command.output()).await;
    output.expect("docker ends").expect("the docker client")
}

/// What it hears, or a panic with what it complained.
async fn docker(socket: &Path, words: &[&str]) -> String {
    let output = client(socket, words).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(output.status.success(), "docker {words:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// A push to main, whose job speaks to its engine.
async fn run_with_client<F: Future<Output = ()>>(
    worker: &Worker,
    order: u64,
    story: impl FnOnce(PathBuf) -> F,
) -> BeganFrom {
    let mut waits = job(&[WAITS]);
    waits.docker = true;
    let talk = async {
        let socket = socket_of_job(&worker.bench.folder.path().join("worker")).await;
        story(socket.clone()).await;
        let go = ["run", "--rm", "-v", "/workspace:/w", "busybox:test", "touch", "/w/go"];
        // The job may end, and its socket with it, before the client has its answer.
        client(&socket, &go).await;
    };
    let run = worker.run(Who::Main, order, vec![integration(vec![], waits)]);
    tokio::pin!(run, talk);
    let (end, began, sink) = tokio::select! {
        (end, _, sink) = &mut run => panic!("{end:?} before the client was done: {}", sink.all()),
        () = &mut talk => run.await,
    };
    succeeded(&end, &sink);
    began
}

#[tokio::test]
async fn sec_60_a_root_holds_no_tag_that_a_job_moved_and_no_image_that_the_run_did_not_use() {
    const IMAGES: [&str; 3] = ["images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"];
    let worker = Worker::start(None).await;
    worker.bench.commit(&[("README", "hello\n")]).await;
    let context = tempfile::tempdir().expect("a folder");
    fs::write(
        context.path().join("Dockerfile"),
        "FROM busybox:test\nRUN touch /moved\n",
    )
    .expect("a file");
    let path = context.path().display().to_string();
    let before = std::sync::Mutex::new(String::new());
    let (noted, context) = (&before, path.as_str());
    run_with_client(&worker, 1, |socket| async move {
        *noted.lock().expect("no panic") = docker(&socket, &IMAGES).await;
        docker(&socket, &["build", "-t", "busybox:test", "-t", "extra:1", context]).await;
        docker(&socket, &["tag", "extra:1", "extra:2"]).await;
        let moved = ["run", "--rm", "busybox:test", "ls", "/moved"];
        assert_eq!(docker(&socket, &moved).await, "/moved", "the tag was moved");
    })
    .await;

    let before = before.into_inner().expect("no panic");
    assert_eq!(before.lines().count(), 1, "the operator's image alone: {before}");
    let began = run_with_client(&worker, 2, |socket| async move {
        assert_eq!(
            docker(&socket, &IMAGES).await,
            before,
            "tags and images as the first run found them"
        );
        let looks = [
            "run",
            "--rm",
            "busybox:test",
            "sh",
            "-c",
            "ls /moved 2>&1 || echo the old image",
        ];
        assert!(docker(&socket, &looks).await.contains("the old image"));
    })
    .await;
    assert_eq!((began.root.as_str(), began.generation), (MAIN, 1));
    worker.executor.shutdown().await;
}

#[tokio::test]
async fn sec_60_a_success_that_the_server_did_not_accept_renews_nothing() {
    let worker = Worker::start(None).await;
    worker.bench.commit(&[("go.sum", "one")]).await;
    let stages = || vec![caching(&["test ! -e /cache/lost", "touch /cache/lost"])];
    let lost = worker.assignment(Who::Main, 1, stages());
    let (end, _, sink) = worker.run_and_tell(lost, false).await;
    succeeded(&end, &sink);
    let (end, began, sink) = worker.run(Who::Main, 2, stages()).await;
    succeeded(&end, &sink);
    assert_ne!(began.root, MAIN, "a lost run renewed the root: {}", worker.kept());
    assert!(
        !worker.kept().contains("\"order\":1,\"label\":\"shop"),
        "{}",
        worker.kept()
    );
    worker.executor.shutdown().await;
}

#[tokio::test]
async fn sec_60_a_branch_begins_warm_and_leaves_no_trace() {
    let worker = Worker::start(None).await;
    worker
        .bench
        .commit(&[("Dockerfile", DOCKERFILE), ("go.sum", "one")])
        .await;
    let good = || vec![caching(&["echo good >> /cache/log"]), building()];
    let (end, _, sink) = worker.run(Who::Main, 1, good()).await;
    succeeded(&end, &sink);
    let before = worker.generations();

    let attack = caching(&["cat /cache/log", "echo evil > /cache/log; echo evil > /cache/evil"]);
    worker
        .bench
        .commit(&[(
            "Dockerfile",
            "FROM busybox:test\nRUN --mount=type=cache,target=/c echo evil > /c/seen\n",
        )])
        .await;
    let (end, began, sink) = worker.run(Who::Branch, 2, vec![attack, building()]).await;
    succeeded(&end, &sink);
    assert_eq!(
        (began.root.as_str(), began.generation),
        (MAIN, 1),
        "a branch begins warm"
    );
    assert!(sink.log("integration").contains("good"), "{}", sink.all());
    assert_eq!(worker.generations(), before, "a branch renews nothing");

    let look = "FROM busybox:test\nRUN --mount=type=cache,target=/c cat /c/seen && ! grep evil /c/seen\n";
    worker.bench.commit(&[("Dockerfile", look)]).await;
    let looks = caching(&["test ! -e /cache/evil", "! grep evil /cache/log", "cat /cache/log"]);
    let (end, began, sink) = worker.run(Who::Main, 3, vec![looks, building()]).await;
    succeeded(&end, &sink);
    assert_eq!(began.generation, 1);
    assert!(sink.log("build").contains("seen"), "{}", sink.all());
    worker.executor.shutdown().await;
}

#[tokio::test]
async fn sec_75_a_stranger_sees_no_private_image_and_no_cache_of_others() {
    let credentials = Credentials {
        username: "pusher".into(),
        password: "right-password".into(),
    };
    let worker = Worker::start(Some(&credentials)).await;
    let registry = worker.bench.registry.as_ref().expect("a registry").address();
    let private = format!("{registry}/shop/tool:1");
    worker.bench.commit(&[("Dockerfile", MEMBERS), ("go.sum", "one")]).await;
    let access = RegistryAccess {
        name: "local".into(),
        address: registry.clone(),
        username: Some("pusher".into()),
        password: Some(SecretValue::new("right-password")),
    };
    let trusted = |order, stages| {
        let mut wanted = worker.assignment(Who::Main, order, stages);
        wanted.registries = vec![access.clone()];
        wanted.image_home = Some(format!("{registry}/shop/tool"));
        wanted.push_confinement = vec![format!("{registry}/shop/tool")];
        wanted
    };
    let first = trusted(
        1,
        vec![
            caching(&["echo private-cache > /cache/private-name"]),
            building(),
            push(&["1"]),
        ],
    );
    let (end, _, sink) = worker.run_assignment(Who::Main, first).await;
    succeeded(&end, &sink);
    let mut pulls = job(&["cat /private-layer"]);
    pulls.container = container(&private);
    let second = trusted(2, vec![integration(vec![], pulls.clone()), building()]);
    let (end, began, sink) = worker.run_assignment(Who::Main, second).await;
    succeeded(&end, &sink);
    assert_eq!(began.root, MAIN);
    assert!(
        worker.kept().contains(&private),
        "the private image is in the root: {}",
        worker.kept()
    );

    // What members left lies in their root, in every place where a run could leave it ...
    let pool = worker.bench.folder.path().join("worker/cells/pool");
    let places = [
        "private-cache",
        "private-name",
        "private-mount",
        "private-layer",
        "shop/tool",
    ];
    for text in places {
        assert!(
            !found_in(&pool, false, text).is_empty(),
            "{text} is nowhere in the members' root"
        );
    }
    // ... and nowhere in the one that strangers begin from: no layer, image name, cache mount, cache or volume.
    for text in places {
        let base = found_in(&pool, true, text);
        assert!(base.is_empty(), "{text} is in {base:?}");
    }
    let looks = caching(&["ls -A /cache", "test -z \"$(ls -A /cache)\""]);
    worker.bench.commit(&[("Dockerfile", STRANGERS)]).await;
    let (end, began, sink) = worker.run(Who::Stranger, 3, vec![looks, building()]).await;
    succeeded(&end, &sink);
    assert_eq!(began.root, "base", "a stranger begins from what holds nothing private");
    assert!(
        !sink.log("build").contains("CACHED"),
        "a layer of others: {}",
        sink.all()
    );
    let mut wanted = worker.assignment(Who::Stranger, 4, vec![integration(vec![], pulls)]);
    wanted.registries = vec![RegistryAccess {
        username: None,
        password: None,
        ..access.clone()
    }];
    let (end, _, sink) = worker.run_assignment(Who::Stranger, wanted).await;
    let PartEnd::Failed(failure) = end else {
        panic!("a stranger had the private image: {}", sink.all())
    };
    assert!(failure.message.contains("wants a credential"), "{}", failure.message);
    worker.executor.shutdown().await;
}
