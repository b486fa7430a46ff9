//! Services and their hooks.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::starting::{InputDeclaration, InputWish};
use circle_api::resources::{HookCreated, Page, PageQuery, ServiceChange, ServiceCreate, ServiceCreated, ServiceView};
use circle_api::routes;
use circle_core::ids::ServiceId;
use circle_core::inputs::{Input, InputFault, check_own};
use circle_core::names::BranchName;
use circle_core::notice::MailRules;
use circle_core::poll::{LEAST_SECONDS, MOST_SECONDS};
use circle_core::run::CancelCause;
use circle_core::service::{CloneCredential, SecretScope, Service, Workspace};
use circle_store::records::kinds;
use circle_vcs::RepositoryUrl;
use rand::Rng;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::page::page;
use super::post_receive::script;
use super::validate::{Faults, is_inner_path};
use crate::auth::{Admin, Tenant, Viewer, Within};
use crate::http::hooks::secret_name;
use crate::http::{ApiError, Body, IfMatch, Params, Segments, Tagged};
use crate::reconcile::{in_its_field, poll_view};
use crate::records::ServiceRecord;
use crate::server::Server;
use crate::time::{now, now_ms};

/// Random bytes of a hook's secret.
const HOOK_SECRET_BYTES: usize = 32;

/// By name.
#[utoipa::path(get, path = routes::SERVICES, tag = "services", operation_id = "list_services", params(("workspace" = String, Path), PageQuery), responses((status = 200, body = Page<ServiceView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    within: Within<Viewer>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<ServiceView>>, ApiError> {
    let by_name = within.tenant.over(kinds::SERVICE_NAME);
    let of = |ServiceRecord(service)| view(&server, &within.workspace, &service);
    Ok(Json(page(&server, by_name, &query, of).await?))
}

/// Links a repository. The hook's secret is shown this once.
#[utoipa::path(post, path = routes::SERVICES, tag = "services", operation_id = "create_service", params(("workspace" = String, Path)), request_body = ServiceCreate, responses((status = 201, body = ServiceCreated)))]
pub(in crate::http) async fn create(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Body(wish): Body<ServiceCreate>,
) -> Result<(StatusCode, Json<ServiceCreated>), ApiError> {
    let service = build(&within.workspace, wish)?;
    check(&server, &service).await?;
    server.records.insert(&ServiceRecord(service.clone())).await?;
    server.queue.limit_service(&service, now_ms());
    let hook = renew_hook(&server, &within.workspace, &service).await?;
    let service = view(&server, &within.workspace, &service);
    Ok((StatusCode::CREATED, Json(ServiceCreated { service, hook })))
}

/// One by name.
#[utoipa::path(get, path = routes::SERVICE, tag = "services", operation_id = "show_service", params(("workspace" = String, Path), ("service" = String, Path)), responses((status = 200, body = ServiceView)))]
pub(in crate::http) async fn show(
    State(server): State<Arc<Server>>,
    within: Within<Viewer>,
    Segments((_workspace, name)): Segments<(String, String)>,
) -> Result<Tagged<ServiceView>, ApiError> {
    let (service, version) = server.service(within.tenant, &name).await?;
    let mut shown = view(&server, &within.workspace, &service);
    shown.poll = poll_view(&server, &service).await?;
    Ok(Tagged::new(service.id, version, shown))
}

/// Changes what is given. A repository on another host loses the credential of the one before.
#[utoipa::path(patch, path = routes::SERVICE, tag = "services", operation_id = "change_service", params(("workspace" = String, Path), ("service" = String, Path)), request_body = ServiceChange, responses((status = 200, body = ServiceView)))]
pub(in crate::http) async fn change(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    matching: IfMatch,
    Segments((_workspace, name)): Segments<(String, String)>,
    Body(wish): Body<ServiceChange>,
) -> Result<Tagged<ServiceView>, ApiError> {
    let (before, version) = server.service(within.tenant, &name).await?;
    matching.check(before.id, version)?;
    check_declarations(&wish)?;
    check(&server, &changed(&before, &wish)).await?;
    let mut lost = None;
    let apply = |ServiceRecord(service): &mut ServiceRecord| {
        let credential = service.credential.take();
        *service = changed(service, &wish);
        let stays = |known: &CloneCredential| origin(&service.repository).as_deref() == Some(&known.origin);
        (service.credential, lost) = match credential {
            Some(known) if !stays(&known) => (None, Some(known)),
            known => (known, None),
        };
        Ok::<(), ApiError>(())
    };
    let updated = server.change_matching(&matching, before.id, apply).await?;
    server.forget_credential(lost.as_ref()).await?;
    server.hook_keys.forget();
    let (ServiceRecord(service), version) = (updated.record, updated.version);
    server.queue.limit_service(&service, now_ms());
    let shown = view(&server, &within.workspace, &service);
    Ok(Tagged::new(service.id, version, shown))
}

