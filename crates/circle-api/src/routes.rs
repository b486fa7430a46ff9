//! The paths of the API, once for server and client. Braces are parameters, as axum and OpenAPI write them.
//!
//! Every route but [`HEALTH`] and the hooks wants `Authorization: Bearer <token>`. Errors are
//! [`Problem`](crate::resources::Problem) documents. Lists take [`PageQuery`](crate::resources::PageQuery) and answer
//! [`Page`](crate::resources::Page).
//!
//! | route | method | body → answer |
//! |---|---|---|
//! | [`HEALTH`] | GET | → 200 when the server can answer; no credential |
//! | [`OPENAPI`] | GET | → the OpenAPI 3.1 description |
//! | [`METRICS`] | GET | → OpenMetrics text |
//! | [`SERVER`] | GET | → [`ServerView`](crate::resources::ServerView) |
//! | [`WORKSPACES`] | GET, POST | [`WorkspaceCreate`](crate::resources::WorkspaceCreate) → [`WorkspaceView`](crate::resources::WorkspaceView) |
//! | [`WORKSPACE`] | GET, PATCH, DELETE | [`WorkspaceChange`](crate::resources::WorkspaceChange) → the view; DELETE → 204, 409 while it has services |
//! | [`SERVICES`] | GET, POST | [`ServiceCreate`](crate::resources::ServiceCreate) → 201 [`ServiceCreated`](crate::resources::ServiceCreated) |
//! | [`SERVICE`] | GET, PATCH, DELETE | [`ServiceChange`](crate::resources::ServiceChange) → [`ServiceView`](crate::resources::ServiceView) |
//! | [`SERVICE_CREDENTIAL`] | PUT, DELETE | [`CredentialSet`](crate::resources::CredentialSet) → [`ServiceView`](crate::resources::ServiceView) |
//! | [`SERVICE_HOOK_SECRET`] | POST | → [`HookCreated`](crate::resources::HookCreated); the old secret ends at once |
//! | [`REGISTRIES`], [`REGISTRY`] | as services | [`RegistryCreate`](crate::resources::RegistryCreate), [`RegistryChange`](crate::resources::RegistryChange) → [`RegistryView`](crate::resources::RegistryView) |
//! | [`TARGETS`], [`TARGET`] | as services | [`TargetCreate`](crate::resources::TargetCreate), [`TargetChange`](crate::resources::TargetChange) → [`TargetView`](crate::resources::TargetView) |
//! | [`ENVIRONMENTS`], [`ENVIRONMENT`] | as services | [`EnvironmentCreate`](crate::resources::EnvironmentCreate), [`EnvironmentChange`](crate::resources::EnvironmentChange) → [`EnvironmentView`](crate::resources::EnvironmentView) |
//! | [`WORKLOAD`] | PUT, DELETE | [`WorkloadBind`](crate::resources::WorkloadBind) → [`EnvironmentView`](crate::resources::EnvironmentView) |
//! | [`ENVIRONMENT_DEPLOYMENTS`] | GET | → page of [`DeploymentView`](crate::resources::DeploymentView), newest first |
//! | [`SECRETS`] | GET, PUT | [`SecretSet`](crate::resources::SecretSet) → [`SecretView`](crate::resources::SecretView); PUT makes or replaces |
//! | [`SECRET`] | GET, DELETE | → [`SecretView`](crate::resources::SecretView), 204 |
//! | [`DELIVERIES`], [`DELIVERY`] | GET | → [`DeliveryView`](crate::resources::DeliveryView), newest first |
//! | [`DELIVERY_PAYLOAD`] | GET | → [`DeliveryPayload`](crate::resources::DeliveryPayload), secrets masked |
//! | [`DELIVERY_REPLAY`] | POST | → [`Triggered`](crate::resources::Triggered), 201 with a run, 202 without; 409 with the reason why none follows |
//! | [`RUNS`] | GET, POST | [`RunQuery`](crate::resources::RunQuery) → page of [`RunSummary`](crate::resources::RunSummary); [`TriggerRequest`](crate::resources::TriggerRequest) → [`Triggered`](crate::resources::Triggered), 201 with a run, 202 without |
//! | [`EVENTS`] | GET | [`EventQuery`](crate::events::EventQuery) → Server-Sent Events, see [`events`](crate::events) |
//! | [`SERVICE_INPUTS`] | GET | [`InputsQuery`](crate::resources::starting::InputsQuery) → [`InputsView`](crate::resources::starting::InputsView) of the file at that commit |
//! | [`SCHEDULES`] | GET, POST | [`ScheduleCreate`](crate::resources::starting::ScheduleCreate) → 201 [`ScheduleView`](crate::resources::starting::ScheduleView) |
//! | [`SCHEDULE`] | PATCH, DELETE | [`ScheduleChange`](crate::resources::starting::ScheduleChange) → the view; DELETE → 204, 409 of a rule of the file |
//! | [`SERVICE_RUN`] | GET | → [`RunView`](crate::resources::RunView) by number |
//! | [`RUN`] | GET | → [`RunView`](crate::resources::RunView) |
//! | [`RUN_CANCEL`] | POST | [`CancelRequest`](crate::resources::CancelRequest) → 202 [`RunSummary`](crate::resources::RunSummary); of an ended run 409 |
//! | [`RUN_RERUN`] | POST | [`RerunRequest`](crate::resources::RerunRequest) → 201 [`RunSummary`](crate::resources::RunSummary) of the new run |
//! | [`RUN_APPROVAL`] | GET | → [`ApprovalView`](crate::resources::ApprovalView); 409 unless the run is of a stranger's pull request |
//! | [`RUN_APPROVE`] | POST | [`ApproveRequest`](crate::resources::ApproveRequest) → [`Triggered`](crate::resources::Triggered), 201 with a run, 202 without |
//! | [`RUN_LOG`] | GET | → [`LogIndex`](crate::resources::LogIndex) |
//! | [`STAGE_LOG`] | GET | → bytes as `text/plain; charset=utf-8`, `Range: bytes=…` honoured |
//! | [`STAGE_LOG_LINES`] | GET | [`LogLinesQuery`](crate::resources::LogLinesQuery) → [`LogLines`](crate::resources::LogLines) |
//! | [`STAGE_OUTPUT`] | GET | → the stage's outputs as `application/x-tar` |
//! | [`LIVE_TICKET`] | POST | → 201 [`LiveTicket`](crate::resources::LiveTicket), for browsers |
//! | [`RUN_LIVE`] | GET, upgraded | WebSocket, see [`live`](crate::live) |
//! | [`WORKERS`] | GET | → page of [`WorkerView`](crate::resources::WorkerView) |
//! | [`WORKER_ENROLMENTS`] | POST | [`EnrolmentCreate`](crate::resources::EnrolmentCreate) → 201 [`EnrolmentCreated`](crate::resources::EnrolmentCreated) |
//! | [`WORKER`] | DELETE | revokes the worker's token → 204 |
//! | [`WORKER_DRAIN`] | POST | → 202 [`WorkerView`](crate::resources::WorkerView) |
//! | [`WORKER_ROOTS`] | GET | → every [`GoldenRootView`](crate::resources::GoldenRootView) of the worker, as it says now |
//! | [`WORKER_ROOTS_PRUNE`] | POST | [`GoldenRootsPrune`](crate::resources::GoldenRootsPrune) → those that were removed |
//! | [`HOSTS`], [`HOST`] | GET, POST; GET, PATCH, DELETE | [`HostCreate`](crate::resources::host::HostCreate), [`HostChange`](crate::resources::host::HostChange) → [`HostView`](crate::resources::host::HostView); DELETE → 202, or 204 by force |
//! | [`HOST_CHECK`] | POST | → 202 [`HostView`](crate::resources::host::HostView); it is looked at again |
//! | [`MASTER_KEYS`] | GET, POST | → [`MasterKeysView`](crate::resources::MasterKeysView); POST makes a new key → 201 |
//! | [`MASTER_KEY`] | DELETE | → 204; 409 for the key that seals |
//! | [`BACKUP`] | POST | → everything that the server keeps as `application/x-tar`, made while it is sent |
//! | [`TOKENS`] | GET, POST | [`TokenCreate`](crate::resources::TokenCreate) → 201 [`TokenCreated`](crate::resources::TokenCreated) |
//! | [`TOKEN`] | DELETE | → 204; the last administrator's token is refused with 409 |
//! | [`FORGES`], [`FORGE`] | as services, without PATCH; PUT of [`FORGE`] | [`ForgeCreate`](crate::resources::ForgeCreate), [`ForgeToken`](crate::resources::ForgeToken) → [`ForgeView`](crate::resources::ForgeView) |
//! | [`FORGE_OAUTH`] | POST, PUT | [`ForgeOauthBegin`](crate::resources::ForgeOauthBegin) → [`ForgeOauthBegun`](crate::resources::ForgeOauthBegun); [`ForgeOauthFinish`](crate::resources::ForgeOauthFinish) → 201 [`ForgeView`](crate::resources::ForgeView) |
//! | [`OAUTH_PAGE`] | GET | → plain text with a code, for whoever let Circle in |
//! | [`FORGE_CHECK`] | POST | [`ForgeCheckRequest`](crate::resources::ForgeCheckRequest) → [`ForgeCheck`](crate::resources::ForgeCheck) |
//! | [`FORGE_REPOSITORIES`] | GET | [`ForgeRepositoryQuery`](crate::resources::ForgeRepositoryQuery) → page of [`ForgeRepositoryView`](crate::resources::ForgeRepositoryView) |
//! | [`FORGE_SERVICES`] | POST | [`ForgeLinkCreate`](crate::resources::ForgeLinkCreate) → 201 [`ServiceView`](crate::resources::ServiceView) |
//! | [`FORGE_HOOK`] | POST | a forge's own call → 202 [`HookAccepted`](crate::resources::HookAccepted) |
//! | [`SESSION`] | POST, DELETE | [`SignIn`](crate::resources::people::SignIn) → [`SignedIn`](crate::resources::people::SignedIn) with a cookie or a token; DELETE → 204 |
//! | [`SESSIONS`] | DELETE | → 204; every session of one's own ends |
//! | [`ACCOUNT`], [`ACCOUNT_PASSWORD`] | GET; PUT | → [`AccountView`](crate::resources::people::AccountView); [`PasswordChange`](crate::resources::people::PasswordChange) → 204 |
//! | [`SIGN_IN_WAYS`] | GET | → [`SignInWays`](crate::resources::people::SignInWays) |
//! | [`SIGN_IN_WAY`] | POST, PUT | [`IdentityBegin`](crate::resources::people::IdentityBegin) → [`IdentityBegun`](crate::resources::people::IdentityBegun) with a cookie; [`IdentityFinish`](crate::resources::people::IdentityFinish) → [`IdentityFinished`](crate::resources::people::IdentityFinished) with a session |
//! | [`IDENTITIES`], [`IDENTITY`] | GET; DELETE | → every [`IdentityView`](crate::resources::people::IdentityView) of one's own; 409 for the last way to sign in |
//! | [`IDENTITY_PROVIDERS`], [`IDENTITY_PROVIDER`] | GET, POST; GET, PATCH, DELETE | [`IdentityProviderCreate`](crate::resources::people::IdentityProviderCreate), [`IdentityProviderChange`](crate::resources::people::IdentityProviderChange) → [`IdentityProviderView`](crate::resources::people::IdentityProviderView); 409 while it is somebody's only way |
//! | [`IDENTITY_PROVIDER_CHECK`] | POST | → [`IdentityProviderCheck`](crate::resources::people::IdentityProviderCheck) |
//! | [`LINKS`] | POST | [`LinkRedeem`](crate::resources::people::LinkRedeem) → [`AccountView`](crate::resources::people::AccountView) |
//! | [`USERS`], [`USER`], [`USER_RESET`] | GET; PATCH, DELETE; POST | [`UserChange`](crate::resources::people::UserChange) → [`UserView`](crate::resources::people::UserView); → 201 [`LinkCreated`](crate::resources::people::LinkCreated) |
//! | [`MEMBERS`], [`MEMBER`] | GET; PUT, DELETE | [`MemberChange`](crate::resources::people::MemberChange) → [`MemberView`](crate::resources::people::MemberView); 409 for the last admin |
//! | [`INVITATIONS`], [`INVITATION`] | GET, POST; DELETE | [`InvitationCreate`](crate::resources::people::InvitationCreate) → 201 [`LinkCreated`](crate::resources::people::LinkCreated) |
//! | [`WORKSPACE_AUDIT`], [`AUDIT`] | GET | [`AuditQuery`](crate::resources::people::AuditQuery) → page of [`AuditView`](crate::resources::people::AuditView), newest first |
//! | [`WORKSPACE_AUDIT_EXPORT`], [`AUDIT_EXPORT`] | GET | → every one as a line of JSON, oldest first |
//! | [`HOOK`] | POST | plain git: signed [`GitHook`](crate::resources::GitHook) → 202 [`HookAccepted`](crate::resources::HookAccepted) |

