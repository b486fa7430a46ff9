//! The port.

use async_trait::async_trait;
use circle_core::notice::{MailAddress, Notice};
use secrecy::SecretString;

use super::Story;

/// A way to tell somebody something.
///
/// Telling the same notice twice is allowed and happens after a crash: the receiver knows it by its id. A call ends within a minute.
#[async_trait]
pub(crate) trait Notifier: Send + Sync + std::fmt::Debug {
    /// Tells; `Ok` means that the receiver took it.
    async fn tell(&self, to: &Destination, notice: &Notice, story: &Story) -> Result<(), NotTold>;
}

/// Where a notice goes.
#[derive(Debug, Clone)]
pub(crate) enum Destination {
    /// Somebody's mailbox.
    Mail(MailAddress),
    /// A program, with what its calls are signed with.
    Webhook { url: String, secret: SecretString },
}

/// Why it was not told, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotTold {
    /// It may be told later.
    #[error("{0}")]
    Later(String),
    /// It never will.
    #[error("{0}")]
    Never(String),
}
