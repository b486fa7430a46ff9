//! Whose an identity is. The user's document says so; the identity's own document is the way to it and is unique.
//!
//! What only one of the two says is nobody's: a crash in between leaves an identity that opens nothing and is linked anew.

use std::collections::HashSet;

use circle_core::ids::{IdentityId, UserId};
use circle_core::names::{MAX_SLUG_BYTES, Slug};
use circle_store::records::{FindAll, Query, RecordError, StoreError, kinds};
use uuid::Uuid;

use super::{Person, SignInError};
use crate::auth::end_all;
use crate::http::ApiError;
use crate::records::{Identity, IdentityProviderRecord, IdentityRecord, StoredPassword, UserRecord};
use crate::server::Server;
use crate::time::now_ms;

/// Of one account: a person has a few.
const MOST: usize = 10;
/// Others may take and give up the same identity meanwhile; more than once is no chance.
const TRIES: usize = 3;
/// Names that are tried for somebody whose own is taken.
const NAMES: usize = 20;

impl Server {
    /// Who signs in by this identity.
    pub(crate) async fn user_of(
        &self,
        provider: &IdentityProviderRecord,
        subject: &str,
    ) -> Result<Option<UserRecord>, ApiError> {
        let found = self
            .records
            .load_by::<IdentityRecord>(by_subject(provider, subject))
            .await?;
        match found {
            Some((identity, _)) => self.owner(&identity).await,
            None => Ok(None),
        }
    }

    /// The user of an identity, if they say so too.
    async fn owner(&self, identity: &IdentityRecord) -> Result<Option<UserRecord>, ApiError> {
        let found = self.records.load::<UserRecord>(&identity.user.to_string()).await?;
        let owns = |user: &UserRecord| user.identities.iter().any(|one| one.id == identity.id);
        Ok(found.map(|(user, _)| user).filter(owns))
    }

    /// A new account that may nothing yet.
    pub(crate) async fn create_user(
        &self,
        name: Slug,
        password: Option<StoredPassword>,
        by: Option<(&IdentityProviderRecord, &Person)>,
    ) -> Result<UserRecord, ApiError> {
        let id = UserId::from_uuid(Uuid::now_v7());
        let identity = by.map(|(provider, person)| identity(provider, person));
        let user = UserRecord {
            id,
            name,
            password,
            identities: identity.iter().cloned().collect(),
            administrator: false,
            created_at: now_ms(),
        };
        self.records.insert(&user).await?;
        if let (Some(identity), Some((provider, person))) = (identity, by)
            && let Err(error) = self.claim(id, identity.id, (provider, person)).await
        {
            self.remove_user(id).await?;
            return Err(error);
        }
        Ok(user)
    }

    /// Takes an account back that nobody used.
    pub(crate) async fn remove_user(&self, id: UserId) -> Result<(), ApiError> {
        if let Some((user, version)) = self.records.load::<UserRecord>(&id.to_string()).await? {
            self.records.delete::<UserRecord>(&id.to_string(), version).await?;
            self.forget_identities(&user).await?;
        }
        Ok(())
    }

    /// Removes the ways to an account that is gone.
    pub(crate) async fn forget_identities(&self, user: &UserRecord) -> Result<(), ApiError> {
        for identity in &user.identities {
            self.forget_identity(identity.id).await?;
        }
        Ok(())
    }

    async fn forget_identity(&self, id: IdentityId) -> Result<(), ApiError> {
        let id = id.to_string();
        if let Some((_, version)) = self.records.load::<IdentityRecord>(&id).await? {
            self.records.delete::<IdentityRecord>(&id, version).await?;
        }
        Ok(())
    }

