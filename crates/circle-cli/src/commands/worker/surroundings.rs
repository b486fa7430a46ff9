//! Flags about the network that a worker's cells are in.

use std::ffi::OsString;
use std::path::PathBuf;

use circle_worker::{ProxySettings, WorkerConfig};
use clap::Args;

/// The same in every cell: daemon, builds and jobs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network of the cells")]
pub(crate) struct SurroundingsFlags {
    /// A mirror that every cell asks before Docker Hub, https://host[:port]; may be repeated
    #[arg(long = "registry-mirror", value_name = "URL")]
    registry_mirrors: Vec<String>,
    /// The proxy of daemons, builds and jobs for http:// addresses
    #[arg(long = "cell-http-proxy", env = "CIRCLE_CELL_HTTP_PROXY", value_name = "URL")]
    http: Option<String>,
    /// The proxy of daemons, builds and jobs for https:// addresses
    #[arg(long = "cell-https-proxy", env = "CIRCLE_CELL_HTTPS_PROXY", value_name = "URL")]
    https: Option<String>,
    /// Names and networks that are reached without the proxy, separated by commas
    #[arg(long = "cell-no-proxy", env = "CIRCLE_CELL_NO_PROXY", value_name = "LIST")]
    none: Option<String>,
    /// A PEM file of an authority that cells trust beside those of the machine; may be repeated
    #[arg(long = "certificate", value_name = "PEM")]
    certificates: Vec<PathBuf>,
}

impl SurroundingsFlags {
    /// Puts them into a configuration.
    pub(super) fn apply(self, config: WorkerConfig) -> WorkerConfig {
        WorkerConfig {
            registry_mirrors: self.registry_mirrors,
            proxy: ProxySettings {
                http: self.http,
                https: self.https,
                none: self.none,
            },
            certificate_authorities: self.certificates,
            ..config
        }
    }

    /// The same flags for a child process. The environment is the child's as well.
    pub(super) fn to_arguments(&self) -> Vec<OsString> {
        let mirrors = self
            .registry_mirrors
            .iter()
            .map(|mirror| format!("--registry-mirror={mirror}"));
        let certificates = self.certificates.iter().map(|path| {
            let mut argument = OsString::from("--certificate=");
            argument.push(path);
            argument
        });
        let ways = [("http", &self.http), ("https", &self.https), ("no", &self.none)];
        let proxies = ways
            .into_iter()
            .filter_map(|(name, value)| Some(format!("--cell-{name}-proxy={}", value.as_ref()?)));
        mirrors.chain(proxies).map(OsString::from).chain(certificates).collect()
    }
}

#[cfg(test)]
mod tests {
    use circle_worker::WorkerConfig;
    use clap::Parser;

    use super::SurroundingsFlags;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: SurroundingsFlags,
    }

    #[test]
    fn a_child_process_gets_the_same_settings() {
        let words = [
            "circle",
            "--registry-mirror=https://mirror",
            "--cell-http-proxy=http://p:1",
            "--cell-no-proxy=a,b",
            "--certificate=/etc/ca.pem",
        ];
        let flags = Line::parse_from(words).flags;
        let again = Line::parse_from(std::iter::once("circle".into()).chain(flags.to_arguments())).flags;
        let config = |flags: SurroundingsFlags| flags.apply(WorkerConfig::new("unix:///s", "/f"));
        let (first, second) = (config(flags), config(again));
        assert_eq!(first, second);
        assert_eq!(first.proxy.none.as_deref(), Some("a,b"));
        assert_eq!(first.registry_mirrors, ["https://mirror"]);
    }
}
