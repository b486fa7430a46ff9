//! The syntax tree: what the file says, with places where later checks need them.
//!
//! Values are parsed (seconds, bytes, normalised paths) but nothing is decided yet: defaults that depend on the trigger or
//! on the policy are the planner's.

use std::collections::BTreeMap;

use super::diagnostic::Diagnostic;
use super::source::{Source, Span, Spanned};
use crate::inputs::Input;
use crate::plan::{Bind, Cache, Concurrency, Output, Ready, Resources, Retry, Shell, Verify};
use crate::rights::{Capability, Right};
use crate::schedule::Timing;

/// A whole pipeline file without errors.
#[derive(Debug, Clone)]
pub struct PipelineFile {
    pub(crate) source: Source,
    /// What was found and is no error.
    pub(crate) warnings: Vec<Diagnostic>,
    pub(crate) triggers: Option<Vec<TriggerRule>>,
    pub(crate) concurrency: ConcurrencyRules,
    /// In the order of the file.
    pub(crate) inputs: Vec<Input>,
    pub(crate) integration: Option<Integration>,
    pub(crate) pre_build: Option<PreBuildSection>,
    pub(crate) build: Option<BuildSection>,
    pub(crate) post_build: Option<Job>,
    pub(crate) deploy: Option<Vec<DeployEntry>>,
}

/// A rule of `triggers`.
#[derive(Debug, Clone)]
pub(crate) struct TriggerRule {
    pub(crate) span: Span,
    pub(crate) event: EventWord,
    pub(crate) branches: Option<Patterns>,
    pub(crate) tags: Option<Patterns>,
    pub(crate) into: Option<Patterns>,
    pub(crate) paths: Option<Patterns>,
    /// Of a schedule, and of no other rule.
    pub(crate) timing: Option<Timing>,
    pub(crate) stages: StageSet,
    pub(crate) push_never: Option<Span>,
}

/// The word behind `event:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventWord {
    Push,
    Tag,
    PullRequest,
    Manual,
    Schedule,
}

/// Patterns as they were written, known to compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Patterns(pub(crate) Vec<String>);

/// A stage that a rule can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StageName {
    Integration,
    PreBuild,
    Build,
    PostBuild,
    Deploy,
}

/// Which stages a rule wants.
#[derive(Debug, Clone)]
pub(crate) enum StageSet {
    All,
    Only(Vec<Spanned<StageName>>),
}

/// `concurrency`, defaults filled in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConcurrencyRules {
    pub(crate) pull_request: Concurrency,
    pub(crate) branch: Concurrency,
    pub(crate) tag: Concurrency,
}

/// `integration`.
#[derive(Debug, Clone)]
pub(crate) struct Integration {
    pub(crate) sidecars: Vec<SidecarEntry>,
    pub(crate) jobs: Vec<Job>,
}

/// A job of `integration`, or the container of pre_build or post_build.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// The key under `jobs`, or the section's.
    pub(crate) name: Spanned<String>,
    pub(crate) container: ContainerSpec,
    pub(crate) commands: Vec<Spanned<String>>,
    pub(crate) finally: Vec<Spanned<String>>,
    pub(crate) shell: Shell,
    pub(crate) limits: Limits,
    pub(crate) docker: bool,
    pub(crate) after_build: bool,
}

/// What every stage may say about itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    pub(crate) timeout_s: Option<u64>,
    pub(crate) retry: Option<Retry>,
}

/// A sidecar.
#[derive(Debug, Clone)]
pub(crate) struct SidecarEntry {
    pub(crate) name: Spanned<String>,
    pub(crate) container: ContainerSpec,
    /// `None` = the file does not say.
    pub(crate) ready: Option<Ready>,
    /// Whether there is a `ready` at all, be it a bad one.
    pub(crate) says_ready: bool,
    pub(crate) ready_timeout_s: Option<u64>,
}

/// What every container may be given.
#[derive(Debug, Clone)]
pub(crate) struct ContainerSpec {
    pub(crate) image: Option<Spanned<String>>,
    pub(crate) entrypoint: Option<Vec<String>>,
    pub(crate) command: Option<Vec<String>>,
    pub(crate) environment: Vec<Pair>,
    pub(crate) working_dir: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) volumes: Vec<Bind>,
    pub(crate) tmpfs: Vec<String>,
    pub(crate) caches: Vec<Cache>,
    /// All names, also of those that are files.
    pub(crate) secrets: Vec<Spanned<String>>,
    /// Where a secret is a file, by name.
    pub(crate) secret_files: BTreeMap<String, String>,
    pub(crate) resources: Resources,
    pub(crate) extra_hosts: Vec<String>,
    pub(crate) dns: Vec<String>,
    pub(crate) links: Vec<Link>,
    pub(crate) ports: Vec<u16>,
    /// Folders of the cell.
    pub(crate) mounts: Vec<Bind>,
    /// What only a workspace's policy can give.
    pub(crate) rights: Vec<Spanned<Right>>,
    pub(crate) cap_drop: Vec<Capability>,
    pub(crate) no_new_privileges: bool,
}

