//! From the repository into the mirror.

use std::collections::BTreeMap;
use std::time::Duration;

use circle_core::names::{CommitId, GitRef};

use super::folder;
use super::open::Mirror;
use crate::checkout::{CommitFacts, described};
use crate::failure::{FailureClass, GitFailure};
use crate::harden::harden;

/// Trees and commits without contents come within seconds; a slow forge gets two minutes.
const FETCH_LIMIT: Duration = Duration::from_secs(120);
/// Asking for one ref.
const ASK_LIMIT: Duration = Duration::from_secs(30);
/// What happens in the folder alone may take so long.
const LOCAL_LIMIT: Duration = Duration::from_secs(30);

impl Mirror {
    /// Fetches the ref's newest commit, without history and contents, and says which it is.
    ///
    /// # Errors
    /// [`FailureClass::UnknownRef`] and the others of [`GitFailure`].
    pub async fn fetch(&self, git_ref: &GitRef) -> Result<CommitId, GitFailure> {
        let subject = format!("{git_ref} of {}", self.url);
        let _turn = self.turn.lock().await;
        self.fetch_or_mend(git_ref.as_str(), &subject).await?;
        Ok(self.facts_of("FETCH_HEAD", &subject).await?.commit)
    }

    /// Makes sure that a commit is there; `git_ref` leads to it on servers that give no commit by its id. It is asked for
    /// before it is looked for: git looks for what a mirror lacks by two fetches of its own, and a pushed commit is new.
    ///
    /// # Errors
    /// [`FailureClass::CommitGone`] and the others of [`GitFailure`].
    pub async fn fetch_commit(&self, git_ref: &GitRef, commit: &CommitId) -> Result<(), GitFailure> {
        let subject = format!("{git_ref} of {}", self.url);
        let _turn = self.turn.lock().await;
        let Err(failure) = self.fetch_or_mend(commit.as_str(), &subject).await else {
            return Ok(());
        };
        if self.has_commit(commit).await? {
            return Ok(());
        }
        if failure.class != FailureClass::CommitGone {
            return Err(failure);
        }
        self.fetch_or_mend(git_ref.as_str(), &subject).await?;
        if self.has_commit(commit).await? {
            Ok(())
        } else {
            Err(failure)
        }
    }

    /// Asks the repository what a ref is now; fetches nothing. A tag gives the commit that it leads to.
    ///
    /// # Errors
    /// [`FailureClass::UnknownRef`] and the others of [`GitFailure`].
    pub async fn resolve(&self, git_ref: &GitRef) -> Result<CommitId, GitFailure> {
        let subject = format!("{git_ref} of {}", self.url);
        let call = self.call().await?;
        let peeled = format!("{git_ref}^{{}}");
        let arguments = [
            "ls-remote",
            "--quiet",
            "--",
            self.url.as_str(),
            git_ref.as_str(),
            peeled.as_str(),
        ];
        let step = harden("ask for the ref", Some(call.transport()), ASK_LIMIT, arguments);
        let output = call.must(&step, &subject).await?;
        let text = output.text();
        let find = |name: &str| {
            text.lines()
                .filter_map(|line| line.split_once('\t'))
                .find(|(_, known)| *known == name)
        };
        let Some((commit, _)) = find(&peeled).or_else(|| find(git_ref.as_str())) else {
            let sentence = format!("{subject} is not there: was the branch or tag removed?");
            return Err(GitFailure {
                class: FailureClass::UnknownRef,
                sentence,
            });
        };
        CommitId::new(commit).map_err(|error| GitFailure::other(format!("{subject} is no commit: {error}")))
    }

    /// Asks the repository for every branch and tag and what it leads to; fetches nothing. An annotated tag gives itself, as a
    /// hook tells of it.
    ///
    /// # Errors
    /// [`GitFailure`], also when there are more than fit into the bound of the runner's output.
    pub async fn refs(&self) -> Result<BTreeMap<String, String>, GitFailure> {
        let call = self.call().await?;
        let arguments = [
            "ls-remote",
            "--quiet",
            "--heads",
            "--tags",
            "--refs",
            "--",
            self.url.as_str(),
        ];
        let step = harden("ask for the refs", Some(call.transport()), ASK_LIMIT, arguments);
        let output = call.must(&step, self.url.as_str()).await?;
        let text = output.text();
        let pairs = text.lines().filter_map(|line| line.split_once('\t'));
        let known = pairs.filter(|(object, name)| CommitId::new(*object).is_ok() && GitRef::new(*name).is_ok());
        Ok(known
            .map(|(object, name)| (name.to_owned(), object.to_owned()))
            .collect())
    }

    /// Title and time of a commit that was fetched.
    ///
    /// # Errors
    /// [`FailureClass::CommitGone`] when it was not.
    pub async fn facts(&self, commit: &CommitId) -> Result<CommitFacts, GitFailure> {
        self.facts_of(commit.as_str(), &format!("{commit} of {}", self.url))
            .await
    }

    async fn facts_of(&self, name: &str, subject: &str) -> Result<CommitFacts, GitFailure> {
        let arguments = ["log", "-1", "--no-show-signature", "--format=%H%n%cI%n%s", name, "--"];
        let output = self
            .must(&harden("read the commit", None, LOCAL_LIMIT, arguments), subject)
            .await?;
        described(&output)
    }

    /// The author's mail address as the commit has it: whoever made the commit wrote it.
    ///
    /// # Errors
    /// [`FailureClass::CommitGone`] when the commit was not fetched.
    pub async fn author_address(&self, commit: &CommitId) -> Result<String, GitFailure> {
        let arguments = [
            "log",
            "-1",
            "--no-show-signature",
            "--no-use-mailmap",
            "--format=%ae",
            commit.as_str(),
            "--",
        ];
        let step = harden("read the commit's author", None, LOCAL_LIMIT, arguments);
        let output = self.must(&step, &format!("{commit} of {}", self.url)).await?;
        Ok(output.text().trim().to_owned())
    }

    pub(super) async fn has_commit(&self, commit: &CommitId) -> Result<bool, GitFailure> {
        let name = format!("{commit}^{{commit}}");
        let step = harden(
            "look for the commit",
            None,
            LOCAL_LIMIT,
            ["cat-file", "-e", name.as_str()],
        );
        Ok(self.run(&step).await?.is_success())
    }

    /// A mirror that git cannot use any more is made anew once.
    async fn fetch_or_mend(&self, what: &str, subject: &str) -> Result<(), GitFailure> {
        match self.fetch_once(what, subject).await {
            Err(failure) if failure.class == FailureClass::Other => {
                tracing::warn!(mirror = %self.folder.display(), %failure, "a mirror is made anew");
                folder::make_anew(self).await?;
                self.fetch_once(what, subject).await
            }
            other => other,
        }
    }

    async fn fetch_once(&self, what: &str, subject: &str) -> Result<(), GitFailure> {
        let call = self.call().await?;
        let arguments = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-recurse-submodules",
            "--force",
            "--depth=1",
            "--filter=blob:none",
            "--",
            "origin",
            what,
        ];
        let step = harden("fetch", Some(call.transport()), FETCH_LIMIT, arguments);
        call.must(&step, subject).await.map(drop)
    }
}
