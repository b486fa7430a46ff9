//! `circle workspace`: tenants and what their pipeline files may ask for.

use circle_api::resources::{PolicyChange, WorkspaceChange, WorkspaceCreate, WorkspaceView};
use circle_core::names::Slug;
use clap::{Args, Subcommand};

mod policy;

use self::policy::{PolicyArgs, policy_table, rights, word};
use super::pages;
use crate::context::Context;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::text::{Cell, Table};

/// Make workspaces and set their policies
#[derive(Debug, Args)]
pub(crate) struct WorkspaceArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a workspace
    Add { name: Slug },
    /// Show what pipeline files may ask for; change what is given, leave the rest
    Policy(PolicyArgs),
    /// Change what is given, leave the rest
    Set {
        name: Slug,
        /// Runs of all its services at the same time
        #[arg(long, value_name = "N")]
        max_parallel: Option<u32>,
    },
    /// List workspaces and their policies
    List,
    /// Remove a workspace that has no services
    Remove { name: Slug },
}

pub(crate) async fn workspace(context: &Context, args: WorkspaceArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let (client, printer) = (&session.client, &context.printer);
    match args.action {
        Action::Add { name } => {
            let view = client.create_workspace(&WorkspaceCreate { name }).await?;
            printer.show(&view, |_| format!("workspace {} is made", view.name))?;
        }
        Action::Policy(args) => {
            let name = args.name.clone();
            let view = match args.change() {
                change if change == PolicyChange::default() => client.workspace(name.as_str()).await?,
                change => {
                    let change = WorkspaceChange {
                        policy: Some(change),
                        ..WorkspaceChange::default()
                    };
                    client.change_workspace(name.as_str(), &change).await?
                }
            };
            printer.show(&view, |printer| policy_table(&view.policy, printer))?;
        }
        Action::Set { name, max_parallel } => {
            let change = WorkspaceChange {
                max_parallel,
                ..WorkspaceChange::default()
            };
            let view = client.change_workspace(name.as_str(), &change).await?;
            printer.show(&view, |printer| table(std::slice::from_ref(&view), printer))?;
        }
        Action::List => {
            let workspaces = pages::all(|page| async move { client.workspaces(&page).await }).await?;
            printer.show(&workspaces, |printer| table(&workspaces, printer))?;
        }
        Action::Remove { name } => {
            client.remove_workspace(name.as_str()).await?;
            printer.say(&format!("workspace {name} is removed"))?;
        }
    }
    Ok(Exit::Ok)
}

fn table(workspaces: &[WorkspaceView], printer: &Printer) -> String {
    let mut table = Table::new(&[
        "WORKSPACE",
        "RUNS AT ONCE",
        "PRIVILEGED",
        "OTHER RIGHTS",
        "PUSH OF PULL REQUESTS",
    ]);
    for workspace in workspaces {
        let policy = &workspace.policy;
        table.row([
            Cell::from(&workspace.name),
            workspace.max_parallel.to_string().into(),
            word(policy.privileged).into(),
            rights(policy)
                .iter()
                .map(|(_, few)| few.len())
                .sum::<usize>()
                .to_string()
                .into(),
            word(policy.push_pull_requests).into(),
        ]);
    }
    table.render(printer, "There are no workspaces.")
}