/// Answers without a credential.
pub const HEALTH: &str = "/healthz";
/// The description of everything here.
pub const OPENAPI: &str = "/api/v1/openapi.json";
/// The server's figures as OpenMetrics text.
pub const METRICS: &str = "/metrics";
/// The server itself.
pub const SERVER: &str = "/api/v1/server";
/// A backup, made while it is sent.
pub const BACKUP: &str = "/api/v1/server/backup";
/// Tenants.
pub const WORKSPACES: &str = "/api/v1/workspaces";
/// One tenant by name.
pub const WORKSPACE: &str = "/api/v1/workspaces/{workspace}";
/// The services of a workspace.
pub const SERVICES: &str = "/api/v1/workspaces/{workspace}/services";
/// One service by name.
pub const SERVICE: &str = "/api/v1/workspaces/{workspace}/services/{service}";
/// A new hook secret.
pub const SERVICE_HOOK_SECRET: &str = "/api/v1/workspaces/{workspace}/services/{service}/hook-secret";
/// What opens a service's private repository.
pub const SERVICE_CREDENTIAL: &str = "/api/v1/workspaces/{workspace}/services/{service}/credential";
/// Who gets mail about a service.
pub const SERVICE_MAIL: &str = "/api/v1/workspaces/{workspace}/services/{service}/mail";
/// Programs that are told of a service's runs.
pub const WEBHOOKS: &str = "/api/v1/workspaces/{workspace}/services/{service}/webhooks";
/// One webhook by name.
pub const WEBHOOK: &str = "/api/v1/workspaces/{workspace}/services/{service}/webhooks/{webhook}";
/// Calls a webhook to try it.
pub const WEBHOOK_PING: &str = "/api/v1/workspaces/{workspace}/services/{service}/webhooks/{webhook}/ping";
/// What was told about a service's runs.
pub const NOTICES: &str = "/api/v1/workspaces/{workspace}/services/{service}/notices";
/// Runs of a service that the clock starts.
pub const SCHEDULES: &str = "/api/v1/workspaces/{workspace}/services/{service}/schedules";
/// One of them, by its id or name.
pub const SCHEDULE: &str = "/api/v1/workspaces/{workspace}/services/{service}/schedules/{schedule}";
/// What a run by hand of a service may be given.
pub const SERVICE_INPUTS: &str = "/api/v1/workspaces/{workspace}/services/{service}/inputs";
/// A run by its number.
pub const SERVICE_RUN: &str = "/api/v1/workspaces/{workspace}/services/{service}/runs/{number}";
/// The registries of a workspace.
pub const REGISTRIES: &str = "/api/v1/workspaces/{workspace}/registries";
/// One registry by name.
pub const REGISTRY: &str = "/api/v1/workspaces/{workspace}/registries/{registry}";
/// The targets of a workspace.
pub const TARGETS: &str = "/api/v1/workspaces/{workspace}/targets";
/// One target by name.
pub const TARGET: &str = "/api/v1/workspaces/{workspace}/targets/{target}";
/// The environments of a workspace.
pub const ENVIRONMENTS: &str = "/api/v1/workspaces/{workspace}/environments";
/// One environment by name.
pub const ENVIRONMENT: &str = "/api/v1/workspaces/{workspace}/environments/{environment}";
/// A service's workload in an environment.
pub const WORKLOAD: &str = "/api/v1/workspaces/{workspace}/environments/{environment}/workloads/{service}";
/// What was deployed to an environment.
pub const ENVIRONMENT_DEPLOYMENTS: &str = "/api/v1/workspaces/{workspace}/environments/{environment}/deployments";
/// The secrets of a workspace, without their values.
pub const SECRETS: &str = "/api/v1/workspaces/{workspace}/secrets";
/// One secret by id.
pub const SECRET: &str = "/api/v1/workspaces/{workspace}/secrets/{secret}";
/// Webhook calls and manual triggers as received.
pub const DELIVERIES: &str = "/api/v1/workspaces/{workspace}/deliveries";
/// One delivery by id.
pub const DELIVERY: &str = "/api/v1/deliveries/{delivery}";
/// What a delivery brought.
pub const DELIVERY_PAYLOAD: &str = "/api/v1/deliveries/{delivery}/payload";
/// Handles a delivery again.
pub const DELIVERY_REPLAY: &str = "/api/v1/deliveries/{delivery}/replay";
/// A shell in the held cell of a failed run: a WebSocket.
pub const RUN_SHELL: &str = "/api/v1/runs/{run}/shell";
/// Who opened shells in a run's cell.
pub const RUN_SHELLS: &str = "/api/v1/runs/{run}/shells";
/// The runs of a workspace.
pub const RUNS: &str = "/api/v1/workspaces/{workspace}/runs";
/// What happens to them, as it happens.
pub const EVENTS: &str = "/api/v1/workspaces/{workspace}/events";
/// One run by id.
pub const RUN: &str = "/api/v1/runs/{run}";
/// Ends a run.
pub const RUN_CANCEL: &str = "/api/v1/runs/{run}/cancel";
/// Repeats a run.
pub const RUN_RERUN: &str = "/api/v1/runs/{run}/rerun";
/// What somebody looks at who approves.
pub const RUN_APPROVAL: &str = "/api/v1/runs/{run}/approval";
/// Lets a commit of a stranger run as a member's.
pub const RUN_APPROVE: &str = "/api/v1/runs/{run}/approve";
/// What there is of a run's log.
pub const RUN_LOG: &str = "/api/v1/runs/{run}/log";
/// The bytes of one stage's log.
pub const STAGE_LOG: &str = "/api/v1/runs/{run}/log/{stage}";
/// Lines of one stage's log by number.
pub const STAGE_LOG_LINES: &str = "/api/v1/runs/{run}/log/{stage}/lines";
/// What a stage's `outputs:` copied out.
pub const STAGE_OUTPUT: &str = "/api/v1/runs/{run}/outputs/{stage}";
/// Opens the live WebSocket of a run once.
pub const LIVE_TICKET: &str = "/api/v1/runs/{run}/live/ticket";
/// State and log as they come.
pub const RUN_LIVE: &str = "/api/v1/runs/{run}/live";
/// Every worker that is known.
pub const WORKERS: &str = "/api/v1/workers";
/// One-time tokens for new workers.
pub const WORKER_ENROLMENTS: &str = "/api/v1/workers/enrolments";
/// One worker by id.
pub const WORKER: &str = "/api/v1/workers/{worker}";
/// Lets a worker finish and take nothing new.
pub const WORKER_DRAIN: &str = "/api/v1/workers/{worker}/drain";
/// The golden roots of a worker.
pub const WORKER_ROOTS: &str = "/api/v1/workers/{worker}/roots";
/// Removes golden roots of a worker.
pub const WORKER_ROOTS_PRUNE: &str = "/api/v1/workers/{worker}/roots/prune";
/// Engines elsewhere on which workers are started.
pub const HOSTS: &str = "/api/v1/hosts";
/// One of them, by its id.
pub const HOST: &str = "/api/v1/hosts/{host}";
/// Looks at a host again.
pub const HOST_CHECK: &str = "/api/v1/hosts/{host}/check";
/// The keys under which secrets are sealed; for administrators of the server.
pub const MASTER_KEYS: &str = "/api/v1/server/master-keys";
/// One of them, by its id.
pub const MASTER_KEY: &str = "/api/v1/server/master-keys/{key}";
/// Credentials for this API; for administrators.
pub const TOKENS: &str = "/api/v1/tokens";
/// One credential by id.
pub const TOKEN: &str = "/api/v1/tokens/{token}";
/// Signing in and out.
pub const SESSION: &str = "/api/v1/session";
/// Every session of one's own.
pub const SESSIONS: &str = "/api/v1/sessions";
/// Who asks.
pub const ACCOUNT: &str = "/api/v1/account";
/// One's own password.
pub const ACCOUNT_PASSWORD: &str = "/api/v1/account/password";
/// How somebody can sign in beside name and password.
pub const SIGN_IN_WAYS: &str = "/api/v1/sign-in";
/// Signing in by an identity provider.
pub const SIGN_IN_WAY: &str = "/api/v1/sign-in/{provider}";
/// The page that an identity provider sends people back to.
pub const SIGN_IN_BACK: &str = "/sign-in/back/{provider}";
/// The page of one's own account.
pub const ACCOUNT_PAGE: &str = "/account";
/// One's own accounts at identity providers.
pub const IDENTITIES: &str = "/api/v1/account/identities";
/// One of them.
pub const IDENTITY: &str = "/api/v1/account/identities/{identity}";
/// The systems that say who people are.
pub const IDENTITY_PROVIDERS: &str = "/api/v1/identity-providers";
/// One of them by name.
pub const IDENTITY_PROVIDER: &str = "/api/v1/identity-providers/{provider}";
/// Whether one is as it must be.
pub const IDENTITY_PROVIDER_CHECK: &str = "/api/v1/identity-providers/{provider}/check";
/// Uses a one-time link up; the link is the credential.
pub const LINKS: &str = "/api/v1/links";
/// Everybody with an account.
pub const USERS: &str = "/api/v1/users";
/// One account by id.
pub const USER: &str = "/api/v1/users/{user}";
/// A link for a new password.
pub const USER_RESET: &str = "/api/v1/users/{user}/reset";
/// The members of a workspace.
pub const MEMBERS: &str = "/api/v1/workspaces/{workspace}/members";
/// One member by the account's name.
pub const MEMBER: &str = "/api/v1/workspaces/{workspace}/members/{member}";
/// One-time links into a workspace.
pub const INVITATIONS: &str = "/api/v1/workspaces/{workspace}/invitations";
/// One invitation by id.
pub const INVITATION: &str = "/api/v1/workspaces/{workspace}/invitations/{invitation}";
/// The page that takes a one-time link; what opens it stands behind a `#`, which no browser sends.
pub const LINK_PAGE: &str = "/join";
/// Who asked which change of a workspace.
pub const WORKSPACE_AUDIT: &str = "/api/v1/workspaces/{workspace}/audit";
/// The same as JSON lines, oldest first.
pub const WORKSPACE_AUDIT_EXPORT: &str = "/api/v1/workspaces/{workspace}/audit/export";
/// Who asked which change, anywhere.
pub const AUDIT: &str = "/api/v1/audit";
/// The same as JSON lines, oldest first.
pub const AUDIT_EXPORT: &str = "/api/v1/audit/export";
/// Where a plain git repository reports pushes; the signature is the credential.
pub const HOOK: &str = "/hooks/git/{workspace}/{service}";

