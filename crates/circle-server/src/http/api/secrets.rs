//! Secrets: written, never read back.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::{
    MAX_SECRET_BYTES, MIN_SECRET_CHARACTERS, Page, PageQuery, SecretScope as Wanted, SecretSet, SecretView,
};
use circle_api::routes;
use circle_api::worker::SecretValue;
use circle_core::ids::{SecretId, WorkspaceId};
use circle_core::names::VariableName;
use circle_core::service::SecretScope;
use circle_store::records::{Cursor, Query, RecordError, StoreError, kinds};
use uuid::Uuid;

use super::page::wrong_cursor;
use super::validate::Faults;
use crate::auth::{Admin, Developer, Tenant, Within};
use crate::http::{ApiError, Body, Params, Segments};
use crate::records::{SecretRecord, scope_key};
use crate::server::Server;
use crate::time::now;
use crate::vault::Place;

/// By scope and name; Circle's own are left out.
#[utoipa::path(get, path = routes::SECRETS, tag = "secrets", operation_id = "list_secrets", params(("workspace" = String, Path), PageQuery), responses((status = 200, body = Page<SecretView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    within: Within<Developer>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<SecretView>>, ApiError> {
    let by_name = within.tenant.over(kinds::SECRET_NAME);
    let by_name = by_name
        .limit(query.size() as usize)
        .after(query.cursor.map(Cursor::from_text));
    let found = server.records.find(by_name).await.map_err(wrong_cursor)?;
    let mut items = Vec::new();
    for (record, _) in server.records.load_page::<SecretRecord>(&found).await? {
        items.extend(view(&server, record).await?);
    }
    Ok(Json(Page {
        items,
        next: found.next.map(|cursor| cursor.as_text().to_owned()),
    }))
}

/// Makes or replaces one.
#[utoipa::path(put, path = routes::SECRETS, tag = "secrets", operation_id = "set_secret", params(("workspace" = String, Path)), request_body = SecretSet, responses((status = 200, body = SecretView)))]
pub(in crate::http) async fn set(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Body(wish): Body<SecretSet>,
) -> Result<Json<SecretView>, ApiError> {
    judged(&wish.value)?;
    let scope = scope_of(&server, within.tenant, &wish.scope).await?;
    let record = server
        .keep_secret(within.workspace.id, scope, wish.name.as_str(), &wish.value)
        .await?;
    Ok(Json(SecretView {
        id: record.id,
        scope: wish.scope,
        name: record.name,
        created_at: record.created_at,
    }))
}

fn judged(value: &SecretValue) -> Result<(), ApiError> {
    let (text, mut faults) = (value.expose(), Faults::default());
    faults.unless(
        text.len() <= MAX_SECRET_BYTES,
        "value",
        format!("a secret has at most {MAX_SECRET_BYTES} bytes"),
    );
    faults.unless(
        text.trim_end().chars().count() >= MIN_SECRET_CHARACTERS,
        "value",
        format!(
            "a secret has at least {MIN_SECRET_CHARACTERS} characters: a shorter one cannot be masked; use a longer one, or a variable under `environment` when it is none"
        ),
    );
    faults.done()
}

