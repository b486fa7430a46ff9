//! Names that are computed, so that planning twice makes the same deployment.

use uuid::Uuid;

use crate::ids::{DeploymentId, EnvironmentId, RunId, TargetId};

/// The name space of deployments: a fixed random number.
const NAMESPACE: Uuid = Uuid::from_u128(0x5b1f_3f0e_7a64_4a0e_9d0e_2c53_94a7_c1d2);

/// The one deployment of an image of a run to an environment.
pub fn deployment_id(run: RunId, environment: EnvironmentId, image: &str) -> DeploymentId {
    DeploymentId::from_uuid(Uuid::new_v5(
        &NAMESPACE,
        format!("{run}/{environment}/{image}").as_bytes(),
    ))
}

/// What two deployments take turns at: `target/workload`.
pub fn lock_key(target: TargetId, workload: &str) -> String {
    format!("{target}/{workload}")
}
