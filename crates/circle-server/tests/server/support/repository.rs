//! A real repository behind a real git server.

use circle_lab::{GitServer, Repository};
use tempfile::TempDir;

/// A pipeline of four stages: checkout, pre_build, build, push.
pub(crate) const PIPELINE: &str = "pre_build:\n  image: busybox\n  commands: [make]\n  outputs: [out]\nbuild: {}\n";

/// One repository; its server ends with it.
pub(crate) struct Repo {
    pub(crate) server: GitServer,
    pub(crate) inner: Repository,
    _folder: TempDir,
}

impl Repo {
    /// With one commit on `main` that holds this pipeline file.
    pub(crate) async fn with(pipeline: &str) -> Self {
        let repo = Self::empty().await;
        repo.push_file("caicloud.yml", pipeline, "main").await;
        repo
    }

    pub(crate) async fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = GitServer::start(folder.path()).await.expect("a git server");
        let inner = server.repository("shop").await.expect("a repository");
        Self {
            server,
            inner,
            _folder: folder,
        }
    }

    pub(crate) fn url(&self) -> &str {
        self.inner.url()
    }

    /// Commits one file and pushes it to a ref; gives the commit.
    pub(crate) async fn push_file(&self, path: &str, content: &str, to: &str) -> String {
        self.inner.write(path, content).expect("written");
        let commit = self.inner.commit(&format!("Change {path}")).await.expect("a commit");
        self.inner.push(to).await.expect("pushed");
        commit.trim().to_owned()
    }
}
