//! `circle host`: engines elsewhere on which the server starts a worker for each run.

use std::path::PathBuf;
use std::time::Duration;

use circle_api::client::Client;
use circle_api::resources::host::{HostChange, HostCreate, HostRemoveQuery, HostState, HostView};
use circle_core::ids::HostId;
use circle_core::names::Slug;
use clap::{Args, Subcommand};

use super::{input, pages};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::paint::Tone;
use crate::printer::Printer;
use crate::text::{Cell, Table, size};

/// Between two looks at a host that is being checked.
const LOOK_PERIOD: Duration = Duration::from_millis(300);

/// Lend Circle the Docker engines of other machines
///
/// A host is an engine that the server reaches over TCP with mutual TLS. For each run the server starts a worker there, in a
/// container of its own, and removes it afterwards.
#[derive(Debug, Args)]
pub(crate) struct HostArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Register a host, and wait until it was looked at
    Add(Box<AddArgs>),
    /// List hosts
    List,
    /// Look at a host again
    Check {
        /// Its name or id
        host: String,
    },
    /// Change how much goes to a host, or the keys with which it is reached
    Set(SetArgs),
    /// Give a host nothing new; what goes there goes on
    Drain {
        /// Its name or id
        host: String,
    },
    /// Give a drained host runs again
    Resume {
        /// Its name or id
        host: String,
    },
    /// Forget a host once its runs have ended and nothing of Circle's is left there
    Remove {
        /// Its name or id
        host: String,
        /// At once, although it cannot be reached: its runs are given to others, and what is left there stays, with the
        /// label `circle.host`
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Args)]
struct AddArgs {
    /// A name for it, unique on the server
    name: Slug,
    /// The engine, as the server reaches it
    #[arg(value_name = "tcp://HOST:PORT")]
    endpoint: String,
    /// A file with client certificate, key and CA in PEM, in this order; - reads standard input
    #[arg(long, value_name = "FILE")]
    tls_file: Option<PathBuf>,
    /// Runs at the same time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    cells: u32,
    /// The workspace whose members' runs go there; every workspace's when absent
    #[arg(long = "of", value_name = "WORKSPACE")]
    workspace: Option<String>,
    /// Memory of each run with its worker, in MiB; unbounded when absent
    #[arg(long, value_name = "MIB")]
    memory_mib: Option<u64>,
    /// Processor time of each run with its worker, in thousandths of a core; unbounded when absent
    #[arg(long, value_name = "MILLIS")]
    cpu_millis: Option<u64>,
    /// What carries a worker: Debian 12 with a Docker engine; circle/worker-base:12 when absent
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// The address under which workers there reach this server; the server's own when absent
    #[arg(long, value_name = "URL")]
    server_url: Option<String>,
    /// Let tokens and secrets of runs go there in the clear, in a network that is yours alone
    #[arg(long)]
    allow_plain_http: bool,
    /// More for `circle worker` there, such as --insecure-registry=10.0.0.1:5000; may be repeated
    #[arg(long = "worker-flag", value_name = "--NAME=VALUE", allow_hyphen_values = true)]
    worker_flags: Vec<String>,
    /// Do not wait until it was looked at
    #[arg(long)]
    no_wait: bool,
}

#[derive(Debug, Args)]
struct SetArgs {
    /// Its name or id
    host: String,
    /// Runs at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    cells: Option<u32>,
    /// A file with client certificate, key and CA in PEM, in this order; - reads standard input
    #[arg(long, value_name = "FILE")]
    tls_file: Option<PathBuf>,
}

pub(crate) async fn host(context: &Context, args: HostArgs) -> anyhow::Result<Exit> {
    let client = context.session()?.client;
    let printer = &context.printer;
    match args.action {
        Action::Add(args) => {
            let no_wait = args.no_wait;
            let host = client.create_host(&args.wish()?).await?;
            if no_wait {
                printer.show(&host, |_| {
                    format!("host {} is registered and being looked at", host.name)
                })?;
                return Ok(Exit::Ok);
            }
            tell(printer, &wait(&client, host).await?)
        }
        Action::List => {
            let hosts = all(&client).await?;
            printer.show(&hosts, |printer| table(&hosts, printer))?;
            Ok(Exit::Ok)
        }
        Action::Check { host } => {
            let host = client.check_host(find(&client, &host).await?).await?;
            tell(printer, &wait(&client, host).await?)
        }
        Action::Set(args) => {
            let change = HostChange {
                cells: args.cells,
                tls_bundle: input::optional_secret(args.tls_file.as_ref(), "certificate bundle")?,
                ..HostChange::default()
            };
            let host = client.change_host(find(&client, &args.host).await?, &change).await?;
            tell(printer, &wait(&client, host).await?)
        }
        Action::Drain { host } => drain(&client, printer, (&host, true)).await,
        Action::Resume { host } => drain(&client, printer, (&host, false)).await,
        Action::Remove { host, force } => {
            let id = find(&client, &host).await?;
            client.remove_host(id, &HostRemoveQuery { force }).await?;
            printer.say(&match force {
                true => format!("host {host} is forgotten; what is left there has the label circle.host={id}"),
                false => format!("host {host} is removed as soon as nothing is left there; see: circle host list"),
            })?;
            Ok(Exit::Ok)
        }
    }
}

