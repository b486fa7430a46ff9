//! What one run will do: the ordered stages, decided once from the pipeline file, the trigger and the server's policy.
//!
//! A plan is data. It carries no secret values and no credentials, only names. Texts marked as [`Template`] may still
//! hold `${NAME}`; a worker expands them when the stage starts, because some names (`CIRCLE_IMAGE_DIGEST`) exist only then.

mod early;
mod local;
mod planner;
mod planner_explain;
mod planner_order;
mod planner_policy;
mod planner_rules;
mod planner_stages;
mod planner_variables;
mod secret_uses;
mod types;

pub use early::{Early, early};
pub use local::{LocalPlan, LocalWish, NoSuchStage, locally};
pub use planner::{is_skip, plan};
pub use planner_explain::explain;
pub use planner_policy::Policy;
pub use secret_uses::{SecretUse, SecretUser, step_name};
pub use types::{
    Bind, Cache, Concurrency, Container, ContainerJob, DeployStep, ImageBuild, ImagePush, Output, Plan, PreBuild,
    Ready, Resources, Retry, RetryWhen, SECRETS_FOLDER, Shell, Sidecar, Stage, Template, Verify, Work,
};
