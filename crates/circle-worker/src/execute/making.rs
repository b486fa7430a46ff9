//! What the making of a stage's containers needs to know, be it at the stage's turn or before.

use std::collections::BTreeMap;
use std::collections::HashMap;

use bollard::models::{ContainerCreateBody, Mount};
use circle_cell::gate::{self, GateChannel};
use circle_core::expand::expand;
use circle_core::plan::{Container, SecretUser, Stage, step_name};
use circle_core::run::{Failure, FailureKind};

use super::container::{STAGE_LABEL, bind, host_config, networking};
use super::context::{Shared, cell_failure};
use super::job::gate_failure;
use super::{ContainerSettings, surroundings};
use crate::engine::engine_failure;

/// Secrets on their way into a container; in no case do they stand in its configuration.
#[derive(Default)]
pub(crate) struct Delivered {
    /// Name and value.
    pub(crate) environment: Vec<(String, String)>,
    /// Path and value.
    pub(crate) files: Vec<(String, String)>,
}

/// A stage whose containers are made.
#[derive(Debug, Clone)]
pub(crate) struct Making<'a> {
    pub(crate) shared: &'a Shared<'a>,
    pub(crate) stage: &'a Stage,
    /// What Circle sets at this point.
    pub(crate) variables: BTreeMap<String, String>,
}

impl Making<'_> {
    /// Expands a text of the plan.
    pub(crate) fn expand(&self, what: &str, text: &str) -> Result<String, Failure> {
        expand(text, &self.variables).map_err(|error| {
            Failure::new(
                FailureKind::BadPipeline,
                format!("{what} \"{text}\" cannot be expanded: {error}"),
            )
        })
    }

    /// The values of the secrets that a step of this stage asks for; a name without a value is refused.
    pub(crate) fn secrets(&self, of: SecretUser<'_>) -> Result<Vec<(String, String)>, Failure> {
        let step = step_name(&self.stage.name, of);
        let given = |name: &String| {
            let value = self.shared.assignment.secrets.of(&step, name).ok_or_else(|| {
                let message = format!(
                    "the secret {name} is not given to {step}: `circle secret list` says for which services, stages, events and \
                     images it is set"
                );
                Failure::new(FailureKind::Refused, message)
            })?;
            Ok((name.clone(), value.expose().to_owned()))
        };
        of.names().iter().map(given).collect()
    }

    /// The same, by the way in which they reach a container.
    pub(crate) fn delivered(&self, of: SecretUser<'_>) -> Result<Delivered, Failure> {
        let none = BTreeMap::new();
        let files = match of {
            SecretUser::Job(job) => &job.secret_files,
            SecretUser::Sidecar(sidecar) => &sidecar.secret_files,
            SecretUser::Image(_) => &none,
        };
        let mut delivered = Delivered::default();
        for (name, value) in self.secrets(of)? {
            match files.get(&name) {
                Some(path) => delivered.files.push((path.clone(), value)),
                None => delivered.environment.push((name, value)),
            }
        }
        Ok(delivered)
    }

    /// A gate's pipes; its program and they are mounted.
    pub(crate) async fn gate(&self, mounts: &mut Vec<Mount>) -> Result<GateChannel, Failure> {
        let io = self.shared.fresh_name("gate");
        let io = self.shared.cell.new_folder(&io).await;
        let io = io.map_err(cell_failure("the gate's folder"))?;
        let channel = GateChannel::create(io.host()).map_err(gate_failure)?;
        let program = self.shared.gate.inside().display().to_string();
        mounts.push(bind(&program, gate::PROGRAM_FOLDER, true));
        mounts.push(bind(&io.inside().display().to_string(), gate::CHANNEL_FOLDER, false));
        Ok(channel)
    }

    /// The image's entrypoint and command, as far as the file does not say otherwise.
    pub(crate) async fn own_command(&self, plan: &Container, image: &str) -> Result<Vec<String>, Failure> {
        let config = self.shared.inspect_image(image).await?.config.unwrap_or_default();
        let of_image = plan.entrypoint.is_none();
        let entrypoint = plan.entrypoint.clone().or(config.entrypoint).unwrap_or_default();
        let command = plan
            .command
            .clone()
            .or(if of_image { config.cmd } else { None })
            .unwrap_or_default();
        let argv: Vec<String> = entrypoint.into_iter().chain(command).collect();
        if argv.is_empty() {
            let message = format!(
                "there is nothing to run: the file names no command, and the image {} has neither CMD nor ENTRYPOINT",
                plan.image
            );
            return Err(Failure::new(FailureKind::BadPipeline, message));
        }
        Ok(argv)
    }

    /// Everything but entrypoint, command and environment.
    pub(crate) fn configuration(&self, settings: ContainerSettings<'_>) -> ContainerCreateBody {
        let plan = settings.plan;
        let mut mounts = settings.mounts;
        mounts.extend(surroundings::mounts(self.shared.cell));
        ContainerCreateBody {
            image: Some(settings.image),
            user: plan.user.clone(),
            exposed_ports: (!plan.ports.is_empty())
                .then(|| plan.ports.iter().map(|port| format!("{port}/tcp")).collect()),
            labels: Some(self.labels()),
            host_config: Some(host_config(plan, mounts, (settings.network, settings.has_secret_files))),
            networking_config: networking(plan, settings.network, settings.aliases),
            ..ContainerCreateBody::default()
        }
    }

    /// What the stage's containers are found by: as one stage's, and where the engine is shared, as one cell's.
    fn labels(&self) -> HashMap<String, String> {
        let of_cell = self.shared.cell.labels().clone().into_iter();
        of_cell
            .chain([(STAGE_LABEL.to_owned(), self.stage.name.clone())])
            .collect()
    }

    /// Creates a container and gives its id. `image` is what the file calls its image.
    pub(crate) async fn create(&self, body: ContainerCreateBody, image: &str) -> Result<String, Failure> {
        let created = self
            .shared
            .engine
            .docker
            .create_container(None::<bollard::query_parameters::CreateContainerOptions>, body);
        // Boxed: the engine's client makes it a large future.
        let created = Box::pin(async { created.await.map(|made| made.id) });
        let made = self.shared.own.make(created).await;
        made.map_err(|error| engine_failure(&format!("the container of image {image} could not be created"), &error))
    }
}
