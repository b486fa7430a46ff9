//! The story's repositories behind closed doors.

use std::path::Path;

use anyhow::Result;
use circle_lab::{Credentials, GitWeb, Sshd};

/// The user whom the web server lets in.
const USER: &str = "deploy";
/// His password.
const PASSWORD: &str = "right-password-of-the-repository";

/// Two real servers over the folder of bare repositories.
#[derive(Debug)]
pub struct Private {
    /// Wants [`Private::login`].
    pub web: GitWeb,
    /// Wants its own key.
    pub ssh: Sshd,
}

impl Private {
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        let bare = folder.join("git/bare");
        let (username, password) = Self::login();
        let login = Credentials {
            username: username.into(),
            password: password.into(),
        };
        Ok(Self {
            web: GitWeb::start(&bare, Some(login)).await?,
            ssh: Sshd::start(&folder.join("sshd"), &bare).await?,
        })
    }

    /// User name and password for the web server.
    pub fn login() -> (&'static str, &'static str) {
        (USER, PASSWORD)
    }

    pub(crate) fn addresses(&self) -> [String; 2] {
        [self.web.address(), self.ssh.address()]
    }
}
