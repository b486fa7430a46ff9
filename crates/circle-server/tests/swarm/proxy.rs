//! A way to the target that can be cut and mended.

use std::path::{Path, PathBuf};

use tokio::io::copy_bidirectional;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

/// Listens on a socket of its own and passes everything on.
pub(crate) struct Proxy {
    path: PathBuf,
    to: PathBuf,
    tasks: JoinSet<()>,
}

impl Proxy {
    pub(crate) fn new(folder: &Path, to: &Path) -> Self {
        Self {
            path: folder.join("proxy.sock"),
            to: to.to_owned(),
            tasks: JoinSet::new(),
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("unix://{}", self.path.display())
    }

    /// Lets everything through from now on.
    pub(crate) fn mend(&mut self) {
        let listener = UnixListener::bind(&self.path).expect("a socket");
        let to = self.to.clone();
        self.tasks.spawn(async move {
            let mut pairs = JoinSet::new();
            while let Ok((mut from, _)) = listener.accept().await {
                let to = to.clone();
                pairs.spawn(async move {
                    if let Ok(mut to) = UnixStream::connect(&to).await {
                        // A pair that breaks is what this is for.
                        let _ = copy_bidirectional(&mut from, &mut to).await;
                    }
                });
            }
        });
    }

    /// Cuts every connection and takes no new one.
    pub(crate) async fn cut(&mut self) {
        self.tasks.shutdown().await;
        std::fs::remove_file(&self.path).expect("the socket was there");
    }
}
