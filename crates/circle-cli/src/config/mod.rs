//! Which server, which workspace, which token: flags before variables before the configuration file before what lies on
//! this machine.

mod file;
mod login;
mod resolve;

pub(crate) use login::login_places;
pub(crate) use resolve::{Connection, ConnectionArgs, SOCKET, TOKEN_FILE, resolve};