/// A name and a value that may hold `${NAME}`.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) name: Spanned<String>,
    pub(crate) value: Spanned<String>,
}

/// Another name of a sidecar.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) sidecar: Spanned<String>,
    pub(crate) alias: String,
}

/// `pre_build`.
#[derive(Debug, Clone)]
pub(crate) struct PreBuildSection {
    pub(crate) form: PreBuildForm,
    pub(crate) outputs: Vec<Spanned<Output>>,
    pub(crate) limits: Limits,
}

/// Which of both forms.
#[derive(Debug, Clone)]
pub(crate) enum PreBuildForm {
    Container(Box<Job>),
    Dockerfile(Box<ImageSpec>),
}

/// `build`.
#[derive(Debug, Clone)]
pub(crate) struct BuildSection {
    /// In the order of the file.
    pub(crate) images: Vec<ImageSpec>,
    pub(crate) limits: Limits,
}

/// An image to build.
#[derive(Debug, Clone)]
pub(crate) struct ImageSpec {
    pub(crate) name: Spanned<String>,
    pub(crate) repository: Option<Spanned<String>>,
    pub(crate) context: String,
    pub(crate) dockerfile: String,
    pub(crate) target: Option<String>,
    pub(crate) args: Vec<Pair>,
    pub(crate) tags: Vec<Spanned<String>>,
    pub(crate) labels: Vec<Pair>,
    pub(crate) secrets: Vec<Spanned<String>>,
}

/// A step of `deploy`.
#[derive(Debug, Clone)]
pub(crate) struct DeployEntry {
    pub(crate) environment: Spanned<String>,
    pub(crate) image: Option<Spanned<String>>,
    pub(crate) needs: Vec<Spanned<String>>,
    pub(crate) verify: Option<Verify>,
}

/// The name of the only image when it stands directly under `build`.
pub(crate) const ONLY_IMAGE: &str = "default";

impl PipelineFile {
    /// The name under which the file was read.
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// What runs by hand may be given.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// When the file itself starts runs.
    pub fn schedules(&self) -> impl Iterator<Item = &Timing> {
        self.triggers.iter().flatten().filter_map(|rule| rule.timing.as_ref())
    }

    /// Names of all secrets that the file asks for, each once, in order.
    pub fn secrets(&self) -> std::collections::BTreeSet<&str> {
        self.secret_uses().map(|used| used.value.as_str()).collect()
    }

    pub(crate) fn jobs(&self) -> impl Iterator<Item = &Job> {
        let pre_build = self.pre_build.as_ref().and_then(|stage| match &stage.form {
            PreBuildForm::Container(job) => Some(&**job),
            PreBuildForm::Dockerfile(_) => None,
        });
        self.integration
            .iter()
            .flat_map(|stage| &stage.jobs)
            .chain(pre_build)
            .chain(&self.post_build)
    }

    pub(crate) fn sidecars(&self) -> impl Iterator<Item = &SidecarEntry> {
        self.integration.iter().flat_map(|stage| &stage.sidecars)
    }

    pub(crate) fn containers(&self) -> impl Iterator<Item = &ContainerSpec> {
        self.jobs()
            .map(|job| &job.container)
            .chain(self.sidecars().map(|sidecar| &sidecar.container))
    }

    pub(crate) fn images(&self) -> impl Iterator<Item = &ImageSpec> {
        self.build.iter().flat_map(|stage| &stage.images)
    }

    /// The image of the Dockerfile form of pre_build.
    pub(crate) fn pre_build_image(&self) -> Option<&ImageSpec> {
        match &self.pre_build.as_ref()?.form {
            PreBuildForm::Dockerfile(image) => Some(image),
            PreBuildForm::Container(_) => None,
        }
    }

    pub(crate) fn secret_uses(&self) -> impl Iterator<Item = &Spanned<String>> {
        let built = self
            .images()
            .chain(self.pre_build_image())
            .flat_map(|image| &image.secrets);
        self.containers().flat_map(|container| &container.secrets).chain(built)
    }
}

impl StageName {
    pub(crate) const ALL: [(&'static str, Self); 5] = [
        ("integration", Self::Integration),
        ("pre_build", Self::PreBuild),
        ("build", Self::Build),
        ("post_build", Self::PostBuild),
        ("deploy", Self::Deploy),
    ];

    pub(crate) fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, name)| *name == self)
            .map_or("", |(word, _)| word)
    }
}

impl StageSet {
    pub(crate) fn contains(&self, stage: StageName) -> bool {
        match self {
            Self::All => true,
            Self::Only(list) => list.iter().any(|one| one.value == stage),
        }
    }
}

impl Default for ConcurrencyRules {
    fn default() -> Self {
        Self {
            pull_request: Concurrency::CancelRunning,
            branch: Concurrency::Queue,
            tag: Concurrency::Queue,
        }
    }
}