    /// An account for somebody whom nobody invited, if the provider may make them.
    pub(crate) async fn account_for(
        &self,
        provider: &IdentityProviderRecord,
        person: &Person,
    ) -> Result<UserRecord, ApiError> {
        if !provider.create_accounts {
            return Err(ApiError::from(SignInError::Unknown {
                provider: provider.name.to_string(),
                login: person.login.clone(),
            }));
        }
        let domain = person
            .email
            .as_deref()
            .and_then(|email| Some(email.rsplit_once('@')?.1));
        let domains = &provider.email_domains;
        if !domains.is_empty() && !domain.is_some_and(|domain| domains.iter().any(|one| one == domain)) {
            return Err(ApiError::from(SignInError::Domain {
                provider: provider.name.to_string(),
                domains: domains.join(", "),
            }));
        }
        for name in names(&person.login) {
            match self.create_user(name, None, Some((provider, person))).await {
                Err(ApiError::Conflict(_)) => {}
                other => return other,
            }
        }
        Err(ApiError::Conflict(
            "every name like yours is taken: ask for an invitation".into(),
        ))
    }

    /// Lets a user sign in by this identity from now on.
    pub(crate) async fn link_identity(
        &self,
        user: UserId,
        provider: &IdentityProviderRecord,
        person: &Person,
    ) -> Result<UserRecord, ApiError> {
        match self.user_of(provider, &person.subject).await? {
            Some(known) if known.id == user => return Ok(known),
            Some(_) => return Err(taken(provider, person)),
            None => {}
        }
        let new = identity(provider, person);
        let add = |record: &mut UserRecord| {
            if record.identities.len() >= MOST {
                let message = format!("an account has at most {MOST} identities: unlink one first");
                return Err(ApiError::Conflict(message));
            }
            record.identities.push(new.clone());
            Ok(())
        };
        let updated = self.records.update(&user.to_string(), add).await?;
        if let Err(error) = self.claim(user, new.id, (provider, person)).await {
            let take_back = |record: &mut UserRecord| {
                record.identities.retain(|one| one.id != new.id);
                Ok::<(), ApiError>(())
            };
            self.records.update(&user.to_string(), take_back).await?;
            return Err(error);
        }
        Ok(updated.record)
    }

