//! A mirror, its options and its folder.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use circle_net::Net;
use tokio::sync::Mutex;

use super::folder;
use crate::credential::Credential;
use crate::failure::{GitFailure, classify};
use crate::git::{GitStep, StepOutput, StepRunner};
use crate::process::{LocalRunner, RunLimits};
use crate::url::RepositoryUrl;

/// One repository's mirror. All calls are safe side by side; fetches take turns. One process, one `Mirror` a folder.
#[derive(Debug)]
pub struct Mirror {
    pub(super) folder: PathBuf,
    pub(super) url: RepositoryUrl,
    pub(super) options: MirrorOptions,
    pub(super) runner: LocalRunner,
    /// Whoever opens the repository now; it may be set anew between two fetches.
    pub(super) credential: RwLock<Option<Credential>>,
    /// Held while the folder is changed.
    pub(super) turn: Mutex<()>,
}

/// How a mirror is kept.
#[derive(Debug, Clone)]
pub struct MirrorOptions {
    /// For the repository's own host.
    pub credential: Option<Credential>,
    /// Makes every connection to the repository, and refuses what its rules forbid; `None` = git connects by itself, to whatever the
    /// address leads to.
    pub net: Option<Net>,
    /// A mirror that is larger when it is opened is made anew, in bytes.
    pub max_bytes: u64,
}

impl Default for MirrorOptions {
    /// Nobody's credential, nobody who judges addresses, 2 GiB.
    fn default() -> Self {
        Self {
            credential: None,
            net: None,
            max_bytes: 2 * 1024 * 1024 * 1024,
        }
    }
}

impl Mirror {
    /// Opens the mirror in `folder`, a folder of its own, and makes it where it is not there; speaks to nobody yet.
    ///
    /// # Errors
    /// [`GitFailure`] when the folder cannot be made or git is missing.
    pub async fn open(folder: &Path, url: RepositoryUrl, mut options: MirrorOptions) -> Result<Self, GitFailure> {
        let limits = RunLimits {
            file_bytes: options.max_bytes,
            ..RunLimits::default()
        };
        let runner = LocalRunner::new(&folder.join("repository"), limits);
        let mirror = Self {
            credential: RwLock::new(options.credential.take()),
            folder: folder.to_owned(),
            url,
            options,
            runner,
            turn: Mutex::new(()),
        };
        folder::prepare(&mirror).await?;
        Ok(mirror)
    }

    /// Where it is copied from.
    pub fn url(&self) -> &RepositoryUrl {
        &self.url
    }

    /// From now on the repository is opened with this.
    pub fn use_credential(&self, credential: Option<Credential>) {
        *self.credential.write().unwrap_or_else(PoisonError::into_inner) = credential;
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.folder.join("repository")
    }

    pub(super) async fn run(&self, step: &GitStep) -> Result<StepOutput, GitFailure> {
        self.runner
            .clone()
            .run(step)
            .await
            .map_err(|error| GitFailure::not_run(step, &error))
    }

    pub(super) async fn must(&self, step: &GitStep, subject: &str) -> Result<StepOutput, GitFailure> {
        let output = self.run(step).await?;
        if output.is_success() {
            Ok(output)
        } else {
            Err(classify(step, &output, subject))
        }
    }
}

/// Private folders for askpass programs.
pub(super) mod tempdir {
    use std::os::unix::fs::DirBuilderExt;
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU64, Ordering};

    static NEXT: AtomicU64 = AtomicU64::new(0);

    /// A folder of mode 0700 that goes with its handle.
    #[derive(Debug)]
    pub(crate) struct Folder(PathBuf);

    impl Folder {
        pub(crate) fn make(parent: &Path) -> std::io::Result<Self> {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("ask-{}-{number}", std::process::id()));
            std::fs::DirBuilder::new().mode(0o700).create(&path)?;
            Ok(Self(path))
        }

        pub(crate) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            // What stays after a failure is removed when the mirror is opened again.
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
