//! What every command that talks to a server needs.

use circle_api::client::Client;

use crate::config::{Connection, ConnectionArgs, resolve};
use crate::printer::Printer;

/// A printer, and the way to the server.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) printer: Printer,
    pub(crate) args: ConnectionArgs,
}

/// A client in a workspace.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) workspace: String,
}

impl Context {
    /// Decides which server is meant; nothing is opened yet.
    pub(crate) fn session(&self) -> anyhow::Result<Session> {
        let connection: Connection = resolve(&self.args)?;
        let client = connection.client()?;
        Ok(Session {
            client,
            workspace: connection.workspace,
        })
    }
}
