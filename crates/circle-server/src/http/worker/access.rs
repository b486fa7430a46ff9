//! What a run may read: secrets that its plan names and its trigger may have, registries, a place for its images.
//!
//! A stranger's run gets no secret, no credential and no private network. An environment's secret goes only to a run whose
//! plan deploys there and whose ref the environment admits. Each value is bound to the step that asks for it, and its limits
//! are judged as they stand now, whatever they were when the run was planned.

use std::collections::BTreeMap;

use circle_api::worker::{CloneCredential, RegistryAccess, SecretValue, StepSecrets};
use circle_core::environment::Environment;
use circle_core::network::NetworkRange;
use circle_core::plan::{Plan, Stage};
use circle_core::roots::RootAccess;
use circle_core::run::Run;
use circle_core::service::{Registry, SecretScope, Service, Workspace};
use circle_core::trigger::Trust;
use circle_store::records::{Query, kinds};
use secrecy::ExposeSecret;

use crate::auth::Tenant;
use crate::http::ApiError;
use crate::records::{RegistryRecord, SecretRecord, ServiceRecord, WorkspaceRecord};
use crate::server::Server;

/// Registries of one workspace that a run is told of.
const MAX_REGISTRIES: usize = 100;

/// Everything of an assignment that is not in the run itself.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) workspace: Workspace,
    pub(super) service: Service,
    pub(super) plan: Plan,
    pub(super) clone_credential: Option<CloneCredential>,
    pub(super) secrets: StepSecrets,
    pub(super) registries: Vec<RegistryAccess>,
    pub(super) image_home: Option<String>,
    pub(super) networks: Vec<NetworkRange>,
    pub(super) roots: RootAccess,
}

impl Access {
    /// Reads what is independent side by side: every claim waits for it.
    pub(super) async fn of(server: &Server, run: &Run) -> Result<Self, ApiError> {
        let plan = run
            .plan
            .clone()
            .ok_or_else(|| ApiError::Conflict("the run has no plan".into()))?;
        let trusted = run.trigger.trust == Trust::Member;
        let (workspace, (service, clone_credential, home), secrets, registries, environments) = tokio::try_join!(
            workspace_of(server, run),
            service_and_its_places(server, run),
            secrets(server, run, &plan),
            registries(server, run, trusted),
            server.environments(Tenant::of_run(run)),
        )?;
        // The run may have been planned before the workspace had a floor: then it is given no place to push to.
        let may_push = trusted && workspace.policy.scan_floor.refusal().is_none();
        let networks = if trusted {
            workspace.policy.networks.iter().cloned().collect()
        } else {
            Vec::new()
        };
        let roots = RootAccess::of(run, &service, &environments);
        Ok(Self {
            networks,
            roots,
            workspace,
            service,
            plan,
            clone_credential,
            secrets,
            registries,
            image_home: home.filter(|_| may_push),
        })
    }
}

async fn workspace_of(server: &Server, run: &Run) -> Result<Workspace, ApiError> {
    let id = run.workspace.to_string();
    let found = server.records.load::<WorkspaceRecord>(&id).await?;
    Ok(found.ok_or_else(|| ApiError::not_found("workspace", id))?.0.0)
}

/// The service, what opens its repository, and where its images go. The credential opens the checkout of every run, a
/// stranger's too; no container ever sees it.
async fn service_and_its_places(
    server: &Server,
    run: &Run,
) -> Result<(Service, Option<CloneCredential>, Option<String>), ApiError> {
    let service = service_of(server, run).await?;
    let (credential, home) = tokio::try_join!(server.clone_credential(&service), home_of(server, &service))?;
    Ok((service, credential, home))
}

/// Where the service's images go, as `host/path`.
pub(super) async fn image_home(server: &Server, run: &Run) -> Result<Option<String>, ApiError> {
    home_of(server, &service_of(server, run).await?).await
}

async fn home_of(server: &Server, service: &Service) -> Result<Option<String>, ApiError> {
    let Some(home) = &service.image else {
        return Ok(None);
    };
    let (registry, _) = server
        .registry(Tenant::of_service(service), home.registry.as_str())
        .await?;
    Ok(Some(format!("{}/{}", registry.address, home.path)))
}

async fn service_of(server: &Server, run: &Run) -> Result<Service, ApiError> {
    let found = server.records.load::<ServiceRecord>(&run.service.to_string()).await?;
    Ok(found
        .ok_or_else(|| ApiError::not_found("service", &run.service_name))?
        .0
        .0)
}

/// Each step's own, from the nearest place that gives the name to that step.
async fn secrets(server: &Server, run: &Run, plan: &Plan) -> Result<StepSecrets, ApiError> {
    let mut given = StepSecrets::default();
    if run.trigger.trust != Trust::Member {
        return Ok(given);
    }
    let scopes = scopes(server, run, plan).await?;
    let mut known: BTreeMap<String, Vec<SecretRecord>> = BTreeMap::new();
    for name in plan.secrets() {
        let mut set = Vec::new();
        for scope in &scopes {
            set.extend(server.secret_record(run.workspace, scope, &name).await?);
        }
        known.insert(name, set);
    }
    for used in plan.stages.iter().flat_map(Stage::secret_uses) {
        let set = known.get(used.name).into_iter().flatten();
        let mut fitting = set.filter(|record| record.limits.admit(&run.trigger.event, &used).is_ok());
        if let Some(record) = fitting.next() {
            let value = server.open_record(record)?;
            given.give(used.step(), used.name, SecretValue::new(value.expose_secret()));
        }
    }
    Ok(given)
}

/// Where a name is looked for, nearest first.
async fn scopes(server: &Server, run: &Run, plan: &Plan) -> Result<Vec<SecretScope>, ApiError> {
    let mut scopes = Vec::new();
    for step in &plan.deploys {
        let environment = match server.environment(Tenant::of_run(run), &step.environment).await {
            Ok((environment, _)) => environment,
            Err(ApiError::NotFound { .. }) => continue,
            Err(error) => return Err(error),
        };
        if admits(&environment, run) {
            scopes.push(SecretScope::Environment {
                environment: environment.name,
            });
        }
    }
    scopes.push(SecretScope::Service { service: run.service });
    scopes.push(SecretScope::Workspace);
    Ok(scopes)
}

fn admits(environment: &Environment, run: &Run) -> bool {
    environment.admits(&run.trigger, run.service).is_ok()
}

async fn registries(server: &Server, run: &Run, trusted: bool) -> Result<Vec<RegistryAccess>, ApiError> {
    let query = Query::over(kinds::REGISTRY_NAME)
        .equal(run.workspace.to_string())
        .limit(MAX_REGISTRIES);
    let page = server.records.find(query).await?;
    let mut all = Vec::new();
    for (RegistryRecord(registry), _) in server.records.load_page(&page).await? {
        all.push(registry_access(server, registry, trusted).await?);
    }
    Ok(all)
}

async fn registry_access(server: &Server, registry: Registry, trusted: bool) -> Result<RegistryAccess, ApiError> {
    let password = match registry.password.filter(|_| trusted) {
        Some(id) => server
            .open_secret_by_id(id)
            .await?
            .map(|value| SecretValue::new(value.expose_secret())),
        None => None,
    };
    let username = registry.username.filter(|_| trusted);
    Ok(RegistryAccess {
        name: registry.name.to_string(),
        address: registry.address,
        username,
        password,
    })
}
