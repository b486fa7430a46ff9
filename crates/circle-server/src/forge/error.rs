//! Why a forge did not do what it was asked.

use std::time::Duration;

/// What a caller can do about it is the variant; what a person reads is the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForgeError {
    /// It does not answer, or not with sense: later it may.
    #[error("the forge does not answer: {0}")]
    Unreachable(String),
    /// It wants to be left alone for a while.
    #[error("the forge takes no more requests for {} s", .0.as_secs())]
    Busy(Duration),
    /// The token is unknown to it, or has ended.
    #[error("the forge refuses the token: give the connection a new one with `circle forge set-token`")]
    Token,
    /// The token's owner may not do this.
    #[error("the token may not do this: {0}")]
    Forbidden(String),
    /// The repository, or what was asked for in it, is not there, or is hidden from the token.
    #[error("the forge has no such thing, or hides it from the token")]
    NotFound,
    /// It says no, and will again.
    #[error("the forge refuses it: {0}")]
    Refused(String),
}

impl ForgeError {
    /// Whether the same request may be answered later without anybody doing anything.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Busy(_))
    }
}
