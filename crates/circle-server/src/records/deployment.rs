//! A deployment's document: the deployment beside what the indexes need.

use circle_core::deployment::Deployment;
use circle_store::records::{Kind, Record};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A deployment as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct DeploymentRecord(pub Deployment);

#[derive(Serialize)]
struct Written<'a> {
    deployment: &'a Deployment,
    run: String,
    lock: &'a str,
    environment: String,
    state: State,
    digest: &'a str,
    created_at: i64,
    updated_at: i64,
}

#[derive(Serialize)]
struct State {
    name: &'static str,
}

#[derive(Deserialize)]
struct Read {
    deployment: Deployment,
}

impl Serialize for DeploymentRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let deployment = &self.0;
        let written = Written {
            deployment,
            run: deployment.run.to_string(),
            lock: &deployment.lock,
            environment: deployment.environment.to_string(),
            state: State {
                name: deployment.state.word(),
            },
            digest: &deployment.desired.digest,
            created_at: deployment.created_at.as_millisecond(),
            updated_at: deployment.updated_at.as_millisecond(),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for DeploymentRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Read::deserialize(deserializer).map(|read| Self(read.deployment))
    }
}

impl Record for DeploymentRecord {
    const KIND: Kind = Kind::Deployment;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        self.0.id.to_string()
    }
}