    /// Makes the way from an identity to a user, in the place of one that leads nowhere.
    async fn claim(
        &self,
        user: UserId,
        id: IdentityId,
        (provider, person): (&IdentityProviderRecord, &Person),
    ) -> Result<(), ApiError> {
        let identity = IdentityRecord {
            id,
            provider: provider.id,
            subject: person.subject.clone(),
            user,
        };
        for _ in 0..TRIES {
            match self.records.insert(&identity).await {
                Ok(_) => return Ok(()),
                Err(RecordError::Store(StoreError::Conflict { .. })) => {}
                Err(error) => return Err(error.into()),
            }
            let found = self
                .records
                .load_by::<IdentityRecord>(by_subject(provider, &person.subject))
                .await?;
            let Some((other, version)) = found else { continue };
            if self.owner(&other).await?.is_some() {
                return Err(taken(provider, person));
            }
            match self
                .records
                .delete::<IdentityRecord>(&other.id.to_string(), version)
                .await
            {
                Ok(()) | Err(RecordError::Store(StoreError::Stale { .. })) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(taken(provider, person))
    }

    /// Those of a user's identities that open the account, each with its provider.
    pub(crate) async fn living(&self, user: &UserRecord) -> Result<Vec<(Identity, IdentityProviderRecord)>, ApiError> {
        let mut living = Vec::new();
        for identity in &user.identities {
            let way = self.records.load::<IdentityRecord>(&identity.id.to_string()).await?;
            let provider = self
                .records
                .load::<IdentityProviderRecord>(&identity.provider.to_string())
                .await?;
            if let (Some(_), Some((provider, _))) = (way, provider) {
                living.push((identity.clone(), provider));
            }
        }
        Ok(living)
    }

    /// Ends signing in by an identity, but not the last way there is. Sessions end, as when a password changes.
    pub(crate) async fn unlink_identity(&self, user: &UserRecord, id: IdentityId) -> Result<(), ApiError> {
        let living = self.living(user).await?;
        let living: HashSet<IdentityId> = living.into_iter().map(|(identity, _)| identity.id).collect();
        let remove = |record: &mut UserRecord| {
            let before = record.identities.len();
            record.identities.retain(|one| one.id != id);
            if record.identities.len() == before {
                return Err(ApiError::not_found("identity", id));
            }
            if record.password.is_none() && !record.identities.iter().any(|one| living.contains(&one.id)) {
                return Err(ApiError::Conflict(
                    "it is the only way to sign in to this account: set a password or link another one first".into(),
                ));
            }
            Ok(())
        };
        self.records.update(&user.id.to_string(), remove).await?;
        self.forget_identity(id).await?;
        end_all(self, user.id, false).await
    }

    /// Those who could not sign in any more without this provider, by name.
    pub(crate) async fn bound_to(&self, provider: &IdentityProviderRecord) -> Result<Vec<String>, ApiError> {
        let mut bound = Vec::new();
        for identity in self.identities_of(provider).await? {
            if let Some(user) = self.owner(&identity).await?
                && user.password.is_none()
                && self.living(&user).await?.iter().all(|(_, of)| of.id == provider.id)
            {
                bound.push(user.name.to_string());
            }
        }
        Ok(bound)
    }

    /// Forgets every identity of a provider that is gone, and ends the sessions of whose they were.
    pub(crate) async fn unlink_all(&self, provider: &IdentityProviderRecord) -> Result<(), ApiError> {
        for identity in self.identities_of(provider).await? {
            if let Some(user) = self.owner(&identity).await? {
                let remove = |record: &mut UserRecord| {
                    record.identities.retain(|one| one.provider != provider.id);
                    Ok::<(), ApiError>(())
                };
                self.records.update(&user.id.to_string(), remove).await?;
                end_all(self, user.id, false).await?;
            }
            self.forget_identity(identity.id).await?;
        }
        Ok(())
    }

    async fn identities_of(&self, provider: &IdentityProviderRecord) -> Result<Vec<IdentityRecord>, ApiError> {
        let query = Query::over(kinds::IDENTITY_SUBJECT).equal(provider.id.to_string());
        let mut pages = FindAll::new(self.records.store().as_ref(), query);
        let mut all = Vec::new();
        while let Some(heads) = pages.next().await? {
            for head in heads {
                let found = self.records.load::<IdentityRecord>(&head.id).await?;
                all.extend(found.map(|(identity, _)| identity));
            }
        }
        Ok(all)
    }
}

fn by_subject(provider: &IdentityProviderRecord, subject: &str) -> Query {
    Query::over(kinds::IDENTITY_SUBJECT)
        .equal(provider.id.to_string())
        .equal(subject)
}

fn identity(provider: &IdentityProviderRecord, person: &Person) -> Identity {
    Identity {
        id: IdentityId::from_uuid(Uuid::now_v7()),
        provider: provider.id,
        login: person.login.clone(),
        linked_at: now_ms(),
    }
}

fn taken(provider: &IdentityProviderRecord, person: &Person) -> ApiError {
    ApiError::from(SignInError::Taken {
        provider: provider.name.to_string(),
        login: person.login.clone(),
    })
}

/// Names for an account here, after what somebody is called there; of an address of mail the part before the `@`.
fn names(login: &str) -> Vec<Slug> {
    let before = login.split('@').next().unwrap_or_default().to_lowercase();
    let plain = before.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let plain: String = plain.collect();
    let parts = plain
        .split('-')
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("-");
    // Room for a number.
    let base: String = parts.chars().take(MAX_SLUG_BYTES - 3).collect();
    let base = match base.trim_end_matches('-') {
        "" => "somebody",
        base => base,
    };
    let numbered = (2..=NAMES).map(|number| format!("{base}-{number}"));
    std::iter::once(base.to_owned())
        .chain(numbered)
        .filter_map(|name| Slug::new(name).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{NAMES, names};

    #[test]
    fn a_name_is_made_of_what_somebody_is_called_elsewhere() {
        let first = |login: &str| names(login)[0].to_string();
        assert_eq!(first("Ann.Smith@example.org"), "ann-smith");
        assert_eq!(first("--_Émile__x"), "mile-x");
        assert_eq!(first("张三"), "somebody");
        assert_eq!(first(&"a".repeat(200)).len(), 60);
        let all = names("ann");
        assert_eq!((all.len(), all[1].to_string().as_str()), (NAMES, "ann-2"));
    }
}
