//! The working tree: what it is of, and its files as a tar.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use circle_core::inputs::Values;
use circle_core::names::{BranchName, CommitId, GitRef};
use circle_core::trigger::{Event, Trigger, Trust};
use tar::Builder;

use crate::exit::Failure;

/// Longest title of a commit, in characters.
const TITLE_CHARS: usize = 200;

/// A folder with a pipeline in it, often the root of a git work tree.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    root: PathBuf,
    git: Option<Git>,
    /// What the file's inputs are in this run.
    pub(super) inputs: Values,
}

/// What git says of it.
#[derive(Debug, Clone)]
struct Git {
    branch: Option<BranchName>,
    commit: Option<CommitId>,
    title: Option<String>,
}

/// What was packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) files: usize,
    /// Whether git chose them; otherwise all were taken.
    pub(super) by_git: bool,
}

impl Tree {
    /// The tree around a pipeline file or folder. A file that is a link lies where the link does.
    ///
    /// # Errors
    /// When the place is not there.
    pub(super) fn around(place: &Path) -> Result<Self, Failure> {
        let unusable = |error: io::Error| Failure::usage(format!("{} cannot be used: {error}", place.display()));
        let is_folder = place.metadata().map_err(unusable)?.is_dir();
        let folder = match place.parent() {
            _ if is_folder => place,
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let folder = folder.canonicalize().map_err(unusable)?;
        let root = git(&folder, &["rev-parse", "--show-toplevel"]).map(PathBuf::from);
        Ok(match root {
            Some(root) => Self {
                git: Some(Git::of(&root)),
                root,
                inputs: Values::new(),
            },
            None => Self {
                root: folder,
                git: None,
                inputs: Values::new(),
            },
        })
    }

    /// The folder's name, in lower case and without what a service's name may not have.
    pub(super) fn name(&self) -> String {
        let name = self.root.file_name().map(|name| name.to_string_lossy().to_lowercase());
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let name: String = name.unwrap_or_default().chars().map(plain).collect();
        let name = name.trim_matches('-');
        if name.is_empty() { "local" } else { name }.to_owned()
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The trigger of a run by hand on the branch that is checked out.
    pub(super) fn trigger(&self) -> Trigger {
        let git = self.git.as_ref();
        let branch = git.and_then(|git| git.branch.clone());
        let git_ref = branch.as_ref().map_or_else(
            || GitRef::new("refs/heads/local").expect("a branch by that name is allowed"),
            BranchName::full,
        );
        Trigger {
            event: Event::Manual {
                branch,
                tag: None,
                reason: None,
                pinned: false,
            },
            git_ref,
            commit: git.and_then(|git| git.commit.clone()),
            commit_time: None,
            title: git.and_then(|git| git.title.clone()),
            actor: std::env::var("USER").unwrap_or_else(|_| "somebody".to_owned()),
            trust: Trust::Member,
            key: "local".to_owned(),
            changed_paths: None,
            inputs: self.inputs.clone(),
        }
    }

    /// Writes the files as they are now: in a git work tree those that git knows or does not ignore, with the repository
    /// itself, since builds ask it for versions; elsewhere all.
    pub(super) fn pack(&self, to: &Path) -> io::Result<Packed> {
        let mut tar = Builder::new(File::create_new(to)?);
        tar.follow_symlinks(false);
        let listed = self.git.as_ref().and_then(|_| listed(&self.root));
        let by_git = listed.is_some();
        let mut files = 0;
        match listed {
            Some(paths) => {
                for path in paths {
                    files += self.add(&mut tar, &path)?;
                }
                if self.root.join(".git").is_dir() {
                    tar.append_dir_all(".git", self.root.join(".git"))?;
                }
            }
            None => {
                for entry in std::fs::read_dir(&self.root)? {
                    files += self.add(&mut tar, Path::new(&entry?.file_name()))?;
                }
            }
        }
        tar.into_inner()?.flush()?;
        Ok(Packed { files, by_git })
    }

    fn add(&self, tar: &mut Builder<File>, path: &Path) -> io::Result<usize> {
        let whole = self.root.join(path);
        let Ok(meta) = whole.symlink_metadata() else {
            // Known to git and removed in the working tree.
            return Ok(0);
        };
        if meta.is_dir() {
            // A submodule, or a folder where git did not choose.
            tar.append_dir_all(path, &whole)?;
        } else if meta.is_file() || meta.is_symlink() {
            tar.append_path_with_name(&whole, path)?;
        }
        Ok(1)
    }
}

impl Git {
    fn of(root: &Path) -> Self {
        let branch = git(root, &["symbolic-ref", "--quiet", "--short", "HEAD"]);
        let title = git(root, &["log", "-1", "--format=%s"]).filter(|title| !title.is_empty());
        Self {
            branch: branch.and_then(|name| BranchName::new(name).ok()),
            commit: git(root, &["rev-parse", "--quiet", "--verify", "HEAD"]).and_then(|id| CommitId::new(id).ok()),
            title: title.map(|title| title.chars().take(TITLE_CHARS).collect()),
        }
    }
}

/// What git prints, when it is there and succeeds.
fn git(folder: &Path, words: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(folder).args(words).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim_end().to_owned())
}

/// Files that git knows, and those that it does not ignore.
fn listed(root: &Path) -> Option<Vec<PathBuf>> {
    use std::os::unix::ffi::OsStrExt;
    let words = [
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--deduplicate",
    ];
    let output = Command::new("git").arg("-C").arg(root).args(words).output().ok()?;
    let paths = output.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    let paths = paths.map(|path| PathBuf::from(std::ffi::OsStr::from_bytes(path)));
    output.status.success().then(|| paths.collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use super::Tree;

    fn run(folder: &Path, words: &[&str]) {
        let identity = ["-c", "user.name=Developer", "-c", "user.email=developer@example.org"];
        let status = Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(identity)
            .args(words)
            .status();
        assert!(status.expect("git").success(), "git {words:?}");
    }

    fn packed(tree: &Tree) -> BTreeSet<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tree.tar");
        tree.pack(&path).expect("packed");
        let mut archive = tar::Archive::new(fs::File::open(path).expect("a tar"));
        let entries = archive.entries().expect("entries");
        let names = entries.map(|entry| entry.expect("an entry").path().expect("a path").display().to_string());
        names.filter(|name| !name.starts_with(".git/")).collect()
    }

    #[test]
    fn what_is_not_committed_takes_part_and_what_is_ignored_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        run(root, &["init", "--quiet", "--initial-branch=trunk"]);
        fs::create_dir(root.join("deep")).expect("a folder");
        for (name, text) in [
            ("kept", "1"),
            ("removed", "1"),
            ("changed", "1"),
            (".gitignore", "ignored\n"),
        ] {
            fs::write(root.join(name), text).expect("a file");
        }
        run(root, &["add", "."]);
        run(root, &["commit", "--quiet", "-m", "Begin"]);
        fs::remove_file(root.join("removed")).expect("removed");
        for name in ["changed", "deep/new file", "ignored"] {
            fs::write(root.join(name), "2").expect("a file");
        }
        std::os::unix::fs::symlink("kept", root.join("link")).expect("a link");
        let tree = Tree::around(&root.join("deep")).expect("a tree");
        let names: Vec<_> = packed(&tree).into_iter().filter(|name| name != ".git").collect();
        assert_eq!(names, [".gitignore", "changed", "deep/new file", "kept", "link"]);
        let trigger = tree.trigger();
        assert_eq!(trigger.git_ref.as_str(), "refs/heads/trunk");
        assert_eq!(trigger.title.as_deref(), Some("Begin"));
        assert!(trigger.commit.is_some());
    }

    #[test]
    fn a_folder_without_git_is_taken_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("d")).expect("a folder");
        fs::write(folder.path().join("d/f"), "1").expect("a file");
        let tree = Tree::around(folder.path()).expect("a tree");
        assert!(packed(&tree).contains("d/f"));
        assert_eq!(tree.trigger().commit, None);
        assert!(Tree::around(&folder.path().join("nowhere")).is_err());
    }
}
