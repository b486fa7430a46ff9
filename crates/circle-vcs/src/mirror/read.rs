//! From the mirror to the server: files and changed paths of commits that were fetched.

use std::time::Duration;

use circle_core::names::CommitId;

use super::open::Mirror;
use crate::failure::{FailureClass, GitFailure, classify};
use crate::git::{GitStep, StepOutput, StepRunner};
use crate::harden::harden;

/// One file's content may have to be fetched first.
const READ_LIMIT: Duration = Duration::from_secs(60);
/// The longest path that is asked for, in bytes.
const MAX_PATH_BYTES: usize = 1_024;
/// Room for one path in a list of changes, in bytes.
const BYTES_PER_PATH: usize = 4_096;

impl Mirror {
    /// A file's content, or `None` when the commit has no plain file there: links are not followed.
    ///
    /// # Errors
    /// [`FailureClass::TooLarge`] above `max_bytes`, [`FailureClass::Forbidden`] for a path that leaves the tree.
    pub async fn read_file(
        &self,
        commit: &CommitId,
        path: &str,
        max_bytes: usize,
    ) -> Result<Option<Vec<u8>>, GitFailure> {
        check_path(path)?;
        let call = self.call().await?;
        let name = format!("{commit}:{path}");
        let step = harden(
            "read a file",
            Some(call.transport()),
            READ_LIMIT,
            ["cat-file", "blob", name.as_str()],
        );
        // What stands there is asked for beside its content, and decides whether that counts.
        let (mode, output) = tokio::join!(self.mode(commit, path), self.keep(&step, max_bytes));
        if !mode?.is_some_and(|mode| mode.starts_with("100")) {
            return Ok(None);
        }
        let output = output?;
        if output.cut {
            let sentence = format!("{path} in {} has more than {max_bytes} bytes", self.url);
            return Err(GitFailure {
                class: FailureClass::TooLarge,
                sentence,
            });
        }
        let output = call.good(&step, output, &format!("{path} of {}", self.url))?;
        Ok(Some(output.stdout))
    }

    /// Whether the commit has a plain file there.
    ///
    /// # Errors
    /// As [`Mirror::read_file`].
    pub async fn has_file(&self, commit: &CommitId, path: &str) -> Result<bool, GitFailure> {
        let mode = self.mode(commit, path).await?;
        Ok(mode.is_some_and(|mode| mode.starts_with("100")))
    }

    /// Paths that differ between two commits, both sides of a rename; `None` when there are more than `max`, or when
    /// the older commit is not to be had any more: then every path may have changed.
    ///
    /// # Errors
    /// [`GitFailure`], also when the newer commit was not fetched.
    pub async fn changed_paths(
        &self,
        before: &CommitId,
        after: &CommitId,
        max: usize,
    ) -> Result<Option<Vec<String>>, GitFailure> {
        if !self.has_or_fetch(before).await? {
            return Ok(None);
        }
        let arguments = [
            "diff-tree",
            "-r",
            "-z",
            "--name-only",
            "--no-renames",
            "--no-ext-diff",
            before.as_str(),
            after.as_str(),
            "--",
        ];
        let step = harden("compare commits", None, READ_LIMIT, arguments);
        let output = self.keep(&step, max.saturating_mul(BYTES_PER_PATH)).await?;
        if output.cut {
            return Ok(None);
        }
        if !output.is_success() {
            return Err(classify(&step, &output, &format!("the changed paths of {}", self.url)));
        }
        let paths = output.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty());
        let paths: Vec<String> = paths
            .take(max + 1)
            .map(|path| String::from_utf8_lossy(path).into_owned())
            .collect();
        Ok((paths.len() <= max).then_some(paths))
    }

    async fn has_or_fetch(&self, commit: &CommitId) -> Result<bool, GitFailure> {
        if self.has_commit(commit).await? {
            return Ok(true);
        }
        let call = self.call().await?;
        let arguments = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--depth=1",
            "--filter=blob:none",
            "--no-write-fetch-head",
            "--",
            "origin",
            commit.as_str(),
        ];
        let _turn = self.turn.lock().await;
        // A commit that was pushed over is often gone; that is no failure of the newer one.
        Ok(self
            .run(&harden("fetch", Some(call.transport()), READ_LIMIT, arguments))
            .await?
            .is_success())
    }

    /// The mode of what the commit has at a path, as git writes it.
    async fn mode(&self, commit: &CommitId, path: &str) -> Result<Option<String>, GitFailure> {
        check_path(path)?;
        let arguments = ["ls-tree", "-z", "--full-tree", commit.as_str(), "--", path];
        let step = harden("look for a file", None, READ_LIMIT, arguments);
        let output = self.must(&step, &format!("{path} in {commit} of {}", self.url)).await?;
        let text = String::from_utf8_lossy(&output.stdout);
        // `<mode> <type> <object>\t<path>`
        let mode = text.split('\0').find_map(|line| {
            let (facts, name) = line.split_once('\t')?;
            let mode = facts.split(' ').next()?;
            (name == path).then(|| mode.to_owned())
        });
        Ok(mode)
    }

    async fn keep(&self, step: &GitStep, stdout_bytes: usize) -> Result<StepOutput, GitFailure> {
        self.runner
            .keeping(stdout_bytes)
            .run(step)
            .await
            .map_err(|error| GitFailure::not_run(step, &error))
    }
}

/// A path within the tree, normalised.
fn check_path(path: &str) -> Result<(), GitFailure> {
    let plain = !path.is_empty()
        && path.len() <= MAX_PATH_BYTES
        && !path.chars().any(|c| c.is_control() || c == '\\')
        && path
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..");
    if plain {
        return Ok(());
    }
    let shown: String = path
        .chars()
        .take(80)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect();
    let sentence = format!("the path \"{shown}\" is refused: write a path within the repository, without \"..\"");
    Err(GitFailure {
        class: FailureClass::Forbidden,
        sentence,
    })
}