/// Removes the service; its runs are cancelled and stay to be read.
#[utoipa::path(delete, path = routes::SERVICE, tag = "services", operation_id = "remove_service", params(("workspace" = String, Path), ("service" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn remove(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    matching: IfMatch,
    Segments((_workspace, name)): Segments<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (service, version) = server.service(within.tenant, &name).await?;
    matching.check(service.id, version)?;
    server
        .records
        .delete::<ServiceRecord>(&service.id.to_string(), version)
        .await?;
    server.hook_keys.forget();
    server.unhook(&service).await;
    server
        .forget_secret(within.workspace.id, &SecretScope::Internal, &secret_name(service.id))
        .await?;
    server.forget_credential(service.credential.as_ref()).await?;
    server.forget_webhooks(service.id).await?;
    server.forget_schedules(service.id).await?;
    for run in server.queue.of_service(service.id) {
        if let Err(error) = server
            .cancel(run, CancelCause::Removed, &within.caller.name, true)
            .await
        {
            tracing::debug!(%run, %error, "a run of a removed service was not cancelled");
        }
    }
    server.repositories.forget(service.id).await;
    Ok(StatusCode::NO_CONTENT)
}

/// A new secret for the hook; the old one ends at once.
#[utoipa::path(post, path = routes::SERVICE_HOOK_SECRET, tag = "services", operation_id = "renew_hook_secret", params(("workspace" = String, Path), ("service" = String, Path)), responses((status = 200, body = HookCreated)))]
pub(in crate::http) async fn new_hook_secret(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Segments((_workspace, name)): Segments<(String, String)>,
) -> Result<Json<HookCreated>, ApiError> {
    let (service, _) = server.service(within.tenant, &name).await?;
    Ok(Json(renew_hook(&server, &within.workspace, &service).await?))
}

pub(super) fn view(server: &Server, workspace: &Workspace, service: &Service) -> ServiceView {
    let url = match &service.forge {
        Some(_) => server.forge_hook_url(service.id),
        None => server.hook_url(workspace.name.as_str(), service.name.as_str()),
    };
    ServiceView::of(service, url)
}

/// Makes and keeps another secret for the service's hook.
pub(super) async fn new_secret(server: &Server, service: &Service) -> Result<SecretString, ApiError> {
    let mut bytes = zeroize::Zeroizing::new([0; HOOK_SECRET_BYTES]);
    rand::rng().fill_bytes(bytes.as_mut_slice());
    let secret = circle_api::worker::SecretValue::new(hex::encode(bytes.as_slice()));
    let (name, readers) = (secret_name(service.id), SecretScope::Internal);
    server.keep_secret(service.workspace, readers, &name, &secret).await?;
    server.hook_keys.forget();
    Ok(SecretString::from(secret.expose().to_owned()))
}

async fn renew_hook(server: &Server, workspace: &Workspace, service: &Service) -> Result<HookCreated, ApiError> {
    let secret = new_secret(server, service).await?;
    let secret = circle_api::worker::SecretValue::new(secret.expose_secret());
    let url = server.hook_url(workspace.name.as_str(), service.name.as_str());
    let post_receive = circle_api::worker::SecretValue::new(script(service, &url, secret.expose()));
    Ok(HookCreated {
        url,
        secret,
        post_receive,
    })
}

fn build(workspace: &Workspace, wish: ServiceCreate) -> Result<Service, ApiError> {
    let main = BranchName::new("main").map_err(|error| ApiError::Internal(error.to_string()))?;
    Ok(Service {
        id: ServiceId::from_uuid(Uuid::now_v7()),
        workspace: workspace.id,
        name: wish.name,
        repository: wish.repository,
        pipeline_path: wish
            .pipeline_path
            .unwrap_or_else(|| Service::DEFAULT_PIPELINE_PATH.into()),
        default_branch: wish.default_branch.unwrap_or(main),
        image: wish.image.map(Into::into),
        default_deploys: wish.default_deploys,
        queue_timeout_s: wish.queue_timeout_s.unwrap_or(Service::DEFAULT_QUEUE_TIMEOUT_S),
        max_parallel: wish.max_parallel.unwrap_or(Service::DEFAULT_PARALLEL),
        max_parallel_ref: wish.max_parallel_ref.unwrap_or(Service::MOST_PARALLEL),
        credential: None,
        forge: None,
        poll_s: wish.poll_s.filter(|seconds| *seconds > 0),
        mail: MailRules::default(),
        inputs: Vec::new(),
        created_at: now(),
    })
}

