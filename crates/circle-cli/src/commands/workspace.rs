//! `circle workspace`: tenants and what their pipeline files may ask for.

use circle_api::resources::{PolicyChange, WorkspaceChange, WorkspaceCreate, WorkspaceView};
use circle_core::names::Slug;
use clap::{Args, Subcommand};

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
    /// Change what is given, leave the rest
    Set {
        name: Slug,
        /// Allow privileged containers and devices: root on the worker's machine, in effect
        #[arg(long, value_name = "BOOL")]
        privileged: Option<bool>,
        /// Let pull requests of members push images under pr-N tags
        #[arg(long, value_name = "BOOL")]
        push_pull_requests: Option<bool>,
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
        Action::Set {
            name,
            privileged,
            push_pull_requests,
        } => {
            let policy = Some(PolicyChange {
                privileged,
                push_pull_requests,
            });
            let view = client
                .change_workspace(name.as_str(), &WorkspaceChange { policy })
                .await?;
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
    let mut table = Table::new(&["WORKSPACE", "PRIVILEGED", "PUSH OF PULL REQUESTS"]);
    let word = |allowed: bool| if allowed { "allowed" } else { "refused" };
    for workspace in workspaces {
        let policy = &workspace.policy;
        table.row([
            Cell::from(&workspace.name),
            word(policy.privileged).into(),
            word(policy.push_pull_requests).into(),
        ]);
    }
    table.render(printer, "There are no workspaces.")
}
