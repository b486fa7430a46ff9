//! Leases that fail on purpose.

use std::sync::Arc;

use async_trait::async_trait;

use super::Plan;
use crate::leases::{Acquire, Fence, Lease, LeaseError, Leases};

/// Any leases with a plan before them. Operations: the methods of [`Leases`].
#[derive(Clone, Debug)]
pub struct FaultyLeases {
    inner: Arc<dyn Leases>,
    plan: Plan,
}

impl FaultyLeases {
    /// Puts a plan before leases.
    pub fn new(inner: Arc<dyn Leases>, plan: Plan) -> Self {
        Self { inner, plan }
    }
}

fn lost() -> LeaseError {
    LeaseError::Unavailable {
        reason: "a fault that was planned".to_owned(),
    }
}

#[async_trait]
impl Leases for FaultyLeases {
    async fn acquire(&self, wish: Acquire, now_ms: i64) -> Result<Lease, LeaseError> {
        self.plan.run("acquire", lost, self.inner.acquire(wish, now_ms)).await
    }

    async fn renew(&self, name: &str, fence: Fence, ttl_ms: i64, now_ms: i64) -> Result<Lease, LeaseError> {
        self.plan
            .run("renew", lost, self.inner.renew(name, fence, ttl_ms, now_ms))
            .await
    }

    async fn release(&self, name: &str, fence: Fence) -> Result<(), LeaseError> {
        self.plan.run("release", lost, self.inner.release(name, fence)).await
    }

    async fn expired(&self, now_ms: i64) -> Result<Vec<Lease>, LeaseError> {
        self.plan.run("expired", lost, self.inner.expired(now_ms)).await
    }

    async fn current(&self, name: &str) -> Result<Option<Lease>, LeaseError> {
        self.plan.run("current", lost, self.inner.current(name)).await
    }

    async fn held(&self, prefix: &str) -> Result<Vec<Lease>, LeaseError> {
        self.plan.run("held", lost, self.inner.held(prefix)).await
    }
}
