//! The worker's process.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;

use circle_api::shell::HOLD_SECONDS;
use circle_cell::Cidr;
use circle_cell::process::FirewallChoice;
use circle_worker::{WorkerConfig, WorkerError, work};
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::plain_http::PlainHttp;
use super::provider::ProviderFlags;
use super::storage::StorageFlags;
use super::surroundings::SurroundingsFlags;
use crate::config::SOCKET;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::signals::Signals;

#[derive(Debug, Args)]
pub(super) struct ProcessArgs {
    #[command(flatten)]
    flags: WorkerFlags,
    /// A file with an enrolment token, read when the worker has none of its own; the data folder's when absent
    #[arg(long, value_name = "FILE", help_heading = "Worker")]
    enrolment: Option<PathBuf>,
    /// Take one run and end: how a server starts workers on hosts
    #[arg(long, hide = true)]
    once: bool,
    #[command(flatten)]
    plain: PlainHttp,
}

#[derive(Debug, Args)]
pub(super) struct TryArgs {
    #[command(flatten)]
    flags: WorkerFlags,
}

/// What `up` and `worker` share.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Worker")]
pub(crate) struct WorkerFlags {
    /// The worker's name, unique on the server; the machine's host name when absent
    #[arg(long, env = "CIRCLE_WORKER_NAME")]
    name: Option<String>,
    /// Cells at the same time; when absent two for a core, as far as the memory goes (`circle doctor` tells how many)
    #[arg(long, env = "CIRCLE_MAX_CELLS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    max_cells: Option<u32>,
    /// Cells that stand ready ahead of demand; when absent one for four at the same time
    #[arg(long, env = "CIRCLE_WARM_CELLS", value_name = "N", value_parser = clap::value_parser!(u32).range(0..=256))]
    warm_cells: Option<u32>,
    /// A service of this machine that cells reach at the same address, such as a registry's 127.0.0.1:5000, or
    /// INSIDE:PORT=OUTSIDE:PORT; may be repeated
    #[arg(long = "relay", value_name = "HOST:PORT")]
    relays: Vec<String>,
    /// A docker-archive tar whose images every cell holds from the beginning; may be repeated
    #[arg(long = "image", value_name = "TAR")]
    images: Vec<PathBuf>,
    /// A registry that cells may speak plain HTTP with: host:port or a CIDR; may be repeated. Loopback always may be
    #[arg(long = "insecure-registry", value_name = "REGISTRY")]
    insecure_registries: Vec<String>,
    /// A private address range that cells may reach, such as 10.1.0.0/16; may be repeated
    #[arg(long = "allow-network", value_name = "CIDR")]
    allow_networks: Vec<Cidr>,
    /// An unused range of unique local IPv6 addresses, such as fd6f:4a:1::/64: cells then have IPv6, too
    #[arg(long, env = "CIRCLE_CELL_NETWORK6", value_name = "CIDR")]
    cell_network6: Option<Cidr>,
    /// Who makes the rules around cells: auto, iptables or nftables; auto is iptables where it is there
    #[arg(long, env = "CIRCLE_FIREWALL", value_name = "KIND", default_value = "auto")]
    firewall: FirewallChoice,
    /// Memory of a cell's containers together, in MiB; an equal share of the machine's when absent
    #[arg(long, env = "CIRCLE_CELL_MEMORY_MIB", value_name = "MIB")]
    cell_memory_mib: Option<u64>,
    /// Processor time of a cell's containers together, in thousandths of a core; unbounded when absent
    #[arg(long, env = "CIRCLE_CELL_CPU_MILLIS", value_name = "MILLIS")]
    cell_cpu_millis: Option<u32>,
    /// Processes of a cell's containers together
    #[arg(long, env = "CIRCLE_CELL_PIDS", value_name = "N", default_value_t = 4096)]
    cell_pids: u32,
    /// Open files of each process in a cell; never more than this machine lets the worker have
    #[arg(long, env = "CIRCLE_CELL_OPEN_FILES", value_name = "N", default_value_t = 65_536, value_parser = clap::value_parser!(u32).range(256..))]
    cell_open_files: u32,
    /// How long the cell of a failed run is held for a shell, in seconds, when a rerun asked for it
    #[arg(long, env = "CIRCLE_HOLD_S", value_name = "S", default_value_t = HOLD_SECONDS, value_parser = clap::value_parser!(u64).range(1..=HOLD_SECONDS))]
    hold_s: u64,
    #[command(flatten)]
    surroundings: SurroundingsFlags,
    #[command(flatten)]
    storage: StorageFlags,
    #[command(flatten)]
    provider: ProviderFlags,
}

pub(super) async fn run(context: &Context, args: ProcessArgs) -> anyhow::Result<Exit> {
    let data = std::path::absolute(&context.args.data)?;
    let here = || format!("unix://{}", data.join(SOCKET).display());
    let server = context.args.server.clone().unwrap_or_else(here);
    args.plain.check(&server)?;
    let enrolment = args.enrolment.unwrap_or_else(|| data.join("server/local-enrolment"));
    let adapt = if args.once {
        WorkerConfig::for_one_run
    } else {
        |config| config
    };
    work_with(context, args.flags, (server, enrolment), adapt).await
}

/// Prints what a worker would find here.
pub(super) async fn try_out(context: &Context, args: TryArgs) -> anyhow::Result<Exit> {
    let data = std::path::absolute(&context.args.data)?;
    let here = || format!("unix://{}", data.join(SOCKET).display());
    let server = context.args.server.clone().unwrap_or_else(here);
    let config = args.flags.config(WorkerConfig::new(server, data.join("worker")));
    let trial = circle_worker::try_out(&config).await;
    context.printer.line(&serde_json::to_string(&trial)?)?;
    Ok(Exit::Ok)
}

