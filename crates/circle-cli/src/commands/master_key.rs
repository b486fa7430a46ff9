//! `circle master-key`: the keys under which a server keeps secrets.

use circle_api::resources::MasterKeysView;
use clap::{Args, Subcommand};

use crate::context::Context;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::text::{Cell, Table};

/// See, rotate and end the keys under which the server keeps secrets
#[derive(Debug, Args)]
pub(crate) struct MasterKeyArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List keys by their ids, and how many values are sealed under each
    List,
    /// Make a new key that seals from now on; what is sealed already is sealed anew while the server goes on
    Rotate,
    /// End an old key, once nothing is sealed under it
    Remove { id: String },
}

pub(crate) async fn master_key(context: &Context, args: MasterKeyArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let (client, printer) = (&session.client, &context.printer);
    match args.action {
        Action::List => {
            let keys = client.master_keys().await?;
            printer.show(&keys, |printer| table(&keys, printer))?;
        }
        Action::Rotate => {
            let keys = client.rotate_master_key().await?;
            printer.show(&keys, |printer| table(&keys, printer))?;
        }
        Action::Remove { id } => {
            client.remove_master_key(&id).await?;
            printer.say(&format!(
                "the master key {id} is gone: a backup of before opens with it alone"
            ))?;
        }
    }
    Ok(Exit::Ok)
}

fn table(keys: &MasterKeysView, printer: &Printer) -> String {
    let mut table = Table::new(&["KEY", "SEALS", "VALUES"]);
    for key in &keys.keys {
        table.row([
            Cell::from(&key.id),
            if key.seals { "yes" } else { "no, opens" }.into(),
            key.values.to_string().into(),
        ]);
    }
    table.render(printer, "There are no keys")
}
