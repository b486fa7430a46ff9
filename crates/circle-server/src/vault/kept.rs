//! Secrets as documents: sealed and put in the place of the one before, opened, forgotten.

use circle_api::worker::SecretValue;
use circle_core::ids::{SecretId, WorkspaceId};
use circle_core::names::VariableName;
use circle_core::secret_limits::SecretLimits;
use circle_core::service::SecretScope;
use circle_store::records::{Query, RecordError, StoreError, Version, kinds};
use secrecy::SecretString;
use uuid::Uuid;

use super::Place;
use crate::http::{ApiError, IfMatch};
use crate::records::{SecretRecord, scope_key};
use crate::server::Server;
use crate::time::now;

/// A secret as somebody wishes it to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SecretWish<'a> {
    pub(crate) readers: &'a SecretScope,
    pub(crate) name: &'a str,
    pub(crate) value: &'a SecretValue,
    /// `None`: as before.
    pub(crate) limits: Option<&'a SecretLimits>,
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
        let wish = SecretWish {
            readers: &readers,
            name,
            value,
            limits: None,
        };
        Ok(self.put_secret(workspace, wish, &IfMatch::ANY).await?.0)
    }

    /// The same, if the one before is the one that was meant.
    pub(crate) async fn put_secret(
        &self,
        workspace: WorkspaceId,
        wish: SecretWish<'_>,
        matching: &IfMatch,
    ) -> Result<(SecretRecord, Version), ApiError> {
        loop {
            let record = self.sealed(workspace, wish)?;
            let limits = wish.limits;
            let (kept, version) = if matching.is_any() {
                match self.records.insert(&record).await {
                    Ok(version) => (record, version),
                    Err(RecordError::Store(StoreError::Conflict { .. })) => {
                        self.replace_secret((record, limits), matching).await?
                    }
                    Err(error) => return Err(error.into()),
                }
            } else {
                self.replace_secret((record, limits), matching).await?
            };
            if self.vault.key_ids().contains(&kept.sealed.key) {
                return Ok((kept, version));
            }
            // The key that sealed it was removed meanwhile, and nobody could open it: it is sealed under the one that seals now.
        }
    }

    fn sealed(&self, workspace: WorkspaceId, wish: SecretWish<'_>) -> Result<SecretRecord, ApiError> {
        let scope = scope_key(wish.readers);
        let place = Place {
            workspace,
            scope: &scope,
            name: wish.name,
        };
        let sealed = self.vault.seal(place, wish.value.expose())?;
        let name = VariableName::new(wish.name).map_err(|error| ApiError::Invalid(error.to_string()))?;
        Ok(SecretRecord {
            id: SecretId::from_uuid(Uuid::now_v7()),
            workspace,
            scope,
            name,
            readers: wish.readers.clone(),
            limits: wish.limits.cloned().unwrap_or_default(),
            sealed,
            created_at: now(),
        })
    }

    async fn replace_secret(
        &self,
        (new, limits): (SecretRecord, Option<&SecretLimits>),
        matching: &IfMatch,
    ) -> Result<(SecretRecord, Version), ApiError> {
        let known = self
            .records
            .load_by::<SecretRecord>(by_name(new.workspace, &new.scope, new.name.as_str()))
            .await?;
        let Some((known, _)) = known else {
            return Err(if matching.is_any() {
                ApiError::Unavailable("a secret was removed meanwhile".into())
            } else {
                ApiError::Precondition
            });
        };
        let put = |record: &mut SecretRecord| {
            record.sealed = new.sealed.clone();
            if let Some(limits) = limits {
                record.limits = limits.clone();
            }
            Ok::<(), ApiError>(())
        };
        let updated = self.change_matching(matching, known.id, put).await?;
        Ok((updated.record, updated.version))
    }

    /// Removes what was sealed for something that is gone.
    pub(crate) async fn forget_sealed(&self, id: SecretId) -> Result<(), ApiError> {
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

    /// Opens a secret by scope and name.
    pub(crate) async fn open_secret(
        &self,
        workspace: WorkspaceId,
        scope: &SecretScope,
        name: &str,
    ) -> Result<Option<SecretString>, ApiError> {
        let found = self.secret_record(workspace, scope, name).await?;
        found.map(|record| self.open_record(&record)).transpose()
    }

    /// A secret by scope and name, sealed as it is.
    pub(crate) async fn secret_record(
        &self,
        workspace: WorkspaceId,
        scope: &SecretScope,
        name: &str,
    ) -> Result<Option<SecretRecord>, ApiError> {
        let query = by_name(workspace, &scope_key(scope), name);
        let found = self.records.load_by::<SecretRecord>(query).await?;
        Ok(found.map(|(record, _)| record))
    }

    /// Opens a secret that another document names.
    ///
    /// # Errors
    /// When the store or the vault fails.
    pub(crate) async fn open_secret_by_id(&self, id: SecretId) -> Result<Option<SecretString>, ApiError> {
        let found = self.records.load::<SecretRecord>(&id.to_string()).await?;
        found.map(|(record, _)| self.open_record(&record)).transpose()
    }

    /// Opens a value.
    pub(crate) fn open_record(&self, record: &SecretRecord) -> Result<SecretString, ApiError> {
        let place = Place {
            workspace: record.workspace,
            scope: &record.scope,
            name: record.name.as_str(),
        };
        Ok(self.vault.open_value(place, &record.sealed)?)
    }
}

fn by_name(workspace: WorkspaceId, scope: &str, name: &str) -> Query {
    Query::over(kinds::SECRET_NAME)
        .equal(workspace.to_string())
        .equal(scope)
        .equal(name)
}
