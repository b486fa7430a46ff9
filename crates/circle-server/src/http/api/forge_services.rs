//! Repositories of a forge: found, linked, their hooks looked after.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::{
    ForgeCheck, ForgeCheckRequest, ForgeHookState, ForgeHookView, ForgeLinkCreate, ForgeRepositoryQuery,
    ForgeRepositoryView, Page, ServiceView,
};
use circle_api::routes;
use circle_core::forge::{ForgeConnection, ForgeLink};
use circle_core::ids::ServiceId;
use circle_core::names::BranchName;
use circle_core::notice::MailRules;
use circle_core::service::{SecretScope, Service, Workspace};
use uuid::Uuid;

use super::services::{new_secret, view};
use super::validate::{Faults, is_inner_path};
use crate::auth::{Admin, Within};
use crate::forge::{Forge, HookState, HookWish, Repository, clone_url, slug_of};
use crate::http::hooks::secret_name;
use crate::http::{ApiError, Body, Params, Segments};
use crate::records::ServiceRecord;
use crate::server::Server;
use crate::time::{now, now_ms};

/// Pages of the forge that one search reads; then it answers with a cursor.
const PAGES_SEARCHED: u32 = 10;

/// What the token's owner is a member of, a page of the forge at a time; with `search` so many that something is found.
#[utoipa::path(get, path = routes::FORGE_REPOSITORIES, tag = "forges", operation_id = "list_forge_repositories", params(("workspace" = String, Path), ("forge" = String, Path), ForgeRepositoryQuery), responses((status = 200, body = Page<ForgeRepositoryView>)))]
pub(in crate::http) async fn repositories(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Segments((_workspace, name)): Segments<(String, String)>,
    Params(query): Params<ForgeRepositoryQuery>,
) -> Result<Json<Page<ForgeRepositoryView>>, ApiError> {
    let (connection, _) = server.forge_named(within.tenant, &name).await?;
    let first: u32 = match query.cursor.as_deref().map(str::parse) {
        None => 1,
        Some(Ok(page @ 1..=10_000)) => page,
        Some(_) => {
            return Err(ApiError::field(
                "cursor",
                "the cursor is not of this list: leave it out to begin anew",
            ));
        }
    };
    let wanted = query.search.unwrap_or_default().to_lowercase();
    let linked = server.linked_services(&connection).await?;
    let forge = server.forge(&connection).await?;
    let mut items = Vec::new();
    for page in first..first + PAGES_SEARCHED {
        let found = forge.repositories(page).await?;
        let fitting = found
            .items
            .into_iter()
            .filter(|one| one.full_name.to_lowercase().contains(&wanted));
        items.extend(fitting.map(|repository| shown(repository, &linked)));
        if !found.more {
            return Ok(Json(Page { items, next: None }));
        }
        if !items.is_empty() {
            let next = Some((page + 1).to_string());
            return Ok(Json(Page { items, next }));
        }
    }
    let next = Some((first + PAGES_SEARCHED).to_string());
    Ok(Json(Page { items, next }))
}

fn shown(repository: Repository, linked: &[Service]) -> ForgeRepositoryView {
    let is_it = |service: &&Service| {
        let link = service.forge.as_ref();
        link.is_some_and(|link| link.repository == repository.id)
    };
    ForgeRepositoryView {
        services: linked
            .iter()
            .filter(is_it)
            .map(|service| service.name.clone())
            .collect(),
        why_not: repository.why_not().map(str::to_owned),
        id: repository.id,
        full_name: repository.full_name,
        private: repository.private,
        default_branch: repository.default_branch,
    }
}

/// Links a repository: a service that is known by the repository's id, and its hook.
#[utoipa::path(post, path = routes::FORGE_SERVICES, tag = "forges", operation_id = "link_repository", params(("workspace" = String, Path), ("forge" = String, Path)), request_body = ForgeLinkCreate, responses((status = 201, body = ServiceView)))]
pub(in crate::http) async fn link(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Segments((_workspace, name)): Segments<(String, String)>,
    Body(wish): Body<ForgeLinkCreate>,
) -> Result<(StatusCode, Json<ServiceView>), ApiError> {
    check(&wish)?;
    let (connection, _) = server.forge_named(within.tenant, &name).await?;
    let forge = server.forge(&connection).await?;
    let repository = forge.repository_named(&wish.repository).await?;
    if let Some(why) = repository.why_not() {
        return Err(ApiError::Conflict(format!(
            "{} cannot be linked: {why}",
            repository.full_name
        )));
    }
    let service = build((&within.workspace, &connection), &repository, wish)?;
    server.records.insert(&ServiceRecord(service.clone())).await?;
    server.queue.limit_service(&service, now_ms());
    if let Err(error) = hook(&server, forge.as_ref(), &service).await {
        // Without its hook it is nothing: what was made is taken back, so that the same wish can be made again.
        take_back(&server, &service).await?;
        return Err(error);
    }
    Ok((StatusCode::CREATED, Json(view(&server, &within.workspace, &service))))
}

fn check(wish: &ForgeLinkCreate) -> Result<(), ApiError> {
    let path = wish.pipeline_path.as_deref();
    Faults::default()
        .text(Some(&wish.repository), 512, "repository")
        .text(path, 512, "pipeline_path")
        .unless(
            path.is_none_or(is_inner_path),
            "pipeline_path",
            "the path stays within the repository: no leading slash, no \"..\"",
        )
        .done()
}

