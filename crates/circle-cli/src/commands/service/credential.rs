//! `circle service credential`: what opens a private repository.

use std::path::{Path, PathBuf};

use circle_api::resources::{CredentialKind, CredentialSet, CredentialView};
use circle_core::names::Slug;
use clap::{Args, Subcommand};

use crate::commands::input;
use crate::context::Session;
use crate::exit::Failure;
use crate::printer::Printer;

/// Largest `known_hosts` that is read, in bytes.
const MAX_KNOWN_HOSTS_BYTES: u64 = 64 * 1024;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Set what opens the repository: a user name and a password or token for https, a deploy key for ssh
    #[command(after_help = AFTER_SET)]
    Set {
        name: Slug,
        #[command(flatten)]
        login: Login,
    },
    /// Forget what opened the repository
    Remove { name: Slug },
}

const AFTER_SET: &str = "\
It is kept sealed, belongs to the host that the service is on now, and no job ever sees it.

Examples:
  circle service credential set shop --username deploy --password-file token
  ssh-keygen -t ed25519 -N '' -f deploy-key      (give deploy-key.pub to the host, for reading only)
  ssh-keyscan git.example.org > known-hosts      (compare it with what the host's owner tells)
  circle service credential set shop --key-file deploy-key --known-hosts-file known-hosts";

#[derive(Debug, Args)]
pub(super) struct Login {
    /// For https; many forges take any name beside a token
    #[arg(long, requires = "password_file", conflicts_with = "key_file")]
    username: Option<String>,
    /// A file with the password or token; - reads standard input
    #[arg(
        long,
        value_name = "FILE",
        requires = "username",
        required_unless_present = "key_file"
    )]
    password_file: Option<PathBuf>,
    /// A file with the private key, without a passphrase; - reads standard input
    #[arg(long, value_name = "FILE", requires = "known_hosts_file")]
    key_file: Option<PathBuf>,
    /// A file with the host's keys, as ssh-keyscan writes it
    #[arg(long, value_name = "FILE", requires = "key_file")]
    known_hosts_file: Option<PathBuf>,
}

pub(super) async fn credential(session: &Session, printer: &Printer, action: Action) -> anyhow::Result<()> {
    let (client, workspace) = (&session.client, session.workspace.as_str());
    match action {
        Action::Set { name, login } => {
            let view = client.set_credential(workspace, name.as_str(), &login.wish()?).await?;
            let shown = view.credential.as_ref().map(|known| told(&name, known));
            printer.show(&view, |_| shown.unwrap_or_default())?;
        }
        Action::Remove { name } => {
            client.remove_credential(workspace, name.as_str()).await?;
            printer.say(&format!("what opened the repository of {name} is forgotten"))?;
        }
    }
    Ok(())
}

/// The credential in a column of a table.
pub(super) fn word(credential: &CredentialView) -> String {
    match (credential.kind, &credential.username) {
        (CredentialKind::DeployKey, _) => "deploy key".into(),
        (CredentialKind::Password, Some(username)) => format!("password of {username}"),
        (CredentialKind::Password, None) => "password".into(),
    }
}

fn told(name: &Slug, credential: &CredentialView) -> String {
    let said = format!("{name} is opened with a {} at {}", word(credential), credential.origin);
    if credential.origin.starts_with("http://") {
        return format!("{said}; http carries it in the clear: use https where you can");
    }
    said
}

impl Login {
    fn wish(self) -> anyhow::Result<CredentialSet> {
        match (self.username, self.password_file, self.key_file, self.known_hosts_file) {
            (Some(username), Some(file), ..) => Ok(CredentialSet::Password {
                username,
                password: input::secret(&file, "password")?,
            }),
            (_, _, Some(key), Some(hosts)) => Ok(CredentialSet::DeployKey {
                private_key: input::secret(&key, "private key")?,
                known_hosts: known_hosts(&hosts)?,
            }),
            _ => {
                let how = "give --username and --password-file, or --key-file and --known-hosts-file";
                Err(Failure::usage(how).into())
            }
        }
    }
}

fn known_hosts(path: &Path) -> anyhow::Result<String> {
    let refused = |why: String| Failure::usage(format!("the known hosts file {} {why}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| refused(format!("cannot be read: {error}")))?;
    if size.len() > MAX_KNOWN_HOSTS_BYTES {
        return Err(refused("is larger than 64 KiB: keep only the lines of the repository's host".into()).into());
    }
    Ok(std::fs::read_to_string(path).map_err(|error| refused(format!("cannot be read: {error}")))?)
}