/// Removes one.
#[utoipa::path(delete, path = routes::SECRET, tag = "secrets", operation_id = "remove_secret", params(("workspace" = String, Path), ("secret" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn remove(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Segments((_workspace, id)): Segments<(String, SecretId)>,
) -> Result<StatusCode, ApiError> {
    let found = server.records.load::<SecretRecord>(&id.to_string()).await?;
    // Circle's own secrets go with what they belong to.
    let found =
        found.filter(|(record, _)| within.tenant.owns(record.workspace) && record.readers != SecretScope::Internal);
    let (_, version) = found.ok_or_else(|| ApiError::not_found("secret", id))?;
    server.records.delete::<SecretRecord>(&id.to_string(), version).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn scope_of(server: &Server, tenant: Tenant, wanted: &Wanted) -> Result<SecretScope, ApiError> {
    Ok(match wanted {
        Wanted::Workspace => SecretScope::Workspace,
        Wanted::Service { service } => SecretScope::Service {
            service: server.service(tenant, service.as_str()).await?.0.id,
        },
        Wanted::Environment { environment } => SecretScope::Environment {
            environment: server.environment(tenant, environment.as_str()).await?.0.name,
        },
    })
}

/// `None` for what is Circle's own, or of a service that is gone.
async fn view(server: &Server, record: SecretRecord) -> Result<Option<SecretView>, ApiError> {
    let scope = match &record.readers {
        SecretScope::Internal => return Ok(None),
        SecretScope::Workspace => Wanted::Workspace,
        SecretScope::Environment { environment } => Wanted::Environment {
            environment: environment.clone(),
        },
        SecretScope::Service { service } => match server.service_by_id(*service).await {
            Ok(service) => Wanted::Service { service: service.name },
            Err(ApiError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        },
    };
    Ok(Some(SecretView {
        id: record.id,
        scope,
        name: record.name,
        created_at: record.created_at,
    }))
}

impl Server {
    /// Seals a value and keeps it in the place of the one before.
    pub(crate) async fn keep_secret(
        &self,
        workspace: WorkspaceId,
        readers: SecretScope,
        name: &str,
        value: &SecretValue,
    ) -> Result<SecretRecord, ApiError> {
        let scope = scope_key(&readers);
        let sealed = self.vault.seal(
            Place {
                workspace,
                scope: &scope,
                name,
            },
            value.expose(),
        )?;
        let name = VariableName::new(name).map_err(|error| ApiError::Invalid(error.to_string()))?;
        let id = SecretId::from_uuid(Uuid::now_v7());
        let record = SecretRecord {
            id,
            workspace,
            scope,
            name,
            readers: readers.clone(),
            sealed,
            created_at: now(),
        };
        let kept = match self.records.insert(&record).await {
            Ok(_) => record,
            Err(RecordError::Store(StoreError::Conflict { .. })) => self.replace_secret(record).await?,
            Err(error) => return Err(error.into()),
        };
        if self.vault.key_ids().contains(&kept.sealed.key) {
            return Ok(kept);
        }
        // The key that sealed it was removed meanwhile, and nobody could open it: it is sealed under the one that seals now.
        Box::pin(self.keep_secret(workspace, readers, kept.name.as_str(), value)).await
    }

    async fn replace_secret(&self, new: SecretRecord) -> Result<SecretRecord, ApiError> {
        let known = self
            .records
            .load_by::<SecretRecord>(by_name(new.workspace, &new.scope, new.name.as_str()))
            .await?;
        let (known, _) = known.ok_or_else(|| ApiError::Unavailable("a secret was removed meanwhile".into()))?;
        let put = |record: &mut SecretRecord| {
            record.sealed = new.sealed.clone();
            Ok::<(), ApiError>(())
        };
        Ok(self.records.update(&known.id.to_string(), put).await?.record)
    }

    /// Removes what was sealed for something that is gone.
    pub(super) async fn forget_sealed(&self, id: SecretId) -> Result<(), ApiError> {
        let id = id.to_string();
        if let Some((_, version)) = self.records.load::<SecretRecord>(&id).await? {
            self.records.delete::<SecretRecord>(&id, version).await?;
        }
        Ok(())
    }

    /// Removes a secret by name; one that is not there is no error.
    pub(crate) async fn forget_secret(
        &self,
        workspace: WorkspaceId,
        scope: &SecretScope,
        name: &str,
    ) -> Result<(), ApiError> {
        let known = self
            .records
            .load_by::<SecretRecord>(by_name(workspace, &scope_key(scope), name))
            .await?;
        if let Some((record, version)) = known {
            self.records
                .delete::<SecretRecord>(&record.id.to_string(), version)
                .await?;
        }
        Ok(())
    }
}

fn by_name(workspace: WorkspaceId, scope: &str, name: &str) -> Query {
    Query::over(kinds::SECRET_NAME)
        .equal(workspace.to_string())
        .equal(scope)
        .equal(name)
}
