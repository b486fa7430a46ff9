//! Who asks for which secret: a value is given to one step under one name, and to nobody else.

use super::{ContainerJob, ImageBuild, PreBuild, Sidecar, Stage, Work};

/// One name that one step of a stage asks for.
#[derive(Debug, Clone, Copy)]
pub struct SecretUse<'p> {
    pub stage: &'p Stage,
    pub of: SecretUser<'p>,
    pub name: &'p str,
}

/// What asks for a secret.
#[derive(Debug, Clone, Copy)]
pub enum SecretUser<'p> {
    /// The stage's job, in its environment.
    Job(&'p ContainerJob),
    /// A container beside it, in its environment.
    Sidecar(&'p Sidecar),
    /// A Dockerfile, as a mount of its build.
    Image(&'p ImageBuild),
}

/// A step within a plan: a stage's own name is that of its job, and what is beneath it stands behind a slash.
pub fn step_name(stage: &str, of: SecretUser<'_>) -> String {
    match of {
        SecretUser::Job(_) => stage.to_owned(),
        SecretUser::Sidecar(sidecar) => format!("{stage}/{}", sidecar.name),
        SecretUser::Image(image) => format!("{stage}/{}", image.name),
    }
}

impl SecretUse<'_> {
    /// The step that is given the value.
    pub fn step(&self) -> String {
        step_name(&self.stage.name, self.of)
    }
}

impl<'p> SecretUser<'p> {
    /// The names that it asks for.
    pub fn names(self) -> &'p [String] {
        match self {
            Self::Job(job) => &job.secrets,
            Self::Sidecar(sidecar) => &sidecar.secrets,
            Self::Image(image) => &image.secrets,
        }
    }
}

impl Stage {
    /// What its steps ask for.
    pub fn secret_uses(&self) -> Vec<SecretUse<'_>> {
        let users: Vec<SecretUser<'_>> = match &self.work {
            Work::Integration { sidecars, job } => std::iter::once(SecretUser::Job(job))
                .chain(sidecars.iter().map(SecretUser::Sidecar))
                .collect(),
            Work::PostBuild { job }
            | Work::PreBuild {
                how: PreBuild::Container { job },
                ..
            } => vec![SecretUser::Job(job)],
            Work::PreBuild {
                how: PreBuild::Dockerfile { build },
                ..
            } => vec![SecretUser::Image(build)],
            Work::Build { images } => images.iter().map(SecretUser::Image).collect(),
            Work::Checkout { .. } | Work::Push { .. } => Vec::new(),
        };
        let uses = users.into_iter().flat_map(|of| {
            let names = of.names().iter();
            names.map(move |name| SecretUse { stage: self, of, name })
        });
        uses.collect()
    }
}
