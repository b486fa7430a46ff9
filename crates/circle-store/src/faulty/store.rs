//! A store that fails on purpose.

use std::sync::Arc;

use async_trait::async_trait;

use super::Plan;
use crate::records::{Changes, Kind, NewDocument, Page, Query, Store, StoreError, Stored, Version};

/// Any store with a plan before it. Operations: `get`, `insert`, `replace`, `delete`, `find`, `count`.
#[derive(Clone, Debug)]
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    plan: Plan,
}

impl FaultyStore {
    /// Puts a plan before a store.
    pub fn new(inner: Arc<dyn Store>, plan: Plan) -> Self {
        Self { inner, plan }
    }
}

fn lost() -> StoreError {
    StoreError::Unavailable {
        reason: "a fault that was planned".to_owned(),
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn get(&self, kind: Kind, id: &str) -> Result<Option<Stored>, StoreError> {
        self.plan.run("get", lost, self.inner.get(kind, id)).await
    }

    async fn several(&self, kind: Kind, ids: Vec<String>) -> Result<Vec<Stored>, StoreError> {
        self.plan.run("get", lost, self.inner.several(kind, ids)).await
    }

    async fn first(&self, query: Query) -> Result<Option<Stored>, StoreError> {
        self.plan.run("find", lost, self.inner.first(query)).await
    }

    async fn insert(&self, new: NewDocument) -> Result<Version, StoreError> {
        self.plan.run("insert", lost, self.inner.insert(new)).await
    }

    async fn replace(&self, new: NewDocument, expected: Version) -> Result<Version, StoreError> {
        self.plan.run("replace", lost, self.inner.replace(new, expected)).await
    }

    async fn delete(&self, kind: Kind, id: &str, expected: Version) -> Result<(), StoreError> {
        self.plan
            .run("delete", lost, self.inner.delete(kind, id, expected))
            .await
    }

    async fn find(&self, query: Query) -> Result<Page, StoreError> {
        self.plan.run("find", lost, self.inner.find(query)).await
    }

    async fn count(&self, query: Query) -> Result<u64, StoreError> {
        self.plan.run("count", lost, self.inner.count(query)).await
    }

    fn changes(&self, kind: Kind) -> Changes {
        self.inner.changes(kind)
    }
}
