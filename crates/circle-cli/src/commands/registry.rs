//! `circle registry`: where images are pushed to and pulled from.

use std::path::PathBuf;

use circle_api::resources::{RegistryChange, RegistryCreate, RegistryView};
use circle_core::names::Slug;
use clap::{Args, Subcommand};

use super::{input, pages};
use crate::context::Context;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::text::{Cell, Table};

/// Make image registries known
#[derive(Debug, Args)]
pub(crate) struct RegistryArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a registry known
    Add {
        name: Slug,
        /// host[:port], as it stands in image references
        #[arg(long)]
        address: String,
        #[command(flatten)]
        login: Login,
    },
    /// Change what is given, leave the rest; a new address drops the password
    Set {
        name: Slug,
        /// host[:port], as it stands in image references
        #[arg(long)]
        address: Option<String>,
        #[command(flatten)]
        login: Login,
    },
    /// List registries without their passwords
    List,
    /// Forget a registry and its password
    Remove { name: Slug },
}

#[derive(Debug, Args)]
struct Login {
    #[arg(long)]
    username: Option<String>,
    /// A file with the password; - reads standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

pub(crate) async fn registry(context: &Context, args: RegistryArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let (client, workspace, printer) = (&session.client, session.workspace.as_str(), &context.printer);
    match args.action {
        Action::Add { name, address, login } => {
            let view = client
                .create_registry(workspace, &login.creating(name, address)?)
                .await?;
            printer.show(&view, |_| format!("registry {} is known", view.name))?;
        }
        Action::Set { name, address, login } => {
            let change = login.changing(address)?;
            let view = client.change_registry(workspace, name.as_str(), &change).await?;
            printer.show(&view, |printer| table(std::slice::from_ref(&view), printer))?;
        }
        Action::List => {
            let registries = pages::all(|page| async move { client.registries(workspace, &page).await }).await?;
            printer.show(&registries, |printer| table(&registries, printer))?;
        }
        Action::Remove { name } => {
            client.remove_registry(workspace, name.as_str()).await?;
            printer.say(&format!("registry {name} is removed"))?;
        }
    }
    Ok(Exit::Ok)
}

impl Login {
    fn creating(self, name: Slug, address: String) -> anyhow::Result<RegistryCreate> {
        let password = input::optional_secret(self.password_file.as_ref(), "password")?;
        let username = self.username;
        Ok(RegistryCreate {
            name,
            address,
            username,
            password,
        })
    }

    fn changing(self, address: Option<String>) -> anyhow::Result<RegistryChange> {
        let password = input::optional_secret(self.password_file.as_ref(), "password")?;
        let username = self.username;
        Ok(RegistryChange {
            address,
            username,
            password,
        })
    }
}

fn table(registries: &[RegistryView], printer: &Printer) -> String {
    let mut table = Table::new(&["REGISTRY", "ADDRESS", "USER", "PASSWORD"]);
    for registry in registries {
        table.row([
            Cell::from(&registry.name),
            registry.address.as_str().into(),
            registry.username.as_deref().unwrap_or_default().into(),
            if registry.has_password { "kept" } else { "none" }.into(),
        ]);
    }
    table.render(
        printer,
        "There are no registries; add one with: circle registry add NAME --address HOST[:PORT]",
    )
}
