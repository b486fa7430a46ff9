//! `circle restore`: a backup into the folder of a server that was never started.

use std::path::PathBuf;

use circle_server::backup::{Checked, Keys, restore as put};
use clap::Args;
use serde_json::json;

use super::up::Identity;
use crate::context::Context;
use crate::exit::{Exit, Failure};

/// Restore a backup into the empty `server` folder of the data folder
///
/// Everything is read and compared with its checksums before anything is put in place. The server must not run. As root, the files
/// become those of the server's user.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The file that `circle backup` wrote
    file: PathBuf,
    /// The key file of the server that was backed up; it is copied to `server/master-key`
    #[arg(long, value_name = "FILE", conflicts_with = "master_key_command")]
    master_key: Option<PathBuf>,
    /// The command that prints the master keys, as the server is told too
    #[arg(long, env = "CIRCLE_MASTER_KEY_COMMAND", value_name = "COMMAND")]
    master_key_command: Option<String>,
}

pub(crate) async fn restore(context: &Context, args: RestoreArgs) -> anyhow::Result<Exit> {
    let folder = std::path::absolute(&context.args.data)?.join("server");
    let owner = match nix::unistd::geteuid().is_root() {
        true => Some(Identity::of_server()?).map(|identity| (identity.uid, identity.gid)),
        false => None,
    };
    let keys = match (args.master_key, args.master_key_command) {
        (Some(path), _) => Keys::File(path),
        (None, Some(words)) => Keys::Command(words.split_whitespace().map(str::to_owned).collect()),
        (None, None) => Keys::InPlace,
    };
    let place = folder.clone();
    let checked = tokio::task::spawn_blocking(move || put(&args.file, &place, &keys, owner)).await?;
    let checked = checked.map_err(|error| Failure::broken(error.to_string()))?;
    let told = json!({
        "folder": folder, "circle": checked.head.circle, "made_at": checked.head.made_at, "entries": checked.entries,
        "bytes": checked.bytes,
    });
    context
        .printer
        .show(&told, |_| sentence(&folder.display().to_string(), &checked))?;
    Ok(Exit::Ok)
}

fn sentence(folder: &str, checked: &Checked) -> String {
    format!(
        "{folder} is as the server was at {}: {} files. Start the server there, and only there: two of them would both take runs and \
         deploy. The administrator's token of this machine is then in {folder}/admin-token.\n",
        checked.head.made_at, checked.entries
    )
}
