//! A container of a plan, as the engine wants it.

use std::collections::HashMap;

use bollard::models::{
    EndpointSettings, HealthConfig, HostConfig, HostConfigLogConfig, ImageInspect, Mount, MountBindOptions,
    MountBindOptionsPropagationEnum, MountType, NetworkingConfig,
};
use circle_core::plan::{Container, SECRETS_FOLDER};
use circle_core::run::{Failure, FailureKind};

use super::context::{Shared, StageRun, reference_of};
use super::rights::{rights, shares_network};
use crate::engine::engine_failure;

/// The name of the image that the run built, in the place of an image reference.
pub(crate) const BUILT_IMAGE: &str = "BUILT_IMAGE";
/// The label with the stage's name.
pub(crate) const STAGE_LABEL: &str = "circle.stage";
/// Of the folder with files of secrets: 256 of the longest fit.
const SECRETS_OPTIONS: &str = "rw,noexec,nosuid,nodev,mode=1777,size=16m";
/// Where the checkout lies in every container of a job.
pub(crate) const WORKSPACE: &str = "/workspace";

/// The network of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network<'a> {
    /// The engine's bridge.
    Bridge,
    /// The stage's own, on which sidecars answer under their names.
    Stage { name: &'a str },
}

/// What a container gets beside what the plan says of it.
#[derive(Debug)]
pub(crate) struct ContainerSettings<'a> {
    pub(crate) plan: &'a Container,
    /// The image as the engine knows it.
    pub(crate) image: String,
    pub(crate) network: Network<'a>,
    /// Names under which it answers.
    pub(crate) aliases: Vec<String>,
    /// Mounts beside those of folders of the cell.
    pub(crate) mounts: Vec<Mount>,
    /// Whether a folder in memory is wanted for files with secrets.
    pub(crate) has_secret_files: bool,
}

impl StageRun<'_> {
    /// Makes sure that the image of a container is present and gives its id.
    pub(crate) async fn image(&mut self, container: &Container) -> Result<String, Failure> {
        let name = if let Some(which) = container.image.strip_prefix(BUILT_IMAGE) {
            self.built_image(which.trim_start_matches('.'))?
        } else {
            self.expand("the image", &container.image)?
        };
        if name.starts_with("sha256:") {
            return Ok(name);
        }
        self.clock.enter(super::Phase::Pull);
        let needed = self.shared.images.need(&name, &self.log).await;
        self.clock.enter(super::Phase::Start);
        needed
    }

    fn built_image(&self, name: &str) -> Result<String, Failure> {
        let found = match name {
            "" => self.carried.images.first(),
            name => self.carried.images.iter().find(|image| image.name == name),
        };
        let local = |image: &circle_core::run::BuiltImage| {
            // An image of an earlier run is only in the registry; one of this run is in the cell.
            let reused = self
                .shared
                .assignment
                .images
                .iter()
                .any(|known| known.image_id == image.image_id);
            if reused {
                reference_of(image)
            } else {
                image.image_id.clone()
            }
        };
        found.map(local).ok_or_else(|| {
            Failure::new(
                FailureKind::BadPipeline,
                format!("{BUILT_IMAGE}.{name} is asked for, but no such image was built"),
            )
        })
    }

    /// Looks at an image that is present.
    pub(crate) async fn inspect_image(&self, image: &str) -> Result<ImageInspect, Failure> {
        self.shared.inspect_image(image).await
    }

    /// The mounts of what a container sees of the checkout and of earlier runs.
    pub(crate) async fn folders(&mut self, plan: &Container, view: Option<&str>) -> Result<Vec<Mount>, Failure> {
        let mut mounts = self.caches(&plan.caches, view).await?;
        if let Some(view) = view {
            mounts.extend(self.volumes(view, &plan.volumes).await?);
        }
        Ok(mounts)
    }
}

impl Shared<'_> {
    /// Looks at an image that is present.
    pub(crate) async fn inspect_image(&self, image: &str) -> Result<ImageInspect, Failure> {
        let inspected = self.engine.docker.inspect_image(image).await;
        inspected.map_err(|error| engine_failure(&format!("the image {image} could not be looked at"), &error))
    }
}

/// A bind mount.
pub(crate) fn bind(source: &str, target: &str, read_only: bool) -> Mount {
    Mount {
        source: Some(source.to_owned()),
        target: Some(target.to_owned()),
        typ: Some(MountType::BIND),
        read_only: Some(read_only),
        ..Mount::default()
    }
}

/// A bind mount that shows what is mounted on its source later.
pub(crate) fn bind_later(source: &str, target: &str) -> Mount {
    let options = MountBindOptions {
        propagation: Some(MountBindOptionsPropagationEnum::RSLAVE),
        ..MountBindOptions::default()
    };
    Mount {
        bind_options: Some(options),
        ..bind(source, target, false)
    }
}

/// No health check: nobody looks at a job's.
pub(crate) fn no_health_check() -> HealthConfig {
    HealthConfig {
        test: Some(vec!["NONE".to_owned()]),
        ..HealthConfig::default()
    }
}

/// What the engine is told beside the container itself.
pub(super) fn host_config(
    plan: &Container,
    mut mounts: Vec<Mount>,
    (network, has_secret_files): (Network<'_>, bool),
) -> HostConfig {
    mounts.extend(
        plan.mounts
            .iter()
            .map(|mount| bind(&mount.from, &mount.to, mount.read_only)),
    );
    let resources = &plan.resources;
    let memory = resources.memory_bytes.and_then(|bytes| i64::try_from(bytes).ok());
    HostConfig {
        mounts: Some(mounts),
        tmpfs: in_memory(plan, has_secret_files),
        memory,
        // As much swap as memory would double the bound.
        memory_swap: memory,
        nano_cpus: resources
            .cpu_millis
            .and_then(|millis| i64::try_from(millis * 1_000_000).ok()),
        pids_limit: resources.pids.and_then(|pids| i64::try_from(pids).ok()),
        extra_hosts: (!plan.extra_hosts.is_empty()).then(|| plan.extra_hosts.clone()),
        dns: (!plan.dns.is_empty()).then(|| plan.dns.clone()),
        network_mode: Some(match network {
            _ if shares_network(plan) => "host".to_owned(),
            Network::Bridge => "bridge".to_owned(),
            Network::Stage { name } => name.to_owned(),
        }),
        // Output is read where it is written; the engine keeps none of it.
        log_config: Some(HostConfigLogConfig {
            typ: Some("none".to_owned()),
            config: None,
        }),
        ..rights(plan)
    }
}

/// Folders that are kept in memory. That of secrets can be written by any user of the container, and each file in it be read
/// by whoever wrote it: the gate, as the container's user.
fn in_memory(plan: &Container, has_secret_files: bool) -> Option<HashMap<String, String>> {
    let mut folders: HashMap<String, String> = plan.tmpfs.iter().map(|path| (path.clone(), String::new())).collect();
    if has_secret_files {
        folders.insert(SECRETS_FOLDER.to_owned(), SECRETS_OPTIONS.to_owned());
    }
    (!folders.is_empty()).then_some(folders)
}

/// The names under which a container answers on the stage's network.
pub(super) fn networking(plan: &Container, network: Network<'_>, aliases: Vec<String>) -> Option<NetworkingConfig> {
    let Network::Stage { name } = network else { return None };
    if shares_network(plan) {
        return None;
    }
    let endpoint = EndpointSettings {
        aliases: Some(aliases),
        ..EndpointSettings::default()
    };
    Some(NetworkingConfig {
        endpoints_config: Some(HashMap::from([(name.to_owned(), endpoint)])),
    })
}
