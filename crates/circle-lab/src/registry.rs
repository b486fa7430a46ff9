//! A registry of Debian's package, with or without a password.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::{Child, LabError, free_port};

/// Who may use a registry.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

/// A registry on loopback; its images lie in its folder.
#[derive(Debug)]
pub struct Registry {
    folder: PathBuf,
    port: u16,
    child: Child,
}

impl Registry {
    /// Starts one on a free port; with credentials it refuses everybody else.
    ///
    /// # Errors
    /// [`LabError`] when the package is missing or the registry does not come up.
    pub async fn start(folder: &Path, credentials: Option<&Credentials>) -> Result<Self, LabError> {
        std::fs::create_dir_all(folder).map_err(|source| LabError::io("make the registry's folder", source))?;
        let port = free_port()?;
        let config = folder.join("config.yml");
        let mut text = configuration(&folder.join("images"), port);
        if let Some(credentials) = credentials {
            let file = folder.join("htpasswd");
            write_htpasswd(&file, credentials).await?;
            text.push_str(&format!(
                "auth:\n  htpasswd:\n    realm: circle\n    path: {}\n",
                file.display()
            ));
        }
        std::fs::write(&config, text).map_err(|source| LabError::io("write the registry's configuration", source))?;
        let mut registry = Self {
            folder: folder.to_owned(),
            port,
            child: spawn(folder)?,
        };
        registry.child.accepts(port).await?;
        Ok(registry)
    }

    /// Starts one that speaks TLS, with a certificate and its key in PEM.
    ///
    /// # Errors
    /// Those of [`Registry::start`].
    pub async fn start_with_tls(folder: &Path, certificate: &Path, key: &Path) -> Result<Self, LabError> {
        std::fs::create_dir_all(folder).map_err(|source| LabError::io("make the registry's folder", source))?;
        let port = free_port()?;
        let mut text = configuration(&folder.join("images"), port);
        text.push_str(&format!(
            "  tls:\n    certificate: {}\n    key: {}\n",
            certificate.display(),
            key.display()
        ));
        let config = folder.join("config.yml");
        std::fs::write(&config, text).map_err(|source| LabError::io("write the registry's configuration", source))?;
        let mut registry = Self {
            folder: folder.to_owned(),
            port,
            child: spawn(folder)?,
        };
        registry.child.accepts(port).await?;
        Ok(registry)
    }

    /// `127.0.0.1:port`, as it stands in image references.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.pid()
    }

    /// Kills the registry; its images stay.
    ///
    /// # Errors
    /// [`LabError::Io`] when it cannot be waited for.
    pub async fn stop(&mut self) -> Result<(), LabError> {
        self.child.kill().await
    }

    /// Starts it again on the same port with the same images.
    ///
    /// # Errors
    /// [`LabError`] when somebody else took the port.
    pub async fn start_again(&mut self) -> Result<(), LabError> {
        self.child = spawn(&self.folder)?;
        self.child.accepts(self.port).await
    }
}

fn spawn(folder: &Path) -> Result<Child, LabError> {
    Child::start(
        "docker-registry",
        [Path::new("serve"), &folder.join("config.yml")],
        &folder.join("log"),
    )
}

fn configuration(images: &Path, port: u16) -> String {
    format!(
        "version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\n\
         http:\n  addr: 127.0.0.1:{port}\n",
        images.display()
    )
}

/// bcrypt, the only hash that the registry takes.
async fn write_htpasswd(file: &Path, credentials: &Credentials) -> Result<(), LabError> {
    let output = Command::new("htpasswd")
        .args(["-Bbn", &credentials.username, &credentials.password])
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|_| LabError::Missing {
            program: "htpasswd".into(),
        })?;
    std::fs::write(file, output.stdout).map_err(|source| LabError::io("write the registry's passwords", source))
}
