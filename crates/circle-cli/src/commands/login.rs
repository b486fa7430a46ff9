//! `circle login`: from name and password to a token in a file of one's own.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use circle_api::resources::TokenCreate;
use circle_api::resources::people::SignIn;
use clap::Args;

use super::input;
use crate::config::login_places;
use crate::context::Context;
use crate::exit::{Exit, Failure};

/// Sign in with name and password; keeps a token for the commands that follow
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// The account's name
    name: String,
    /// A file with the password; `-` is standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    password_file: PathBuf,
    /// How long the token works, in seconds; thirty days when absent
    #[arg(long, value_name = "SECONDS", default_value_t = 2_592_000)]
    valid: u64,
}

pub(crate) async fn login(context: &Context, args: LoginArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let places = login_places(&context.args)?;
    let wish = SignIn {
        name: args.name,
        password: input::secret(&args.password_file, "password")?,
        token: Some(TokenCreate {
            name: "circle login".into(),
            valid_s: Some(args.valid),
            scope: None,
            workspace: None,
        }),
    };
    let signed_in = session.client.sign_in(&wish).await?;
    let token = signed_in
        .token
        .ok_or_else(|| Failure::usage("the server made no token: is it older?"))?;
    keep(&places.token, &format!("{}\n", token.value.expose()))?;
    if let Some((path, text)) = &places.config {
        keep(path, text)?;
    }
    let name = &signed_in.account.name;
    context
        .printer
        .say(&format!("you are {name}; the token lies in {}", places.token.display()))?;
    Ok(Exit::Ok)
}

/// Written aside and renamed, so that there is never half a token; nobody else reads it.
fn keep(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let aside = path.with_extension("new");
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&aside)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&aside, path));
    written.map_err(|error| Failure::usage(format!("{} cannot be written: {error}", path.display())))?;
    Ok(())
}
