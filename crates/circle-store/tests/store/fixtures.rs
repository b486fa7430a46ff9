//! Stores in folders of their own.

use std::sync::Arc;

use async_trait::async_trait;
use circle_store::blobs::{Blobs, ObjectBlobs};
use circle_store::conformance::{Fixture, logs};
use circle_store::faulty::{FaultyLeases, FaultyLogs, FaultyStore, Plan};
use circle_store::leases::Leases;
use circle_store::logs::EmbeddedLogs;
use circle_store::records::{EmbeddedStore, Store};
use tempfile::TempDir;

/// A folder that is removed at the end.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.0.path()
    }
}

#[async_trait]
impl Fixture<Arc<dyn Store>> for Folder {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(EmbeddedStore::open(self.path()).expect("opened"))
    }
}

#[async_trait]
impl Fixture<Arc<dyn Leases>> for Folder {
    async fn open(&self) -> Arc<dyn Leases> {
        let store = EmbeddedStore::open(self.path()).expect("opened");
        Arc::new(store.leases().await.expect("loaded"))
    }
}

#[async_trait]
impl Fixture<logs::Port> for Folder {
    async fn open(&self) -> logs::Port {
        let logs = Arc::new(EmbeddedLogs::open(self.path()).expect("opened"));
        logs::Port {
            bus: logs.clone(),
            archive: logs,
        }
    }
}

#[async_trait]
impl Fixture<Arc<dyn Blobs>> for Folder {
    async fn open(&self) -> Arc<dyn Blobs> {
        Arc::new(ObjectBlobs::in_folder(self.path()).expect("opened"))
    }
}

/// The same behind decorators whose plan is empty: they must be as if they were not there.
pub(crate) struct Decorated(pub(crate) Folder);

#[async_trait]
impl Fixture<Arc<dyn Store>> for Decorated {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(FaultyStore::new(self.0.open().await, Plan::default()))
    }
}

#[async_trait]
impl Fixture<Arc<dyn Leases>> for Decorated {
    async fn open(&self) -> Arc<dyn Leases> {
        Arc::new(FaultyLeases::new(self.0.open().await, Plan::default()))
    }
}

#[async_trait]
impl Fixture<logs::Port> for Decorated {
    async fn open(&self) -> logs::Port {
        let logs::Port { bus, archive } = self.0.open().await;
        let logs = Arc::new(FaultyLogs::new(bus, archive, Plan::default()));
        logs::Port {
            bus: logs.clone(),
            archive: logs,
        }
    }
}
