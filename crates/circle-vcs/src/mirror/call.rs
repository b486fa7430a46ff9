//! What stands beside one command that speaks to the repository: who opens it, and the way there.

use std::sync::PoisonError;

use circle_net::{Manner, NetError, Passage};

use super::open::{Mirror, tempdir};
use crate::failure::{FailureClass, GitFailure, classify};
use crate::git::{GitStep, StepOutput};
use crate::harden::Transport;
use crate::helper::Helper;
use crate::url::Scheme;

/// Lives as long as the command; what it holds goes with it.
#[derive(Debug)]
pub(super) struct Call<'a> {
    mirror: &'a Mirror,
    /// Its folder goes after it.
    helper: Option<(Helper, tempdir::Folder)>,
    passage: Option<Passage>,
}

impl Mirror {
    /// Prepares one command; two side by side have one each.
    pub(super) async fn call(&self) -> Result<Call<'_>, GitFailure> {
        Ok(Call {
            mirror: self,
            helper: self.helper()?,
            passage: self.passage().await?,
        })
    }

    fn helper(&self) -> Result<Option<(Helper, tempdir::Folder)>, GitFailure> {
        let known = self.credential.read().unwrap_or_else(PoisonError::into_inner);
        // Bound to its host: it does not follow a repository that moved.
        let Some(credential) = known.as_ref().filter(|known| known.origin == self.url.origin()) else {
            return Ok(None);
        };
        let folder = tempdir::Folder::make(&self.folder)
            .map_err(|error| GitFailure::other(format!("no folder for git's questions: {error}")))?;
        let helper = Helper::start(folder.path(), folder.path(), credential, None)
            .map_err(|error| GitFailure::other(format!("git cannot be given the credentials: {error}")))?;
        Ok(Some((helper, folder)))
    }

    async fn passage(&self) -> Result<Option<Passage>, GitFailure> {
        let Some(net) = &self.options.net else {
            return Ok(None);
        };
        let scheme = self.url.scheme();
        let manner = match scheme {
            Scheme::Https | Scheme::Http => Manner::Socks,
            Scheme::Ssh | Scheme::Git => Manner::Straight,
        };
        let port = self.url.port().unwrap_or(scheme.port());
        let opened = net.passage((self.url.host(), port), manner).await;
        opened
            .map(Some)
            .map_err(|error| GitFailure::other(format!("git gets no way to {}: {error}", self.url)))
    }
}

impl Call<'_> {
    pub(super) fn transport(&self) -> Transport<'_> {
        Transport {
            url: &self.mirror.url,
            helper: self.helper.as_ref().map(|(helper, _)| helper),
            proxy: None,
            passage: self.passage.as_ref(),
        }
    }

    /// Runs a step that is to end well.
    pub(super) async fn must(&self, step: &GitStep, subject: &str) -> Result<StepOutput, GitFailure> {
        self.good(step, self.mirror.run(step).await?, subject)
    }

    /// What the step gave, if it ended well.
    pub(super) fn good(&self, step: &GitStep, output: StepOutput, subject: &str) -> Result<StepOutput, GitFailure> {
        if output.is_success() {
            return Ok(output);
        }
        let failure = classify(step, &output, subject);
        // git sees a door that closes; why it did is known on this side of it.
        match self.passage.as_ref().and_then(Passage::trouble) {
            Some(trouble) if explains(&trouble, failure.class) => Err(GitFailure::on_the_way(subject, &trouble)),
            _ => Err(failure),
        }
    }
}

/// A refusal always does. What did not answer may have been tried twice: what git says then counts, unless it says nothing of its own; a
/// git that writes into a closed door dies of the signal, which otherwise means that something was too large.
fn explains(trouble: &NetError, class: FailureClass) -> bool {
    use FailureClass::{Other, TooLarge, Unreachable};
    !trouble.is_temporary() || matches!(class, Unreachable | Other | TooLarge)
}
