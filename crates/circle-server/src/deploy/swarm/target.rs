//! The adapter.

use std::sync::Arc;

use async_trait::async_trait;
use circle_core::deployment::Deployment;
use circle_core::environment::{Target as Settings, TargetKind};
use circle_net::Net;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::addresses::addresses;
use super::api::Manager;
use super::create::specification;
use super::image::{digest_of, pinned};
use super::rollout::{complaints, rollout};
use super::spec::{image_of, mark_of, with_image, with_pinned};
use crate::deploy::port::{Change, Creation, Restoration, Sight, Sighting, Target, TargetError, TargetFacts};

/// A Docker Swarm, through one of its managers.
#[derive(Debug, Clone)]
pub struct SwarmTarget {
    endpoint: Manager,
}

/// The adapter for a target's settings: the ordinary `Connect` of a deployer.
///
/// # Errors
/// As [`SwarmTarget::open`].
pub async fn connect(
    net: &Net,
    settings: &Settings,
    bundle: Option<SecretString>,
) -> Result<Arc<dyn Target>, TargetError> {
    let TargetKind::Swarm { endpoint, .. } = &settings.kind;
    Ok(Arc::new(SwarmTarget::open(net, endpoint, bundle.as_ref()).await?))
}

impl SwarmTarget {
    /// Through `unix:///path` or `tcp://host:port`, if that leads where the server may go; the bundle holds client certificate,
    /// key and CA as PEM. Nobody is called yet.
    ///
    /// # Errors
    /// [`TargetError::Refused`] says what is wrong with it, or which address is closed; [`TargetError::Unreachable`] that the
    /// name has no address now.
    pub async fn open(net: &Net, endpoint: &str, bundle: Option<&SecretString>) -> Result<Self, TargetError> {
        Ok(Self {
            endpoint: Manager::open(net, endpoint, bundle).await?,
        })
    }

    /// The service of exactly this name: the engine would also take the beginning of an id.
    async fn service(&self, workload: &str) -> Result<Option<Value>, TargetError> {
        check_name(workload)?;
        let found = self.endpoint.find(&format!("/services/{workload}"), &[]).await?;
        Ok(found.filter(|service| service.pointer("/Spec/Name").and_then(Value::as_str) == Some(workload)))
    }

    async fn tasks(&self, workload: &str) -> Result<Vec<Value>, TargetError> {
        let filters = json!({ "service": [workload] }).to_string();
        match self.endpoint.read("/tasks", &[("filters", &filters)]).await? {
            Value::Array(tasks) => Ok(tasks),
            _ => Ok(Vec::new()),
        }
    }

    /// Of a replicated service as specified, of a global one as the manager counts.
    async fn desired(&self, service: &Value) -> Result<u64, TargetError> {
        let mode = service.pointer("/Spec/Mode").unwrap_or(&Value::Null);
        if let Some(replicated) = mode.get("Replicated") {
            return Ok(replicated.get("Replicas").and_then(Value::as_u64).unwrap_or(1));
        }
        let filters = json!({ "id": [service.get("ID")] }).to_string();
        let listed = self
            .endpoint
            .read("/services", &[("filters", &filters), ("status", "true")])
            .await?;
        Ok(listed
            .pointer("/0/ServiceStatus/DesiredTasks")
            .and_then(Value::as_u64)
            .unwrap_or(1))
    }

    async fn update(
        &self,
        service: &Value,
        (token, spec): (&str, &Value),
        login: Option<&crate::deploy::RegistryLogin>,
    ) -> Result<(), TargetError> {
        let id = service.get("ID").and_then(Value::as_str).unwrap_or_default();
        let query = [("version", token), ("registryAuthFrom", "spec")];
        self.endpoint
            .write(&format!("/services/{id}/update"), &query, spec, login)
            .await
            .map(drop)
    }
}

