//! What a plan is made of.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::rights::{Capability, Rights};

/// A text that may hold `${NAME}` and `${NAME:-text}`; see `circle_core::expand`.
pub type Template = String;

/// The folder of a container in which secrets may be files: in memory, and part of nothing that is kept.
pub const SECRETS_FOLDER: &str = "/run/secrets";

/// The stages of a run in the order in which they start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Never empty; the first stage is always checkout.
    pub stages: Vec<Stage>,
    /// Deployments that follow when every stage has succeeded; run by the server.
    pub deploys: Vec<DeployStep>,
    /// The whole run, queue excluded, in seconds.
    pub timeout_s: u64,
    /// A stage that prints nothing for so long is ended, in seconds.
    pub silence_s: u64,
    /// How this run gets along with others of the same ref.
    pub concurrency: Concurrency,
    /// What the linter warned of, one sentence each.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Names of the secrets that the stages ask for.
    pub fn secrets(&self) -> BTreeSet<String> {
        let uses = self.stages.iter().flat_map(Stage::secret_uses);
        uses.map(|used| used.name.to_owned()).collect()
    }
}

/// What a newer run of the same ref does to an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Concurrency {
    /// The newer waits until the older ended.
    Queue,
    /// The newer cancels the older.
    CancelRunning,
    /// Both run side by side.
    Parallel,
}

/// One stage: a name that is unique in the plan, and its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// `checkout`, `integration`, `pre_build`, `build`, `integration.smoke`, `push`, `post_build`.
    pub name: String,
    /// What is done.
    pub work: Work,
    /// The stage alone, in seconds.
    pub timeout_s: u64,
    /// How often it is tried at most, and when again.
    pub retry: Retry,
}

/// When a stage is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Tries in all, 1 to 5.
    pub max: u32,
    /// What calls for another try.
    pub when: RetryWhen,
}

/// What calls for another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryWhen {
    /// Only when the platform failed: a pull, an engine, a lost worker.
    Infrastructure,
    /// Also when a command failed.
    Always,
}

/// The work of a stage, one variant for each stage kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Fetch the commit.
    Checkout { submodules: bool },
    /// One job beside its sidecars; its exit code is the verdict.
    Integration {
        sidecars: Vec<Sidecar>,
        job: Box<ContainerJob>,
    },
    /// Compile, then copy outputs out.
    PreBuild { how: PreBuild, outputs: Vec<Output> },
    /// Build images; nothing is pushed yet.
    Build { images: Vec<ImageBuild> },
    /// Push what was built.
    Push { images: Vec<ImagePush> },
    /// A container after the push.
    PostBuild { job: Box<ContainerJob> },
}

/// Both forms of pre_build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum PreBuild {
    /// Commands in a tool chain image.
    Container { job: Box<ContainerJob> },
    /// An image is built; its container is started only if the last stage of the file sets CMD or ENTRYPOINT itself.
    Dockerfile { build: Box<ImageBuild> },
}

/// A container that runs commands of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerJob {
    /// Where it is built from.
    pub container: Container,
    /// Run one after the other in one shell; empty = the image's own command, or `argv`.
    pub commands: Vec<String>,
    /// Always run afterwards; they never change the verdict.
    pub finally: Vec<String>,
    /// The shell that runs `commands`.
    pub shell: Shell,
    /// Names of secrets that it is given: as environment, or as those files.
    pub secrets: Vec<String>,
    /// Where in [`SECRETS_FOLDER`] a secret is a file, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secret_files: BTreeMap<String, String>,
    /// The socket of the cell's own engine, behind a filter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub docker: bool,
}

/// The shell of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shell {
    /// `sh`, with `set -e`.
    Sh,
    /// `bash`, with `set -e -o pipefail`.
    Bash,
}

/// A service container that a stage needs beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sidecar {
    /// The name under which it answers on the stage's network.
    pub name: String,
    /// Its container.
    pub container: Container,
    /// Names of secrets that it is given: as environment, or as those files.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Where in [`SECRETS_FOLDER`] a secret is a file, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secret_files: BTreeMap<String, String>,
    /// When it counts as ready.
    pub ready: Ready,
    /// How long it may take to become ready, in seconds.
    pub ready_timeout_s: u64,
}

