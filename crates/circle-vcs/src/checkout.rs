//! A work tree at one commit: the steps, and the order in which they are tried.

use std::time::Duration;

use circle_core::names::{CommitId, GitRef};
use jiff::Timestamp;

use crate::failure::{FailureClass, GitFailure, classify};
use crate::git::{GitStep, StepOutput, StepRunner};
use crate::harden::{Transport, harden};
use crate::helper::Helper;
use crate::url::RepositoryUrl;

/// A fetch may take so long: a large repository over a slow line.
const FETCH_LIMIT: Duration = Duration::from_secs(600);
/// What happens in the folder alone may take so long: a large tree on a slow disk.
const LOCAL_LIMIT: Duration = Duration::from_secs(120);
/// The longest title of a commit that is kept, in characters.
const TITLE_CHARS: usize = 200;

/// What is wanted in the work tree.
#[derive(Debug, Clone, Copy)]
pub struct Checkout<'a> {
    pub url: &'a RepositoryUrl,
    /// The ref that was asked for.
    pub git_ref: &'a GitRef,
    /// The commit that must come out; `None` = the ref's newest.
    pub commit: Option<&'a CommitId>,
    /// Whether submodules are fetched, all levels of them.
    pub submodules: bool,
    /// Who opens the repository's host; never another.
    pub helper: Option<&'a Helper>,
    /// See [`Transport::proxy`].
    pub proxy: Option<&'a str>,
    /// What is known of the wanted commit already, so that it is not asked for again.
    pub known: Option<&'a CommitFacts>,
}

/// What is told of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitFacts {
    pub commit: CommitId,
    /// The committer's time.
    pub commit_time: Option<Timestamp>,
    /// The first line of the message, at most 200 characters.
    pub title: String,
}

/// Fills the runner's work tree, which must be an empty folder of the user who runs git: what a repository of somebody
/// else's making has in `.git/config` would count.
///
/// One commit is fetched, without history. A server that gives no commit by its id is asked for the ref, then for the
/// ref's whole history.
///
/// # Errors
/// [`GitFailure`] with a class and a sentence that names the ref and the address.
pub async fn check_out(wish: Checkout<'_>, runner: &mut dyn StepRunner) -> Result<CommitFacts, GitFailure> {
    must(runner, &wish.init(), &wish.subject()).await?;
    must(runner, &wish.add_remote(), &wish.subject()).await?;
    fetch(wish, runner).await?;
    must(runner, &wish.detach(), &wish.subject()).await?;
    if wish.submodules {
        must(
            runner,
            &wish.update_submodules(),
            &format!("a submodule of {}", wish.url),
        )
        .await?;
    }
    if let Some(known) = wish.known.filter(|known| wish.commit == Some(&known.commit)) {
        return Ok(known.clone());
    }
    let said = must(runner, &wish.describe(), &wish.subject()).await?;
    described(&said)
}

/// Fetches the wanted commit by the shortest way that the server allows.
async fn fetch(wish: Checkout<'_>, runner: &mut dyn StepRunner) -> Result<(), GitFailure> {
    let Some(commit) = wish.commit else {
        must(runner, &wish.fetch(wish.git_ref.as_str(), true), &wish.subject()).await?;
        return Ok(());
    };
    let Err(first) = must(runner, &wish.fetch(commit.as_str(), true), &wish.subject()).await else {
        return Ok(());
    };
    if first.class != FailureClass::CommitGone {
        return Err(first);
    }
    for shallow in [true, false] {
        must(runner, &wish.fetch(wish.git_ref.as_str(), shallow), &wish.subject()).await?;
        if run(runner, &wish.has(commit)).await?.is_success() {
            return Ok(());
        }
    }
    Err(first)
}

impl Checkout<'_> {
    /// Makes an empty repository in the work tree.
    pub fn init(&self) -> GitStep {
        harden(
            "make a repository",
            None,
            LOCAL_LIMIT,
            ["init", "--quiet", "--template=", "--initial-branch=circle", "."],
        )
    }

    /// Names the remote, by which submodules with relative addresses are found.
    pub fn add_remote(&self) -> GitStep {
        harden(
            "name the remote",
            None,
            LOCAL_LIMIT,
            ["remote", "add", "--", "origin", self.url.as_str()],
        )
    }

    /// Fetches a ref or a commit.
    pub fn fetch(&self, what: &str, shallow: bool) -> GitStep {
        let mut arguments = vec!["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--force"];
        arguments.extend(shallow.then_some("--depth=1"));
        arguments.extend(["--", "origin", what]);
        harden("fetch", Some(self.transport()), FETCH_LIMIT, arguments)
    }

    /// Whether the commit is there.
    pub fn has(&self, commit: &CommitId) -> GitStep {
        let name = format!("{commit}^{{commit}}");
        harden(
            "look for the commit",
            None,
            LOCAL_LIMIT,
            ["cat-file", "-e", name.as_str()],
        )
    }

    /// Puts the commit's files into the work tree.
    pub fn detach(&self) -> GitStep {
        let commit = self.commit.map_or("FETCH_HEAD", |commit| commit.as_str());
        harden(
            "check out",
            None,
            LOCAL_LIMIT,
            ["checkout", "--quiet", "--force", "--detach", commit, "--"],
        )
    }

    /// Fetches submodules: only by `checkout`, whatever their update setting says, one commit deep where that is allowed.
    pub fn update_submodules(&self) -> GitStep {
        let arguments = [
            "submodule",
            "--quiet",
            "update",
            "--init",
            "--recursive",
            "--checkout",
            "--force",
            "--depth=1",
            "--jobs=2",
        ];
        harden("fetch submodules", Some(self.transport()), FETCH_LIMIT, arguments)
    }

    /// Prints the commit, its time and its title, a line each.
    pub fn describe(&self) -> GitStep {
        harden(
            "read the commit",
            None,
            LOCAL_LIMIT,
            ["log", "-1", "--no-show-signature", "--format=%H%n%cI%n%s", "HEAD", "--"],
        )
    }

    fn transport(&self) -> Transport<'_> {
        Transport {
            url: self.url,
            helper: self.helper,
            proxy: self.proxy,
            passage: None,
        }
    }

    fn subject(&self) -> String {
        format!("{} of {}", self.git_ref, self.url)
    }
}

async fn run(runner: &mut dyn StepRunner, step: &GitStep) -> Result<StepOutput, GitFailure> {
    runner
        .run(step)
        .await
        .map_err(|error| GitFailure::not_run(step, &error))
}

async fn must(runner: &mut dyn StepRunner, step: &GitStep, subject: &str) -> Result<StepOutput, GitFailure> {
    let output = run(runner, step).await?;
    if output.is_success() {
        Ok(output)
    } else {
        Err(classify(step, &output, subject))
    }
}

/// Reads what [`Checkout::describe`] printed.
pub(crate) fn described(output: &StepOutput) -> Result<CommitFacts, GitFailure> {
    let text = output.text();
    let mut lines = text.lines();
    let commit = CommitId::new(lines.next().unwrap_or_default())
        .map_err(|error| GitFailure::other(format!("git told no commit: {error}")))?;
    let commit_time = lines.next().and_then(|line| line.parse().ok());
    let title = lines
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(TITLE_CHARS)
        .collect();
    Ok(CommitFacts {
        commit,
        commit_time,
        title,
    })
}
