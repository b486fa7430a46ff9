//! Requests and responses of `/api/v1`. Requests refuse unknown fields; responses may gain fields.
//! Times are RFC 3339 in UTC. Durations and sizes carry their unit in the name. Ids are `<prefix>_<32 hex digits>`.

mod credential;
mod delivery;
mod deployment;
mod environment;
mod forge;
mod golden_root;
mod log;
pub mod notice;
mod page;
pub mod people;
mod policy;
mod problem;
mod pull_request;
mod registry;
mod run;
mod secret;
mod server;
mod service;
mod shell;
mod stage;
pub mod starting;
mod target;
mod token;
mod worker;
mod workspace;

pub use credential::{CredentialKind, CredentialSet, CredentialView};
pub use delivery::{DeliveryPayload, DeliveryQuery, DeliveryState, DeliveryView, GitHook, HookAccepted};
pub use deployment::{DeploymentEvent, DeploymentView};
pub use environment::{
    EnvironmentChange, EnvironmentCreate, EnvironmentView, WorkloadBind, WorkloadCreate, WorkloadHealth, WorkloadView,
};
pub use forge::{
    ForgeCheck, ForgeCheckRequest, ForgeCreate, ForgeHookState, ForgeHookView, ForgeKind, ForgeLinkCreate,
    ForgeOauthBegin, ForgeOauthBegun, ForgeOauthFinish, ForgeRepositoryQuery, ForgeRepositoryView, ForgeToken,
    ForgeView, ServiceForge,
};
pub use golden_root::{GoldenRootView, GoldenRootsPrune};
pub use log::{LiveTicket, LogGroup, LogIndex, LogLines, LogLinesQuery, MAX_LOG_LINES, StageLog};
pub use page::{DEFAULT_PAGE, MAX_PAGE, Page, PageQuery};
pub use policy::{MAX_POLICY_ENTRIES, PolicyChange, PolicyView};
pub use problem::{PROBLEM_CONTENT_TYPE, Problem, ProblemEntry};
pub use pull_request::{ApprovalView, ApproveRequest, PullPollView, PullRequestView};
pub use registry::{RegistryChange, RegistryCreate, RegistryView};
pub use run::{
    ImageView, RerunLink, RootView, RunQuery, RunState, RunSummary, RunView, Surroundings, VerdictView, WaitingReason,
};
pub use secret::{MAX_SECRET_BYTES, MIN_SECRET_CHARACTERS, SecretLimits, SecretScope, SecretSet, SecretView};
pub use server::{MasterKeyView, MasterKeysView, ServerView};
pub use service::{HookCreated, ImageHome, PollView, ServiceChange, ServiceCreate, ServiceCreated, ServiceView};
pub use shell::ShellView;
pub use stage::{FailureView, OutputView, PhasesView, StageView, StageWord};
pub use starting::{CancelRequest, RerunRequest, TriggerRequest, Triggered};
pub use target::{SwarmEndpoint, TargetChange, TargetCreate, TargetView};
pub use token::{TokenCreate, TokenCreated, TokenScope, TokenView};
pub use worker::{EnrolmentCreate, EnrolmentCreated, WorkerState, WorkerView, host};
pub use workspace::{WorkspaceChange, WorkspaceCreate, WorkspaceView};