fn build(
    (workspace, connection): (&Workspace, &ForgeConnection),
    repository: &Repository,
    wish: ForgeLinkCreate,
) -> Result<Service, ApiError> {
    let own = || slug_of(&repository.full_name);
    let name = wish.name.or_else(own);
    let name = name.ok_or_else(|| ApiError::field("name", "give a name: the repository's own cannot be one"))?;
    let branch = repository.default_branch.as_deref().unwrap_or("main");
    let branch = BranchName::new(branch).map_err(|error| ApiError::Conflict(error.to_string()))?;
    Ok(Service {
        id: ServiceId::from_uuid(Uuid::now_v7()),
        workspace: workspace.id,
        name,
        repository: clone_url(connection, &repository.full_name),
        pipeline_path: wish
            .pipeline_path
            .unwrap_or_else(|| Service::DEFAULT_PIPELINE_PATH.into()),
        default_branch: branch,
        image: None,
        default_deploys: Vec::new(),
        queue_timeout_s: Service::DEFAULT_QUEUE_TIMEOUT_S,
        max_parallel: Service::DEFAULT_PARALLEL,
        max_parallel_ref: Service::MOST_PARALLEL,
        credential: None,
        forge: Some(ForgeLink {
            connection: connection.id,
            repository: repository.id.clone(),
            full_name: repository.full_name.clone(),
        }),
        poll_s: None,
        mail: MailRules::default(),
        inputs: Vec::new(),
        created_at: now(),
    })
}

/// The secret is known here before the forge signs with it.
async fn hook(server: &Server, forge: &dyn Forge, service: &Service) -> Result<(), ApiError> {
    let link = service
        .forge
        .as_ref()
        .ok_or_else(|| ApiError::not_found("forge of the service", &service.name))?;
    let known = server
        .open_secret(service.workspace, &SecretScope::Internal, &secret_name(service.id))
        .await?;
    let secret = match known {
        Some(secret) => secret,
        None => new_secret(server, service).await?,
    };
    let wish = HookWish {
        url: server.forge_hook_url(service.id),
        secret,
    };
    Ok(forge.put_hook(&link.repository, &wish).await?)
}

async fn take_back(server: &Server, service: &Service) -> Result<(), ApiError> {
    let id = service.id.to_string();
    if let Some((_, version)) = server.records.load::<ServiceRecord>(&id).await? {
        server.records.delete::<ServiceRecord>(&id, version).await?;
    }
    let name = secret_name(service.id);
    server
        .forget_secret(service.workspace, &SecretScope::Internal, &name)
        .await
}

/// Whether the token is good and every hook as it must be; with `repair` the hooks are made and mended.
#[utoipa::path(post, path = routes::FORGE_CHECK, tag = "forges", operation_id = "check_forge", params(("workspace" = String, Path), ("forge" = String, Path)), request_body = ForgeCheckRequest, responses((status = 200, body = ForgeCheck)))]
pub(in crate::http) async fn check_all(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Segments((_workspace, name)): Segments<(String, String)>,
    Body(wish): Body<ForgeCheckRequest>,
) -> Result<Json<ForgeCheck>, ApiError> {
    let (connection, _) = server.forge_named(within.tenant, &name).await?;
    let forge = server.forge(&connection).await?;
    let account = forge.whoami().await?.login;
    let mut hooks = Vec::new();
    for service in server.linked_services(&connection).await? {
        hooks.extend(looked_at(&server, forge.as_ref(), &service, wish.repair).await?);
    }
    Ok(Json(ForgeCheck { account, hooks }))
}

async fn looked_at(
    server: &Server,
    forge: &dyn Forge,
    service: &Service,
    repair: bool,
) -> Result<Option<ForgeHookView>, ApiError> {
    let Some(link) = &service.forge else { return Ok(None) };
    let url = server.forge_hook_url(service.id);
    let seen = match forge.check_hook(&link.repository, &url).await {
        Err(error) => ForgeHookState::Wrong { why: error.to_string() },
        Ok(HookState::Good) if !repair => ForgeHookState::Good,
        Ok(HookState::Missing) if !repair => ForgeHookState::Missing,
        Ok(HookState::Wrong(why)) if !repair => ForgeHookState::Wrong { why },
        // A wrong secret cannot be seen, so one that looks good is written too.
        Ok(_) => match hook(server, forge, service).await {
            Ok(()) => ForgeHookState::Repaired,
            Err(error) => ForgeHookState::Wrong { why: error.to_string() },
        },
    };
    Ok(Some(ForgeHookView {
        service: service.name.clone(),
        repository: link.full_name.clone(),
        url,
        state: seen,
    }))
}

impl Server {
    /// Takes the hook of a service that is gone from its forge. A forge that does not answer keeps it; its calls are refused.
    pub(super) async fn unhook(&self, service: &Service) {
        let Some(link) = &service.forge else { return };
        let remove = async {
            let connection = self.forge_connection(link.connection).await?;
            let forge = self.forge(&connection).await?;
            let url = self.forge_hook_url(service.id);
            forge.remove_hook(&link.repository, &url).await.map_err(ApiError::from)
        };
        if let Err(error) = remove.await {
            tracing::warn!(service = %service.name, %error, "the hook of a removed service stays: remove it on the forge");
        }
    }
}
