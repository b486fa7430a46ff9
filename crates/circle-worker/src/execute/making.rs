//! What the making of a stage's containers needs to know, be it at the stage's turn or before.

use std::collections::BTreeMap;
use std::collections::HashMap;

use bollard::models::ContainerCreateBody;
use circle_core::expand::expand;
use circle_core::plan::{SecretUser, Stage, step_name};
use circle_core::run::{Failure, FailureKind};

use super::container::{STAGE_LABEL, host_config, networking};
use super::context::Shared;
use super::{ContainerSettings, surroundings};
use crate::engine::engine_failure;

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
            host_config: Some(host_config(plan, mounts, settings.network)),
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

    /// Creates a container and gives its id.
    pub(crate) async fn create(&self, body: ContainerCreateBody) -> Result<String, Failure> {
        let image = body.image.clone().unwrap_or_default();
        let created = self
            .shared
            .engine
            .docker
            .create_container(None::<bollard::query_parameters::CreateContainerOptions>, body);
        let created = created
            .await
            .map_err(|error| engine_failure(&format!("the container of image {image} could not be created"), &error))?;
        Ok(created.id)
    }
}