/// Where a forge reports what happens in a service's repository; its own signature is the credential.
pub const FORGE_HOOK: &str = "/hooks/forge/{service}";
/// The forges of a workspace.
pub const FORGES: &str = "/api/v1/workspaces/{workspace}/forges";
/// One forge by name.
pub const FORGE: &str = "/api/v1/workspaces/{workspace}/forges/{forge}";
/// Connects a forge by OAuth, in two steps.
pub const FORGE_OAUTH: &str = "/api/v1/workspaces/{workspace}/oauth/forges";
/// Where forges send people back to; for their browser.
pub const OAUTH_PAGE: &str = "/oauth/forge";
/// Whether token and hooks are as they must be; mends the hooks on request.
pub const FORGE_CHECK: &str = "/api/v1/workspaces/{workspace}/forges/{forge}/check";
/// What can be linked.
pub const FORGE_REPOSITORIES: &str = "/api/v1/workspaces/{workspace}/forges/{forge}/repositories";
/// Links a repository.
pub const FORGE_SERVICES: &str = "/api/v1/workspaces/{workspace}/forges/{forge}/services";

/// The page of a run, for a browser.
pub const RUN_PAGE: &str = "/runs/{run}";

/// The workspace that a server makes at its first start.
pub const DEFAULT_WORKSPACE: &str = "default";