/// Works until a signal or the server says otherwise.
pub(super) async fn work_as(context: &Context, flags: WorkerFlags, place: (String, PathBuf)) -> anyhow::Result<Exit> {
    work_with(context, flags, place, |config| config).await
}

async fn work_with(
    context: &Context,
    flags: WorkerFlags,
    (server, enrolment): (String, PathBuf),
    adapt: fn(WorkerConfig) -> WorkerConfig,
) -> anyhow::Result<Exit> {
    let signals = Signals::new()?;
    let data = std::path::absolute(&context.args.data)?;
    let mut config = adapt(flags.config(WorkerConfig::new(server, data.join("worker"))));
    config.enrolment = Some(enrolment);
    let shutdown = CancellationToken::new();
    let worked = signals.end(&shutdown, Box::pin(work(config, shutdown.clone()))).await;
    match worked {
        Some(Ok(())) => Ok(Exit::Ok),
        Some(Err(error)) => Err(failure(&error).into()),
        None => Ok(Exit::Cancelled),
    }
}

fn failure(error: &WorkerError) -> Failure {
    let mut sentence = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        sentence = format!("{sentence}: {next}");
        cause = next.source();
    }
    match error {
        WorkerError::Configuration(_) => Failure::usage(sentence),
        WorkerError::Refused(_) | WorkerError::NotEnrolled { .. } => Failure::refused(sentence),
        WorkerError::Folder { .. } | WorkerError::Cell(_) => Failure::broken(sentence),
    }
}

impl WorkerFlags {
    fn config(self, defaults: WorkerConfig) -> WorkerConfig {
        let config = WorkerConfig {
            name: self.name.unwrap_or_else(|| defaults.name.clone()),
            max_cells: self.max_cells,
            warm_cells: self.warm_cells,
            images: self.images,
            relays: self.relays,
            insecure_registries: self.insecure_registries,
            allow_networks: self.allow_networks,
            cell_network6: self.cell_network6,
            firewall: self.firewall,
            cell_memory_bytes: self
                .cell_memory_mib
                .map(|mebibytes| mebibytes.saturating_mul(1_024 * 1_024)),
            cell_cpu_millis: self.cell_cpu_millis,
            cell_pids: Some(self.cell_pids),
            cell_open_files: Some(self.cell_open_files),
            hold_s: self.hold_s,
            storage: self.storage.storage,
            cell_disk_bytes: self.storage.cell_disk_bytes(),
            pool_bytes: self.storage.pool_bytes(),
            roots_bytes: self.storage.roots_bytes(),
            warm_roots: self.storage.warm_roots,
            ..defaults
        };
        self.provider.apply(self.surroundings.apply(config))
    }

    /// The same flags for a child process.
    pub(crate) fn to_arguments(&self) -> Vec<OsString> {
        let given = [
            flags("name", &self.name),
            flags("max-cells", self.max_cells),
            flags("warm-cells", self.warm_cells),
            flags("relay", &self.relays),
            flags("insecure-registry", &self.insecure_registries),
            flags("allow-network", &self.allow_networks),
            flags("cell-network6", self.cell_network6),
            flags("firewall", [self.firewall.word()]),
            flags("cell-memory-mib", self.cell_memory_mib),
            flags("cell-cpu-millis", self.cell_cpu_millis),
            flags("cell-pids", [self.cell_pids]),
            flags("cell-open-files", [self.cell_open_files]),
            flags("hold-s", [self.hold_s]),
            self.storage.to_arguments().collect(),
            self.provider.to_arguments().collect(),
        ];
        let mut arguments: Vec<OsString> = given.into_iter().flatten().map(OsString::from).collect();
        for image in &self.images {
            arguments.extend(["--image".into(), image.clone().into_os_string()]);
        }
        arguments.extend(self.surroundings.to_arguments());
        arguments
    }
}

/// One flag for each value that was given.
fn flags<T: Display>(name: &str, values: impl IntoIterator<Item = T>) -> Vec<String> {
    values.into_iter().map(|value| format!("--{name}={value}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::WorkerArgs;
    use clap::{Args, Command, FromArgMatches};
    use std::ffi::OsString;

    fn parsed(arguments: Vec<OsString>) -> WorkerArgs {
        let command = WorkerArgs::augment_args(Command::new("worker").no_binary_name(true));
        let matches = command.try_get_matches_from(arguments).expect("they parse");
        WorkerArgs::from_arg_matches(&matches).expect("they fit")
    }

    #[test]
    fn a_child_gets_every_flag_that_the_supervisor_got() {
        let given = [
            "--name=w1",
            "--max-cells=3",
            "--warm-cells=0",
            "--relay=127.0.0.1:5000",
            "--insecure-registry=10.0.0.1:5000",
            "--allow-network=10.1.0.0/16",
            "--cell-network6=fd6f:4a:1::/64",
            "--firewall=nftables",
            "--cell-memory-mib=512",
            "--cell-cpu-millis=1500",
            "--cell-pids=100",
            "--cell-open-files=2048",
            "--hold-s=300",
            "--storage=reflink",
            "--cell-disk-mib=4096",
            "--roots-mib=8192",
            "--warm-roots=3",
            "--pool-mib=9000",
            "--provider=container",
            "--engine=unix:///run/docker.sock",
            "--cell-image=circle/worker:12",
            "--image",
            "a b.tar",
        ];
        let passed_on = parsed(given.map(OsString::from).into()).process.flags.to_arguments();
        assert_eq!(passed_on, given.map(OsString::from));
    }
}
