//! The port: what Circle asks of anything that runs services.

use std::fmt::Debug;

use async_trait::async_trait;
use circle_core::deployment::Rollout;
use circle_core::environment::WorkloadCreate;
use secrecy::SecretString;

/// A place that runs workloads by image digest.
///
/// What every adapter promises, and the conformance suite checks:
///
/// - **Looking changes nothing** and tells one consistent moment of the specification; its token changes whenever the
///   specification does.
/// - **Writing is conditional**: [`Target::apply`] and [`Target::revert`] change the specification that has the given
///   token or answer [`TargetError::Conflict`] without changing anything; [`Target::create`] never changes what is there.
/// - **Writing replaces only what is named**: the image and Circle's own marks; every other field, known to this program
///   or not, stays.
/// - **Going back restores** the recorded specification: looking then shows an equal text.
/// - **A rollout is judged by what runs of the present specification**, never by a word that may be of an older one.
/// - **An error other than `Unreachable` means that nothing was changed.** After `Unreachable` look before writing again.
#[async_trait]
pub trait Target: Send + Sync + Debug {
    /// Whether it can be used, and what it is.
    async fn probe(&self) -> Result<TargetFacts, TargetError>;

    /// What is there under this name.
    async fn observe(&self, workload: &str) -> Result<Sight, TargetError>;

    /// Makes a workload that is not there.
    async fn create(&self, wish: &Creation<'_>) -> Result<(), TargetError>;

    /// Puts another image into the specification.
    async fn apply(&self, wish: &Change<'_>) -> Result<(), TargetError>;

    /// Puts a recorded specification back.
    async fn revert(&self, wish: &Restoration<'_>) -> Result<(), TargetError>;

    /// What the target says about why it does not work, newest first, at most ten sentences.
    async fn diagnose(&self, workload: &str) -> Result<Vec<String>, TargetError>;

    /// `http://host:port` of each running instance of the present specification, or of the place before them.
    async fn addresses(&self, workload: &str) -> Result<Vec<String>, TargetError>;
}

/// What a target is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetFacts {
    /// Its name and version, for people.
    pub description: String,
    /// What will not work there, one sentence each.
    pub warnings: Vec<String>,
}

/// The answer of one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// There is no such workload.
    Absent,
    /// There it is.
    Present(Sighting),
}

/// A workload as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// As specified.
    pub image: String,
    /// `sha256:…` of what the image means there; `None` when the target cannot say.
    pub digest: Option<String>,
    /// What a write must carry.
    pub token: String,
    /// The whole specification, with the image by digest where that is known; equal specifications are equal texts.
    pub spec: String,
    /// The deployment that wrote it, as [`Change::mark`] said.
    pub mark: Option<String>,
    pub rollout: Rollout,
}

/// Another image.
#[derive(Debug)]
pub struct Change<'a> {
    pub workload: &'a str,
    /// Of the look before.
    pub token: &'a str,
    /// `host/path@sha256:…`.
    pub image: &'a str,
    /// The deployment's id.
    pub mark: &'a str,
    /// The run's id.
    pub run: &'a str,
    pub login: Option<&'a RegistryLogin>,
}

/// A new workload.
#[derive(Debug)]
pub struct Creation<'a> {
    pub workload: &'a str,
    pub how: &'a WorkloadCreate,
    /// `host/path@sha256:…`.
    pub image: &'a str,
    /// The deployment's id.
    pub mark: &'a str,
    /// The run's id.
    pub run: &'a str,
    pub login: Option<&'a RegistryLogin>,
}

/// The way back.
#[derive(Debug)]
pub struct Restoration<'a> {
    pub workload: &'a str,
    /// Of the look before.
    pub token: &'a str,
    /// As [`Sighting::spec`] once told it.
    pub spec: &'a str,
    pub login: Option<&'a RegistryLogin>,
}

/// With what the target's nodes pull from a registry.
#[derive(Debug, Clone)]
pub struct RegistryLogin {
    /// `host[:port]`.
    pub address: String,
    pub username: String,
    pub password: SecretString,
}

/// Why a target did not do what was asked, named for what a caller can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Try again later; a write may or may not have taken effect.
    #[error("{why}")]
    Unreachable { why: String },
    /// Other credentials are needed; nothing was changed.
    #[error("the target refuses the credentials: {why}")]
    Denied { why: String },
    /// What is there changed since the look: look again; nothing was changed.
    #[error("the workload changed meanwhile")]
    Conflict,
    /// It will never work like this; nothing was changed.
    #[error("{why}")]
    Refused { why: String },
}
