//! What a worker's cells are made of.

use std::path::PathBuf;

use circle_worker::{ProviderChoice, WorkerConfig};
use clap::Args;

/// Where cells come from.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Worker")]
pub(crate) struct ProviderFlags {
    /// What cells are made of: process, by this machine's kernel, or container, by its Docker engine; such a worker gets no
    /// runs of strangers
    #[arg(long, env = "CIRCLE_PROVIDER", value_name = "KIND", default_value = "process")]
    provider: ProviderChoice,
    /// The engine of cells in containers; it must see the data folder under the same path. unix:///var/run/docker.sock when
    /// absent
    #[arg(long, env = "CIRCLE_ENGINE", value_name = "unix:///SOCKET", value_parser = socket)]
    engine: Option<PathBuf>,
    /// The image of cells in containers, which the engine has; circle/worker-base:12 when absent
    #[arg(long, env = "CIRCLE_CELL_IMAGE", value_name = "IMAGE")]
    cell_image: Option<String>,
}

impl ProviderFlags {
    /// Puts them into a configuration.
    pub(super) fn apply(self, config: WorkerConfig) -> WorkerConfig {
        WorkerConfig {
            provider: self.provider,
            engine: self.engine,
            cell_image: self.cell_image,
            ..config
        }
    }

    /// The same flags for a child process.
    pub(super) fn to_arguments(&self) -> impl Iterator<Item = String> {
        let engine = self
            .engine
            .iter()
            .map(|path| format!("--engine=unix://{}", path.display()));
        let image = self.cell_image.iter().map(|image| format!("--cell-image={image}"));
        let always = format!("--provider={}", self.provider.word());
        std::iter::once(always).chain(engine).chain(image)
    }
}

/// An engine elsewhere does not see this machine's folders.
fn socket(text: &str) -> Result<PathBuf, String> {
    let path = text.strip_prefix("unix://").unwrap_or(text);
    if path.starts_with('/') {
        return Ok(PathBuf::from(path));
    }
    Err("cells need an engine on this machine: name its socket, as unix:///var/run/docker.sock".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::ProviderFlags;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        flags: ProviderFlags,
    }

    #[test]
    fn an_engine_is_a_socket_of_this_machine_and_a_child_gets_the_same() {
        let words = ["--provider=container", "--engine=unix:///s", "--cell-image=i:1"];
        let parse = |words: &[&str]| Line::try_parse_from([&["circle"], words].concat());
        let line = parse(&words).expect("flags");
        let passed: Vec<String> = line.flags.to_arguments().collect();
        assert_eq!(passed, words);
        let refused = parse(&["--engine=tcp://10.0.0.1:2376"]).expect_err("an engine elsewhere");
        assert!(refused.to_string().contains("unix:///var/run/docker.sock"), "{refused}");
    }
}
