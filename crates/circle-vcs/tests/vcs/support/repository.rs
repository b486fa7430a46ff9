//! A bare repository and the work tree of the person who fills it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A repository beneath a server's folder.
pub(crate) struct Work {
    pub(crate) bare: PathBuf,
    pub(crate) tree: PathBuf,
}

impl Work {
    /// Makes `<folder>/bare/<name>.git` with a work tree on `main`.
    pub(crate) fn make(folder: &Path, name: &str) -> Self {
        let bare = folder.join("bare").join(format!("{name}.git"));
        let tree = folder.join("trees").join(name);
        for path in [&bare, &tree] {
            std::fs::create_dir_all(path).expect("a folder");
        }
        git(&bare, &["init", "--quiet", "--bare", "--initial-branch=main", "."]);
        for setting in ["uploadpack.allowFilter", "http.getanyfile"] {
            git(&bare, &["config", setting, "true"]);
        }
        git(&tree, &["init", "--quiet", "--initial-branch=main", "."]);
        git(&tree, &["remote", "add", "origin", &bare.display().to_string()]);
        Self { bare, tree }
    }

    /// Writes a file of the work tree.
    pub(crate) fn write(&self, path: &str, content: &str) {
        let file = self.tree.join(path);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
        std::fs::write(file, content).expect("a file");
    }

    /// Commits everything; gives the id.
    pub(crate) fn commit(&self, message: &str) -> String {
        git(&self.tree, &["add", "--all"]);
        git(
            &self.tree,
            &["commit", "--quiet", "--allow-empty", "--message", message],
        );
        git(&self.tree, &["rev-parse", "HEAD"])
    }

    /// Pushes HEAD to a ref.
    pub(crate) fn push(&self, to: &str) {
        git(
            &self.tree,
            &["push", "--quiet", "--force", "origin", &format!("HEAD:{to}")],
        );
    }
}

/// git as a developer runs it.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@localhost",
            "-c",
            "protocol.file.allow=always",
            "-c",
            "safe.directory=*",
        ])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("git runs");
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
