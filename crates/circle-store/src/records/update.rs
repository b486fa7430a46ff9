//! Read, decide, compare-and-swap, again if somebody was faster.
//!
//! Updates of one document through clones of one [`Records`] queue up in the order in which they came, so that within
//! a server nobody loses round after round; the compare-and-swap is for all other writers.

use std::error::Error;

use super::record::{decode, encode};
use super::{Record, RecordError, Records, StoreError, Version};

/// How often a change is decided anew before [`UpdateError::Contended`]: only a document that other servers write
/// without pause gets here.
pub const UPDATE_TRIES: usize = 64;

/// What an update left behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Updated<T, R> {
    /// The record as it is now.
    pub record: T,
    /// Its version now.
    pub version: Version,
    /// What the decision returned.
    pub result: R,
}

/// Why an update did not happen.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError<E: Error + 'static> {
    /// There is no such document.
    #[error("there is no {kind} {id}")]
    Missing {
        /// Of which kind.
        kind: super::Kind,
        /// Which one.
        id: String,
    },
    /// The decision said no; nothing was written.
    #[error(transparent)]
    Refused(E),
    /// Others were faster [`UPDATE_TRIES`] times: try again later.
    #[error("{kind} {id} is changed by others all the time")]
    Contended {
        /// Of which kind.
        kind: super::Kind,
        /// Which one.
        id: String,
    },
    /// Reading or writing failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl<E: Error + 'static> From<StoreError> for UpdateError<E> {
    fn from(error: StoreError) -> Self {
        Self::Record(error.into())
    }
}

/// What came of one try.
enum Attempt<T, R> {
    /// The decision left the record as it was.
    Same(Updated<T, R>),
    Written(Updated<T, R>),
    /// Somebody was faster; this is there now.
    Stale(Option<(T, Version)>),
}

impl Records {
    /// Applies a decision to the newest state of a record.
    ///
    /// `decide` is called again whenever another writer was faster: it must be pure. If it leaves the record as it
    /// was, nothing is written. The id must not change.
    pub async fn update<T, R, E, F>(&self, id: &str, mut decide: F) -> Result<Updated<T, R>, UpdateError<E>>
    where
        T: Record,
        E: Error + 'static,
        F: FnMut(&mut T) -> Result<R, E>,
    {
        let _turn = self.turn(T::KIND, id).await;
        self.update_in_turn(id, &mut decide).await
    }

    /// The same for who has read the record just now: when nobody changed it since, it is not read again. Only a change is
    /// decided on what was read; that there is nothing to do, or that it is refused, is decided on the newest state.
    pub async fn update_known<T, R, E, F>(
        &self,
        known: (T, Version),
        mut decide: F,
    ) -> Result<Updated<T, R>, UpdateError<E>>
    where
        T: Record,
        E: Error + 'static,
        F: FnMut(&mut T) -> Result<R, E>,
    {
        let id = known.0.id();
        let _turn = self.turn(T::KIND, &id).await;
        match self.attempt(known, &mut decide).await {
            Ok(Attempt::Written(updated)) => Ok(updated),
            Ok(Attempt::Same(_) | Attempt::Stale(_)) | Err(UpdateError::Refused(_)) => {
                self.update_in_turn(&id, &mut decide).await
            }
            Err(error) => Err(error),
        }
    }

    async fn update_in_turn<T, R, E, F>(&self, id: &str, decide: &mut F) -> Result<Updated<T, R>, UpdateError<E>>
    where
        T: Record,
        E: Error + 'static,
        F: FnMut(&mut T) -> Result<R, E>,
    {
        let mut newest = self.load::<T>(id).await?;
        for _ in 0..UPDATE_TRIES {
            let Some(known) = newest else {
                return Err(UpdateError::Missing {
                    kind: T::KIND,
                    id: id.to_owned(),
                });
            };
            match self.attempt(known, decide).await? {
                Attempt::Same(updated) | Attempt::Written(updated) => return Ok(updated),
                Attempt::Stale(current) => newest = current,
            }
        }
        Err(UpdateError::Contended {
            kind: T::KIND,
            id: id.to_owned(),
        })
    }

    async fn attempt<T, R, E, F>(
        &self,
        (mut record, version): (T, Version),
        decide: &mut F,
    ) -> Result<Attempt<T, R>, UpdateError<E>>
    where
        T: Record,
        E: Error + 'static,
        F: FnMut(&mut T) -> Result<R, E>,
    {
        let before = encode(&record)?;
        let result = decide(&mut record).map_err(UpdateError::Refused)?;
        let after = encode(&record)?;
        let updated = |version| Updated {
            record,
            version,
            result,
        };
        if after == before {
            return Ok(Attempt::Same(updated(version)));
        }
        match self.store().replace(after, version).await {
            Ok(version) => Ok(Attempt::Written(updated(version))),
            Err(StoreError::Stale { current }) => {
                let current = current.map(|current| decode(*current)).transpose()?;
                Ok(Attempt::Stale(current))
            }
            Err(error) => Err(error.into()),
        }
    }
}
