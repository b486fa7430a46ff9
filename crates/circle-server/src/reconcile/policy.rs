//! What the server knows and allows when a run is planned.

use std::collections::{BTreeMap, BTreeSet};

use circle_core::environment::{Environment, Refusal};
use circle_core::pipeline::PipelineFile;
use circle_core::plan::{DeployStep, Plan, Policy, Work};
use circle_core::secret_limits::SecretLimits;
use circle_core::service::{SecretScope, Service};
use circle_core::trigger::Trigger;
use circle_store::records::{FindAll, Query, kinds};

use crate::auth::Tenant;
use crate::http::ApiError;
use crate::records::{SecretRecord, WorkspaceRecord, scope_key};
use crate::server::Server;

/// The image of a file with one image, unless that has a name.
const ONLY_IMAGE: &str = "default";

/// The policy and the environments that it was made from.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) policy: Policy,
    environments: Vec<Environment>,
}

/// Reads everything that planning needs.
pub(super) async fn rules(
    server: &Server,
    (service, trigger): (&Service, &Trigger),
    file: &PipelineFile,
) -> Result<Rules, ApiError> {
    let workspace = server
        .records
        .load::<WorkspaceRecord>(&service.workspace.to_string())
        .await?;
    let (WorkspaceRecord(workspace), _) =
        workspace.ok_or_else(|| ApiError::not_found("workspace", service.workspace))?;
    let environments = server.environments(Tenant::of_service(service)).await?;
    let mut policy = Policy::from(&workspace.policy);
    policy.secrets = Some(secret_limits(server, (service, trigger), &environments, &file.secrets()).await?);
    policy.environments = Some(environments.iter().map(|one| one.name.to_string()).collect());
    policy.repositories = Some(repositories(server, service).await?);
    policy.bindings = bindings(service, trigger, &environments);
    Ok(Rules { policy, environments })
}

impl Rules {
    /// Takes out deployments that the ref may not do, and those that need them; what was taken out stands in the warnings.
    pub(super) fn confine(&self, plan: &mut Plan, service: &Service, trigger: &Trigger) {
        let mut gone: BTreeSet<String> = BTreeSet::new();
        let names = image_names(plan);
        let mut kept = Vec::new();
        for step in std::mem::take(&mut plan.deploys) {
            let known = self
                .environments
                .iter()
                .find(|one| one.name.as_str() == step.environment);
            let refusal = known.and_then(|one| one.admits(trigger, service.id).err());
            // A missing workload is a mistake to be told, not a rule of the branch.
            let refusal = refusal.filter(|refusal| !matches!(refusal, Refusal::NoWorkload { .. }));
            let missing = step.needs.iter().find(|need| gone.contains(*need)).cloned();
            match (refusal, missing) {
                (Some(refusal), _) => plan.warnings.push(format!("not deployed: {refusal}")),
                (None, Some(need)) => {
                    plan.warnings
                        .push(format!("not deployed to {}: it needs {need}", step.environment));
                }
                (None, None) => {
                    kept.push(with_image(step, &names));
                    continue;
                }
            }
            gone.insert(step.environment);
        }
        plan.deploys = kept;
    }
}

/// A deployment by the service's own setting names no image: it means the only one.
fn with_image(mut step: DeployStep, names: &[String]) -> DeployStep {
    if let [only] = names
        && step.image == ONLY_IMAGE
    {
        step.image.clone_from(only);
    }
    step
}

fn image_names(plan: &Plan) -> Vec<String> {
    let pushes = plan.stages.iter().filter_map(|stage| match &stage.work {
        Work::Push { images } => Some(images),
        _ => None,
    });
    pushes.flatten().map(|image| image.name.clone()).collect()
}

/// What this service may read in a run of this trigger: the limits of each name in every place where it is set. Only of the
/// names that the file asks for; of others the name is enough, to say which is nearest to a wrong one.
async fn secret_limits(
    server: &Server,
    (service, trigger): (&Service, &Trigger),
    environments: &[Environment],
    wanted: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Vec<SecretLimits>>, ApiError> {
    let admitting = environments
        .iter()
        .filter(|one| one.admits(trigger, service.id).is_ok());
    let mut scopes: Vec<String> = admitting
        .map(|one| {
            scope_key(&SecretScope::Environment {
                environment: one.name.clone(),
            })
        })
        .collect();
    scopes.push(scope_key(&SecretScope::Service { service: service.id }));
    scopes.push(scope_key(&SecretScope::Workspace));
    let query = Query::over(kinds::SECRET_NAME)
        .equal(service.workspace.to_string())
        .limit(1000);
    let mut pages = FindAll::new(server.records.store().as_ref(), query);
    let mut found: BTreeMap<String, Vec<(usize, SecretLimits)>> = BTreeMap::new();
    while let Some(heads) = pages.next().await? {
        for head in heads {
            let (Some(scope), Some(name)) = (head.text("/scope"), head.text("/name")) else {
                continue;
            };
            let Some(distance) = scopes.iter().position(|one| one == scope) else {
                continue;
            };
            let of_name = found.entry(name.to_owned()).or_default();
            if wanted.contains(name)
                && let Some((record, _)) = server.records.load::<SecretRecord>(&head.id).await?
            {
                of_name.push((distance, record.limits));
            }
        }
    }
    let nearest_first = |(name, mut set): (String, Vec<(usize, SecretLimits)>)| {
        set.sort_by_key(|(distance, _)| *distance);
        (name, set.into_iter().map(|(_, limits)| limits).collect())
    };
    Ok(found.into_iter().map(nearest_first).collect())
}

/// The service's own place, as `registry/path` and as `host/path`.
async fn repositories(server: &Server, service: &Service) -> Result<Vec<String>, ApiError> {
    let Some(home) = &service.image else {
        return Ok(Vec::new());
    };
    let (registry, _) = server
        .registry(Tenant::of_service(service), home.registry.as_str())
        .await?;
    Ok(vec![
        home.path.clone(),
        format!("{}/{}", registry.name, home.path),
        format!("{}/{}", registry.address, home.path),
    ])
}

/// Deployments of a file without a `deploy` section: those of the service that this ref may do.
fn bindings(service: &Service, trigger: &Trigger, environments: &[Environment]) -> Vec<DeployStep> {
    let admitted = service.default_deploys.iter().filter(|name| {
        let known = environments.iter().find(|one| one.name == **name);
        known.is_some_and(|one| one.admits(trigger, service.id).is_ok())
    });
    admitted
        .map(|name| DeployStep {
            environment: name.to_string(),
            image: ONLY_IMAGE.into(),
            needs: Vec::new(),
            verify: None,
        })
        .collect()
}
