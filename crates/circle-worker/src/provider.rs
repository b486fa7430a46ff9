//! What a worker's cells are made of.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use circle_cell::container::{ContainerConfig, ContainerProvider, WEAKNESS};
use circle_cell::process::{ProcessConfig, ProcessProvider};
use circle_cell::{CellError, CellProvider};
use circle_core::serving::Isolation;
use serde::{Deserialize, Serialize};

use crate::WorkerConfig;

/// Where an engine listens when nobody says otherwise.
const ENGINE: &str = "/var/run/docker.sock";
/// What `cargo xtask images build worker-base` makes.
const IMAGE: &str = "circle/worker-base:12";

/// What cells are made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderChoice {
    /// This machine's own namespaces and control groups.
    #[default]
    Process,
    /// Containers on an engine of this machine, each with a daemon inside.
    Container,
}

/// A word that names no provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no provider of cells: say process or container")]
pub struct ProviderChoiceError(String);

impl ProviderChoice {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Container => "container",
        }
    }

    /// How well its cells keep a run from the machine.
    pub fn isolation(self) -> Isolation {
        match self {
            Self::Process => Isolation::Apart,
            Self::Container => Isolation::Shared,
        }
    }
}

impl FromStr for ProviderChoice {
    type Err = ProviderChoiceError;

    fn from_str(text: &str) -> Result<Self, ProviderChoiceError> {
        let all = [Self::Process, Self::Container];
        let found = all.into_iter().find(|choice| choice.word() == text);
        found.ok_or_else(|| ProviderChoiceError(text.chars().take(40).collect()))
    }
}

/// Opens what the configuration names.
pub(crate) async fn open(config: &WorkerConfig) -> Result<Arc<dyn CellProvider>, CellError> {
    let state = config.folder.join("cells");
    match config.provider {
        ProviderChoice::Process => {
            let process = ProcessConfig {
                network: config.network(),
                storage: config.storage,
                pool_bytes: config.pool_bytes,
                roots_bytes: config.roots_bytes,
                ..ProcessConfig::new(state, config.init_program())
            };
            Ok(Arc::new(ProcessProvider::open(process)?))
        }
        ProviderChoice::Container => {
            let provider = ContainerProvider::open(ContainerConfig {
                socket: config.engine.clone().unwrap_or_else(|| PathBuf::from(ENGINE)),
                image: config.cell_image.clone().unwrap_or_else(|| IMAGE.to_owned()),
                state,
                init: config.init_program(),
            });
            let provider = provider.await?;
            tracing::warn!("{WEAKNESS}");
            Ok(Arc::new(provider))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ProviderChoice;

    #[test]
    fn a_provider_is_named_by_one_word() {
        for choice in [ProviderChoice::Process, ProviderChoice::Container] {
            assert_eq!(choice.word().parse(), Ok(choice));
        }
        let refused = "vm".parse::<ProviderChoice>().expect_err("no provider");
        assert!(refused.to_string().contains("process or container"), "{refused}");
    }
}