impl AddArgs {
    fn wish(self) -> anyhow::Result<HostCreate> {
        Ok(HostCreate {
            name: self.name,
            workspace: self.workspace,
            endpoint: self.endpoint,
            tls_bundle: input::optional_secret(self.tls_file.as_ref(), "certificate bundle")?,
            cells: self.cells,
            memory_mib: self.memory_mib,
            cpu_millis: self.cpu_millis,
            image: self.image,
            server_url: self.server_url,
            allow_plain_http: self.allow_plain_http,
            worker_flags: self.worker_flags,
        })
    }
}

async fn drain(client: &Client, printer: &Printer, (host, draining): (&str, bool)) -> anyhow::Result<Exit> {
    let change = HostChange {
        draining: Some(draining),
        ..HostChange::default()
    };
    let host = client.change_host(find(client, host).await?, &change).await?;
    printer.show(&host, |printer| table(std::slice::from_ref(&host), printer))?;
    Ok(Exit::Ok)
}

/// Waits until the server has looked at it; a first look copies the program there, and may pull an image.
async fn wait(client: &Client, mut host: HostView) -> anyhow::Result<HostView> {
    while host.state == HostState::Checking {
        tokio::time::sleep(LOOK_PERIOD).await;
        host = client.host(host.id).await?;
    }
    Ok(host)
}

/// What was found there, and whether it takes runs.
fn tell(printer: &Printer, host: &HostView) -> anyhow::Result<Exit> {
    printer.show(host, |_| sentence(host))?;
    match host.state {
        HostState::Refused | HostState::Troubled => Ok(Exit::Failed),
        _ => Ok(Exit::Ok),
    }
}

fn sentence(host: &HostView) -> String {
    let takes = match host.state {
        HostState::Ready => format!("host {} is ready for {}", host.name, runs(host.cells)),
        state => format!("host {} is {}", host.name, state.word()),
    };
    let facts = host.facts.as_ref().filter(|facts| !facts.version.is_empty());
    let facts = facts.map(|facts| {
        format!(
            ": Docker {}, Linux {}, {} cores, {} of memory, {} free",
            facts.version,
            facts.kernel,
            facts.cpus,
            size(facts.memory_bytes),
            size(facts.disk_free_bytes)
        )
    });
    let mut text = takes + &facts.unwrap_or_default();
    for problem in &host.problems {
        text.push_str("\n- ");
        text.push_str(problem);
    }
    if host.state == HostState::Refused {
        text.push_str(&format!(
            "\nIt takes no runs. When it is mended: circle host check {}",
            host.name
        ));
    }
    text
}

fn runs(cells: u32) -> String {
    match cells {
        1 => "1 run".to_owned(),
        more => format!("{more} runs at the same time"),
    }
}

async fn all(client: &Client) -> anyhow::Result<Vec<HostView>> {
    Ok(pages::all(|page| async move { client.hosts(&page).await }).await?)
}

async fn find(client: &Client, named: &str) -> anyhow::Result<HostId> {
    if let Ok(id) = named.parse() {
        return Ok(id);
    }
    let hosts = all(client).await?;
    let found = hosts.iter().find(|host| host.name.as_str() == named);
    Ok(found
        .ok_or_else(|| Failure::not_found(format!("there is no host {named}; see: circle host list")))?
        .id)
}

fn table(hosts: &[HostView], printer: &Printer) -> String {
    let mut table = Table::new(&[
        "HOST", "STATE", "CELLS", "DOCKER", "CPUS", "MEMORY", "FREE", "ENDPOINT", "PROBLEM",
    ]);
    for host in hosts {
        let tone = match host.state {
            HostState::Ready => Tone::Good,
            HostState::Checking => Tone::Busy,
            HostState::Refused | HostState::Troubled => Tone::Bad,
            HostState::Draining | HostState::Removing => Tone::Warn,
        };
        let fact = |text: &dyn Fn(&circle_api::resources::host::HostFacts) -> String| {
            host.facts.as_ref().map(text).unwrap_or_default()
        };
        table.row([
            Cell::from(&host.name),
            Cell::toned(host.state.word(), tone),
            host.cells.into(),
            fact(&|facts| facts.version.clone()).into(),
            fact(&|facts| facts.cpus.to_string()).into(),
            fact(&|facts| size(facts.memory_bytes)).into(),
            fact(&|facts| size(facts.disk_free_bytes)).into(),
            host.endpoint.as_str().into(),
            host.problems.first().map(String::as_str).unwrap_or_default().into(),
        ]);
    }
    table.render(
        printer,
        "There are no hosts; lend one with: circle host add NAME tcp://HOST:PORT --tls-file FILE",
    )
}
