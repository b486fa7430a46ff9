//! From flags, variables, file and machine to one connection.

use std::fs;
use std::path::{Path, PathBuf};

use circle_api::client::{Client, Endpoint};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_api::worker::SecretValue;
use clap::Args;

use super::file::ConfigFile;
use crate::exit::Failure;

/// Where Circle keeps everything on a machine.
pub(crate) const DEFAULT_DATA_FOLDER: &str = "/var/lib/circle";
/// The server's socket, beneath the data folder.
pub(crate) const SOCKET: &str = "server/circle.sock";
/// The first administrator's token, beneath the data folder.
pub(crate) const TOKEN_FILE: &str = "server/admin-token";

/// Which server to talk to.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// The server: unix:///path, http://host:port or https://host. Else the configuration file, else the socket in the
    /// data folder
    #[arg(long, global = true, env = "CIRCLE_SERVER", value_name = "ADDRESS")]
    pub(crate) server: Option<String>,
    /// A file with the token. Else CIRCLE_TOKEN, else the configuration file, else the data folder's administrator token
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// The token itself comes from the environment only: command lines are visible to everybody on the machine.
    #[arg(
        long = "token-from-environment",
        hide = true,
        env = "CIRCLE_TOKEN",
        hide_env_values = true
    )]
    pub(crate) token: Option<String>,
    /// The workspace; `default` when nothing says another
    #[arg(long, short = 'w', global = true, env = "CIRCLE_WORKSPACE", value_name = "NAME")]
    pub(crate) workspace: Option<String>,
    /// The configuration file; else ~/.config/circle/config.toml
    #[arg(long, global = true, env = "CIRCLE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where this machine's server keeps its data
    #[arg(long, global = true, env = "CIRCLE_DATA", value_name = "FOLDER", default_value = DEFAULT_DATA_FOLDER)]
    pub(crate) data: PathBuf,
}

/// What was decided.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) endpoint: Endpoint,
    pub(crate) token: Option<SecretValue>,
    pub(crate) workspace: String,
}

impl Connection {
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        Ok(Client::new(self.endpoint.clone(), self.token.as_ref())?)
    }
}

/// Decides. A token that lies on this machine is sent to this machine's socket only.
pub(crate) fn resolve(args: &ConnectionArgs) -> Result<Connection, Failure> {
    let file = ConfigFile::load(args.config.as_deref())?;
    let address = args.server.clone().or_else(|| file.server.clone());
    let local = address.is_none();
    let endpoint = match address {
        Some(text) => text.parse().map_err(|error| Failure::usage(format!("{error}")))?,
        None => Endpoint::Unix(args.data.join(SOCKET)),
    };
    let workspace = args
        .workspace
        .clone()
        .or(file.workspace.clone())
        .unwrap_or_else(|| DEFAULT_WORKSPACE.into());
    Ok(Connection {
        endpoint,
        token: token(args, &file, local)?,
        workspace,
    })
}

fn token(args: &ConnectionArgs, file: &ConfigFile, local: bool) -> Result<Option<SecretValue>, Failure> {
    if let Some(path) = &args.token_file {
        return read_token(path).map(Some);
    }
    if let Some(token) = args.token.as_ref().filter(|token| !token.is_empty()) {
        return Ok(Some(SecretValue::new(token.trim())));
    }
    // A server that was named on the command line may be another one than the file's: its token stays at home.
    let same_server = local || args.server.is_none() || args.server == file.server;
    match &file.token_file {
        Some(path) if same_server => read_token(path).map(Some),
        _ if local => Ok(fs::read_to_string(args.data.join(TOKEN_FILE))
            .ok()
            .map(|text| SecretValue::new(text.trim()))),
        _ => Ok(None),
    }
}

fn read_token(path: &Path) -> Result<SecretValue, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("the token file {} cannot be read: {error}", path.display())))?;
    match text.trim() {
        "" => Err(Failure::usage(format!("the token file {} is empty", path.display()))),
        token => Ok(SecretValue::new(token)),
    }
}

#[cfg(test)]
mod tests {
    use super::{ConnectionArgs, resolve};
    use std::fs;
    use tempfile::TempDir;

    fn machine(config: &str) -> (TempDir, ConnectionArgs) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        fs::write(path.join("config.toml"), config).expect("written");
        fs::create_dir_all(path.join("data/server")).expect("made");
        for (name, token) in [
            ("file-token", "from-file\n"),
            ("flag-token", "from-flag\n"),
            ("data/server/admin-token", "admin\n"),
        ] {
            fs::write(path.join(name), token).expect("written");
        }
        let args = ConnectionArgs {
            config: Some(path.join("config.toml")),
            data: path.join("data"),
            ..ConnectionArgs::default()
        };
        (folder, args)
    }

    fn decided(args: &ConnectionArgs) -> (String, Option<String>, String) {
        let connection = resolve(args).expect("a connection");
        let token = connection.token.map(|token| token.expose().to_owned());
        (connection.endpoint.to_string(), token, connection.workspace)
    }

    #[test]
    fn without_anything_it_is_this_machine() {
        let (folder, args) = machine("");
        let socket = format!("unix://{}/data/server/circle.sock", folder.path().display());
        assert_eq!(decided(&args), (socket, Some("admin".into()), "default".into()));
    }

    #[test]
    fn the_file_stands_above_the_machine() {
        let (_folder, args) =
            machine("server = 'https://ci.example.org'\ntoken_file = 'file-token'\nworkspace = 'shop'");
        assert_eq!(
            decided(&args),
            ("https://ci.example.org".into(), Some("from-file".into()), "shop".into())
        );
    }

    #[test]
    fn flags_and_variables_stand_above_the_file() {
        let (folder, mut args) =
            machine("server = 'https://ci.example.org'\ntoken_file = 'file-token'\nworkspace = 'shop'");
        args.server = Some("http://127.0.0.1:1".into());
        args.token = Some("from-variable".into());
        args.workspace = Some("other".into());
        assert_eq!(
            decided(&args),
            (
                "http://127.0.0.1:1".into(),
                Some("from-variable".into()),
                "other".into()
            )
        );
        args.token_file = Some(folder.path().join("flag-token"));
        assert_eq!(decided(&args).1.as_deref(), Some("from-flag"));
    }

    #[test]
    fn a_token_is_not_sent_to_another_server_than_its_own() {
        let (_folder, mut args) = machine("server = 'https://ci.example.org'\ntoken_file = 'file-token'");
        args.server = Some("http://elsewhere.example".into());
        assert_eq!(decided(&args).1, None);
    }

    #[test]
    fn unknown_keys_and_missing_files_are_said_with_the_place() {
        let (folder, mut args) = machine("sever = 'x'");
        let error = resolve(&args).expect_err("a slip").to_string();
        assert!(error.contains("config.toml") && error.contains("sever"), "{error}");
        args.config = Some(folder.path().join("none.toml"));
        assert!(resolve(&args).expect_err("no file").to_string().contains("none.toml"));
    }
}
