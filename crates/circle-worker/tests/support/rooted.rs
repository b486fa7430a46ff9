//! A worker with golden roots, those who run on it, and what they leave.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, Instant};

use circle_api::worker::Assignment;
use circle_core::ids::ServiceId;
use circle_core::names::GitRef;
use circle_core::plan::{Cache, ContainerJob, Stage, Work};
use circle_core::roots::{BeganFrom, Renewal, RootAccess};
use circle_core::run::WorkerEvent;
use circle_core::trigger::Trust;
use circle_lab::{Credentials, Registry};
use circle_worker::{Executor, PartEnd, WorkerConfig, cells};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Bench, MemorySink, assignment, build, busybox, checkout, example, integration, job, stage};

pub(crate) const MAIN: &str = "refs/heads/main";
/// A root is made within seconds of its run's end.
const LIMIT: Duration = Duration::from_secs(60);

/// A worker's cells beside a git server and perhaps a registry.
pub(crate) struct Worker {
    /// Dropped first: it has its pool mounted in the bench's folder.
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) bench: Bench,
}

/// Who runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// A push to main.
    Main,
    /// A branch that reads main's root and renews nothing.
    Branch,
    Stranger,
}

impl Worker {
    pub(crate) async fn start(credentials: Option<&Credentials>) -> Self {
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

    pub(crate) fn assignment(&self, who: Who, order: u64, stages: Vec<Stage>) -> Assignment {
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
    pub(crate) async fn run(&self, who: Who, order: u64, stages: Vec<Stage>) -> (PartEnd, BeganFrom, Arc<MemorySink>) {
        self.run_assignment(self.assignment(who, order, stages)).await
    }

    /// The same for an assignment that is there already.
    pub(crate) async fn run_assignment(&self, wanted: Assignment) -> (PartEnd, BeganFrom, Arc<MemorySink>) {
        let renewal = wanted.roots.as_ref().and_then(|roots| roots.renews.clone());
        let ran = self.run_and_tell(wanted, true).await;
        if let Some(Renewal { order, .. }) = renewal.filter(|_| ran.0 == PartEnd::Succeeded) {
            self.until_kept(&format!("\"order\":{order},\"label\":\"shop {MAIN}\""))
                .await;
        }
        ran
    }

    /// Runs to the end, which the server accepts or not.
    pub(crate) async fn run_and_tell(
        &self,
        wanted: Assignment,
        is_accepted: bool,
    ) -> (PartEnd, BeganFrom, Arc<MemorySink>) {
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
    pub(crate) fn generations(&self) -> Vec<serde_json::Value> {
        let index: serde_json::Value = serde_json::from_str(&self.kept()).expect("an index");
        let roots = index["roots"].as_array().expect("roots");
        roots.iter().map(|root| root["stamp"].clone()).collect()
    }

    pub(crate) fn kept(&self) -> String {
        let index = self.bench.folder.path().join("worker/cells/pool/roots.json");
        fs::read_to_string(index).unwrap_or_default()
    }

    pub(crate) async fn until_kept(&self, what: &str) {
        let deadline = Instant::now() + LIMIT;
        while !self.kept().contains(what) {
            assert!(Instant::now() < deadline, "{what} is not kept: {}", self.kept());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub(crate) fn succeeded(end: &PartEnd, sink: &MemorySink) {
    assert_eq!(*end, PartEnd::Succeeded, "{}", sink.all());
}

/// A job with a cache whose key is a file of the checkout.
pub(crate) fn cached(commands: &[&str]) -> ContainerJob {
    let mut job = job(commands);
    job.container.caches = vec![Cache {
        path: "/cache".into(),
        key: vec!["go.sum".into()],
    }];
    job
}

/// A stage of such a job.
pub(crate) fn caching(commands: &[&str]) -> Stage {
    integration(vec![], cached(commands))
}

pub(crate) fn building() -> Stage {
    stage("build", Work::Build { images: vec![build()] })
}

/// Where the text is found, in a name or in a file: in the base, or in the roots beside it.
pub(crate) fn found_in(pool: &Path, base: bool, text: &str) -> Vec<PathBuf> {
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

/// Lets a job with `docker: true` wait until a client at its socket has said it all.
pub(crate) const WAITS: &str = "while [ ! -e /workspace/go ]; do sleep 0.05; done";

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
pub(crate) async fn client(socket: &Path, words: &[&str]) -> Output {
    let mut command = tokio::process::Command::new("/usr/bin/docker");
    let host = format!("unix://{}", socket.display());
    command.args(["--host", &host]).args(words);
    command.env("DOCKER_BUILDKIT", "0").kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, command.output()).await;
    output.expect("docker ends").expect("the docker client")
}

/// What it hears, or a panic with what it complained.
pub(crate) async fn docker(socket: &Path, words: &[&str]) -> String {
    let output = client(socket, words).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(output.status.success(), "docker {words:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// A push to main, whose job speaks to its engine and does nothing else.
pub(crate) async fn run_with_client<F: Future<Output = ()>>(
    worker: &Worker,
    order: u64,
    story: impl FnOnce(PathBuf) -> F,
) -> BeganFrom {
    let stages = vec![integration(vec![], speaking(job(&[WAITS])))];
    run_speaking(worker, worker.assignment(Who::Main, order, stages), story)
        .await
        .0
}

/// The job with the engine's socket.
pub(crate) fn speaking(job: ContainerJob) -> ContainerJob {
    ContainerJob { docker: true, ..job }
}

/// Runs to a good end what has one such job, which ends with [`WAITS`] and whose client tells the story.
pub(crate) async fn run_speaking<F: Future<Output = ()>>(
    worker: &Worker,
    wanted: Assignment,
    story: impl FnOnce(PathBuf) -> F,
) -> (BeganFrom, Arc<MemorySink>) {
    let talk = async {
        let socket = socket_of_job(&worker.bench.folder.path().join("worker")).await;
        story(socket.clone()).await;
        let go = ["run", "--rm", "-v", "/workspace:/w", "busybox:test", "touch", "/w/go"];
        // The job may end, and its socket with it, before the client has its answer.
        client(&socket, &go).await;
    };
    let run = worker.run_assignment(wanted);
    tokio::pin!(run, talk);
    let (end, began, sink) = tokio::select! {
        (end, _, sink) = &mut run => panic!("{end:?} before the client was done: {}", sink.all()),
        () = &mut talk => run.await,
    };
    succeeded(&end, &sink);
    (began, sink)
}