/// Puts values in the place of the braces, in order, percent-encoded.
///
/// ```
/// use circle_api::routes::{fill, WORKSPACE};
/// assert_eq!(fill(WORKSPACE, &["a b"]), "/api/v1/workspaces/a%20b");
/// ```
pub fn fill(template: &str, values: &[&str]) -> String {
    let mut out = String::with_capacity(template.len() + 40);
    let mut values = values.iter();
    for (index, part) in template.split('/').enumerate() {
        if index > 0 {
            out.push('/');
        }
        match part.starts_with('{').then(|| values.next()).flatten() {
            Some(value) => encode(value, &mut out),
            None => out.push_str(part),
        }
    }
    out
}

/// Everything but the unreserved characters of RFC 3986 is encoded, so that no value can add a segment or a query.
fn encode(value: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{RUN_CANCEL, STAGE_LOG, fill};

    #[test]
    fn values_stand_in_the_braces_in_order() {
        assert_eq!(fill(RUN_CANCEL, &["run_1"]), "/api/v1/runs/run_1/cancel");
        assert_eq!(
            fill(STAGE_LOG, &["run_1", "integration.smoke"]),
            "/api/v1/runs/run_1/log/integration.smoke"
        );
    }

    #[test]
    fn no_value_adds_a_segment_or_a_query() {
        assert_eq!(fill(RUN_CANCEL, &["../x?y#z"]), "/api/v1/runs/..%2Fx%3Fy%23z/cancel");
    }
}
