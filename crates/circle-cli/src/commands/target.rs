//! `circle target`: where images are deployed.

use std::path::PathBuf;

use circle_api::resources::{SwarmEndpoint, TargetChange, TargetCreate, TargetView};
use circle_core::names::Slug;
use clap::{Args, Subcommand};

use super::{input, pages};
use crate::context::Context;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::text::{Cell, Table};

/// Make deployment targets known
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a target known
    Add {
        name: Slug,
        #[command(flatten)]
        endpoint: Endpoint,
    },
    /// Replace how a target is reached
    Set {
        name: Slug,
        #[command(flatten)]
        endpoint: Endpoint,
    },
    /// List the workspace's targets
    List,
    /// Forget a target that no environment uses
    Remove { name: Slug },
}

#[derive(Debug, Args)]
struct Endpoint {
    /// A Docker Swarm manager's engine: unix:///path or tcp://host:port, as the server reaches it
    #[arg(long, value_name = "ENDPOINT")]
    swarm: String,
    /// A file with client certificate, key and CA in PEM, for tcp; - reads standard input
    #[arg(long, value_name = "FILE")]
    tls_file: Option<PathBuf>,
}

pub(crate) async fn target(context: &Context, args: TargetArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let (client, workspace, printer) = (&session.client, session.workspace.as_str(), &context.printer);
    match args.action {
        Action::Add { name, endpoint } => {
            let view = client
                .create_target(
                    workspace,
                    &TargetCreate {
                        name,
                        swarm: endpoint.read()?,
                    },
                )
                .await?;
            printer.show(&view, |_| format!("target {} is known", view.name))?;
        }
        Action::Set { name, endpoint } => {
            let change = TargetChange {
                swarm: endpoint.read()?,
            };
            let view = client.change_target(workspace, name.as_str(), &change).await?;
            printer.show(&view, |printer| table(std::slice::from_ref(&view), printer))?;
        }
        Action::List => {
            let targets = pages::all(|page| async move { client.targets(workspace, &page).await }).await?;
            printer.show(&targets, |printer| table(&targets, printer))?;
        }
        Action::Remove { name } => {
            client.remove_target(workspace, name.as_str()).await?;
            printer.say(&format!("target {name} is removed"))?;
        }
    }
    Ok(Exit::Ok)
}

impl Endpoint {
    fn read(self) -> anyhow::Result<SwarmEndpoint> {
        let tls_bundle = input::optional_secret(self.tls_file.as_ref(), "certificate bundle")?;
        Ok(SwarmEndpoint {
            endpoint: self.swarm,
            tls_bundle,
        })
    }
}

fn table(targets: &[TargetView], printer: &Printer) -> String {
    let mut table = Table::new(&["TARGET", "KIND", "ENDPOINT", "CERTIFICATE"]);
    for target in targets {
        table.row([
            Cell::from(&target.name),
            target.kind.as_str().into(),
            target.endpoint.as_str().into(),
            if target.has_tls { "kept" } else { "none" }.into(),
        ]);
    }
    table.render(
        printer,
        "There are no targets; add one with: circle target add NAME --swarm ENDPOINT",
    )
}