#[async_trait]
impl Target for SwarmTarget {
    async fn probe(&self) -> Result<TargetFacts, TargetError> {
        let info = self.endpoint.read("/info", &[]).await?;
        let version = info
            .get("ServerVersion")
            .and_then(Value::as_str)
            .unwrap_or("of unknown version");
        if info.pointer("/Swarm/ControlAvailable").and_then(Value::as_bool) != Some(true) {
            return Err(TargetError::Refused {
                why: format!("Docker {version} there is no Swarm manager: use a manager's endpoint"),
            });
        }
        let nodes = info.pointer("/Swarm/Nodes").and_then(Value::as_u64).unwrap_or(0);
        let warnings = info.get("Warnings").and_then(Value::as_array).into_iter().flatten();
        let warnings = warnings.filter_map(Value::as_str).map(str::to_owned).collect();
        Ok(TargetFacts {
            description: format!("Docker Swarm {version}, {nodes} nodes"),
            warnings,
        })
    }

    async fn observe(&self, workload: &str) -> Result<Sight, TargetError> {
        let Some(service) = self.service(workload).await? else {
            return Ok(Sight::Absent);
        };
        let (tasks, desired) = (self.tasks(workload).await?, self.desired(&service).await?);
        let spec = service.get("Spec").unwrap_or(&Value::Null);
        let image = image_of(spec).unwrap_or_default().to_owned();
        let known = pinned(&self.endpoint, &image).await;
        let text = with_pinned(spec, &known).to_string();
        if text.len() > Deployment::MAX_SPEC_BYTES {
            let why = format!(
                "the specification of {workload} has {} bytes; at most 65,536 are recorded",
                text.len()
            );
            return Err(TargetError::Refused { why });
        }
        let token = service
            .pointer("/Version/Index")
            .map(Value::to_string)
            .unwrap_or_default();
        let (mark, rollout) = (mark_of(spec), rollout(&service, &tasks, desired));
        Ok(Sight::Present(Sighting {
            digest: digest_of(&known),
            image,
            token,
            spec: text,
            mark,
            rollout,
        }))
    }

    async fn create(&self, wish: &Creation<'_>) -> Result<(), TargetError> {
        check_name(wish.workload)?;
        self.endpoint
            .write("/services/create", &[], &specification(wish), wish.login)
            .await
            .map(drop)
    }

    async fn apply(&self, wish: &Change<'_>) -> Result<(), TargetError> {
        let service = self.service(wish.workload).await?.ok_or(TargetError::Conflict)?;
        let spec = with_image(
            service.get("Spec").unwrap_or(&Value::Null),
            wish.image,
            wish.mark,
            wish.run,
        );
        self.update(&service, (wish.token, &spec), wish.login).await
    }

    async fn revert(&self, wish: &Restoration<'_>) -> Result<(), TargetError> {
        let service = self.service(wish.workload).await?.ok_or(TargetError::Conflict)?;
        let spec: Value = serde_json::from_str(wish.spec).map_err(|error| TargetError::Refused {
            why: format!("the recorded specification cannot be read: {error}"),
        })?;
        self.update(&service, (wish.token, &spec), wish.login).await
    }

    async fn diagnose(&self, workload: &str) -> Result<Vec<String>, TargetError> {
        Ok(complaints(&self.tasks(workload).await?))
    }

    async fn addresses(&self, workload: &str) -> Result<Vec<String>, TargetError> {
        let Some(service) = self.service(workload).await? else {
            return Ok(Vec::new());
        };
        addresses(&self.endpoint, &service, &self.tasks(workload).await?).await
    }
}

/// The name stands in a path.
fn check_name(workload: &str) -> Result<(), TargetError> {
    let plain = workload
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if plain && (1..=63).contains(&workload.len()) && !workload.starts_with(['-', '.', '_']) {
        return Ok(());
    }
    let why = format!("\"{workload}\" is no name of a service: 1 to 63 letters, digits, \"-\", \"_\" and \".\"");
    Err(TargetError::Refused { why })
}