fn changed(before: &Service, wish: &ServiceChange) -> Service {
    let ServiceChange {
        repository,
        default_branch,
        pipeline_path,
        image,
        default_deploys,
        queue_timeout_s,
        max_parallel,
        max_parallel_ref,
        poll_s,
        inputs,
    } = wish.clone();
    // A service that moves elsewhere is not that repository of the forge any more.
    let moves = repository.as_ref().is_some_and(|to| *to != before.repository);
    Service {
        forge: before.forge.clone().filter(|_| !moves),
        repository: repository.unwrap_or_else(|| before.repository.clone()),
        default_branch: default_branch.unwrap_or_else(|| before.default_branch.clone()),
        pipeline_path: pipeline_path.unwrap_or_else(|| before.pipeline_path.clone()),
        image: image.map(Into::into).or_else(|| before.image.clone()),
        default_deploys: default_deploys.unwrap_or_else(|| before.default_deploys.clone()),
        queue_timeout_s: queue_timeout_s.unwrap_or(before.queue_timeout_s),
        max_parallel: max_parallel.unwrap_or(before.max_parallel),
        max_parallel_ref: max_parallel_ref.unwrap_or(before.max_parallel_ref),
        poll_s: poll_s.map_or(before.poll_s, |seconds| Some(seconds).filter(|seconds| *seconds > 0)),
        inputs: changed_inputs(&before.inputs, inputs),
        ..before.clone()
    }
}

/// One by one, so that two people who declare different inputs do not undo each other.
fn changed_inputs(before: &[Input], wish: BTreeMap<String, InputWish>) -> Vec<Input> {
    let mut inputs = before.to_vec();
    for (name, InputWish(declaration)) in wish {
        let place = inputs.iter().position(|input| input.name == name);
        let declared = declaration.map(|declaration| declaration.of(&name));
        match (place, declared) {
            (Some(place), Some(input)) => inputs[place] = input,
            (Some(place), None) => _ = inputs.remove(place),
            (None, Some(input)) => inputs.push(input),
            (None, None) => {}
        }
    }
    inputs
}

/// Whom a credential for this address is shown to.
fn origin(repository: &str) -> Option<String> {
    RepositoryUrl::parse(repository).ok().map(|url| url.origin().to_owned())
}

/// What a type has no use for, which would be silently without effect.
fn check_declarations(wish: &ServiceChange) -> Result<(), ApiError> {
    let mut faults = Faults::default();
    for (name, InputWish(declaration)) in &wish.inputs {
        for fault in declaration.iter().flat_map(InputDeclaration::faults) {
            let (field, message) = in_its_field(InputFault::new(name, fault));
            faults.unless(false, &field, message);
        }
    }
    faults.done()
}

/// Bounds, and that what it names is there.
async fn check(server: &Server, service: &Service) -> Result<(), ApiError> {
    let mut faults = Faults::default();
    let most = u64::from(Service::MOST_PARALLEL);
    if let Err(error) = RepositoryUrl::parse(&service.repository) {
        faults.unless(false, "repository", error.to_string());
    }
    faults
        .text(Some(&service.pipeline_path), 512, "pipeline_path")
        .unless(
            is_inner_path(&service.pipeline_path),
            "pipeline_path",
            "the path stays within the repository: no leading slash, no \"..\"",
        )
        .within(Some(service.queue_timeout_s), (1, 604_800), "queue_timeout_s")
        .within(Some(u64::from(service.max_parallel)), (1, most), "max_parallel")
        .within(Some(u64::from(service.max_parallel_ref)), (1, most), "max_parallel_ref")
        .within(
            service.poll_s.map(u64::from),
            (u64::from(LEAST_SECONDS), u64::from(MOST_SECONDS)),
            "poll_s",
        )
        .unless(
            service.default_deploys.len() <= 32,
            "default_deploys",
            "at most 32 environments",
        );
    for fault in check_own(&service.inputs).err().unwrap_or_default() {
        let (field, message) = in_its_field(fault);
        faults.unless(false, &field, message);
    }
    if let Some(home) = &service.image {
        faults.text(Some(&home.path), 255, "image.path");
        faults.unless(
            is_inner_path(&home.path),
            "image.path",
            "the path is made of parts between slashes, such as shop/web",
        );
        let known = server
            .registry(Tenant::of_service(service), home.registry.as_str())
            .await;
        faults.unless(
            !is_missing(&known)?,
            "image.registry",
            format!("there is no registry {}", home.registry),
        );
    }
    for environment in &service.default_deploys {
        let known = server
            .environment(Tenant::of_service(service), environment.as_str())
            .await;
        faults.unless(
            !is_missing(&known)?,
            "default_deploys",
            format!("there is no environment {environment}"),
        );
    }
    faults.done()
}

/// Whether a look-up found nothing; other failures are passed on.
fn is_missing<T>(found: &Result<T, ApiError>) -> Result<bool, ApiError> {
    match found {
        Ok(_) => Ok(false),
        Err(ApiError::NotFound { .. }) => Ok(true),
        Err(error) => Err(ApiError::Unavailable(error.to_string())),
    }
}