/// When a sidecar counts as ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ready {
    /// The image's health check, else its lowest exposed TCP port, else at once with a warning.
    Default,
    /// The image's health check.
    Healthcheck,
    /// A TCP port accepts.
    Tcp(u16),
    /// A GET answers 2xx or 3xx.
    Http { port: u16, path: String },
    /// A command in the container exits 0.
    Exec(Vec<String>),
    /// A line of its log contains this text.
    Log(String),
}

/// What every container may be given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// An image reference, or `BUILT_IMAGE` / `BUILT_IMAGE.<name>`.
    pub image: Template,
    /// Overrides the image's.
    pub entrypoint: Option<Vec<String>>,
    /// Overrides the image's.
    pub command: Option<Vec<String>>,
    /// Values may hold `${NAME}`.
    pub environment: BTreeMap<String, Template>,
    /// Absolute; `None` = `/workspace` for jobs, the image's own for sidecars.
    pub working_dir: Option<String>,
    /// `user[:group]` by name or number.
    pub user: Option<String>,
    /// Binds of folders beneath the checkout.
    pub volumes: Vec<Bind>,
    /// Absolute paths.
    pub tmpfs: Vec<String>,
    /// Folders kept between runs of the service.
    pub caches: Vec<Cache>,
    /// Bounds beneath those of the cell.
    pub resources: Resources,
    /// `name:address`.
    pub extra_hosts: Vec<String>,
    /// Resolvers.
    pub dns: Vec<String>,
    /// Other names of sidecars: alias → sidecar.
    pub links: BTreeMap<String, String>,
    /// Ports that are exposed on the stage's network.
    pub ports: Vec<u16>,
    /// Folders of the cell; their sources stand in `rights` too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Bind>,
    /// What the workspace's policy gave beyond the ordinary.
    #[serde(default, skip_serializing_if = "Rights::is_none")]
    pub rights: Rights,
    /// Capabilities that are taken away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cap_drop: Vec<Capability>,
    /// Set-user-id programs give no rights.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_new_privileges: bool,
}

/// A folder seen in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// For volumes relative to the checkout, normalised, never leaving it; for mounts absolute.
    pub from: String,
    /// Absolute in the container.
    pub to: String,
    pub read_only: bool,
}

/// A folder kept between runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// Absolute in the container.
    pub path: String,
    /// Files of the checkout whose content keys it.
    pub key: Vec<String>,
}

/// Bounds of one container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    pub memory_bytes: Option<u64>,
    /// Thousandths of a core.
    pub cpu_millis: Option<u64>,
    pub pids: Option<u64>,
}

/// A file or folder copied out of a pre_build container into the checkout of later stages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Absolute in the container.
    pub from: String,
    /// Relative to the checkout.
    pub to: String,
}

/// One image to build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageBuild {
    /// The key under `images`, or `default`.
    pub name: String,
    /// Relative to the checkout; `.` is the checkout.
    pub context: String,
    /// Relative to the context.
    pub dockerfile: String,
    /// A stage of the Dockerfile.
    pub target: Option<String>,
    pub args: BTreeMap<String, Template>,
    pub labels: BTreeMap<String, Template>,
    /// Build secrets: names; they never reach a layer.
    pub secrets: Vec<String>,
}

/// One image to push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagePush {
    /// The key under `images`.
    pub name: String,
    /// `registry/path` with the registry's name in the workspace, or a path alone; `None` = the service's own repository.
    pub repository: Option<Template>,
    /// At least one; `${CIRCLE_VERSION}` by default.
    pub tags: Vec<Template>,
}

/// One deployment that the file asks for; the environment on the server decides what is really done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployStep {
    /// The environment's name on the server.
    pub environment: String,
    /// Which image; the only one when there is one.
    pub image: String,
    /// Environments that must have succeeded before.
    pub needs: Vec<String>,
    /// An extra check after the rollout.
    pub verify: Option<Verify>,
}

/// A check of the deployed service from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    /// A path that must answer 2xx.
    pub http: String,
    /// In seconds.
    pub within_s: u64,
}
