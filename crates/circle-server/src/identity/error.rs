//! Why a sign-in by an identity provider did not come to its end.

use crate::records::IdentityProviderRecord;

/// What a person reads is the text; what they can do stands in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignInError {
    /// Another browser, another provider, used up, or too late.
    #[error(
        "this sign-in was not begun in this browser, or it was finished already, or more than ten minutes ago: begin it anew"
    )]
    Flow,
    /// The person, or an administrator there, said no.
    #[error("{provider} did not let you in: {said}")]
    Denied { provider: String, said: String },
    /// It does not take the code.
    #[error(
        "{provider} does not take its code back ({said}): begin anew, or go to an administrator when that does not help"
    )]
    Refused { provider: String, said: String },
    /// It does not take Circle itself.
    #[error(
        "{provider} does not know Circle by its client id and secret ({said}): an administrator finds more with `circle identity check`"
    )]
    Client { provider: String, said: String },
    /// What it says of the person does not hold.
    #[error("what {provider} says of you does not hold: {reason}")]
    Untrusted { provider: String, reason: String },
    /// It does not answer, or not with sense.
    #[error("{provider} does not answer: {reason}")]
    Down { provider: String, reason: String },
    /// Nobody here is this person.
    #[error(
        "nobody on this server signs in as {login} of {provider}: ask for an invitation and choose {provider} on its page, or sign in as \
         before and link {provider} on the page of your account"
    )]
    Unknown { provider: String, login: String },
    /// Accounts are made for others.
    #[error(
        "{provider} makes accounts here only for people with a verified address of mail in {domains}: ask for an invitation"
    )]
    Domain { provider: String, domains: String },
    /// Somebody else signs in by it.
    #[error("{login} of {provider} opens another account already: sign in by it, or unlink it there first")]
    Taken { provider: String, login: String },
}

impl SignInError {
    pub(super) fn down(provider: &IdentityProviderRecord, reason: impl Into<String>) -> Self {
        let (provider, reason) = (provider.name.to_string(), reason.into());
        Self::Down { provider, reason }
    }

    pub(super) fn refused(provider: &IdentityProviderRecord, said: impl Into<String>) -> Self {
        let (provider, said) = (provider.name.to_string(), said.into());
        Self::Refused { provider, said }
    }

    pub(super) fn unknown_client(provider: &IdentityProviderRecord, said: impl Into<String>) -> Self {
        let (provider, said) = (provider.name.to_string(), said.into());
        Self::Client { provider, said }
    }

    pub(super) fn untrusted(provider: &IdentityProviderRecord, reason: impl Into<String>) -> Self {
        let (provider, reason) = (provider.name.to_string(), reason.into());
        Self::Untrusted { provider, reason }
    }

    /// The person, or an administrator there, said no; in the words of RFC 6749, 4.1.2.1.
    pub(crate) fn denied(provider: &IdentityProviderRecord, error: &str) -> Self {
        let said = match error {
            "access_denied" => "you, or an administrator there, said no".to_owned(),
            "temporarily_unavailable" | "server_error" => "it cannot do that now, try again later".to_owned(),
            other => plain(other),
        };
        Self::Denied {
            provider: provider.name.to_string(),
            said,
        }
    }
}

/// What another server said, on one line and not long.
pub(super) fn plain(text: &str) -> String {
    const LONGEST: usize = 200;
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(LONGEST).collect::<String>().trim().to_owned()
}

/// Whether a refusal (the error's word, then its sentence) says that the application is not known; each says so in its way.
pub(super) fn is_of_client(said: &str) -> bool {
    // Gitea uses this word for a code that it does not know, too.
    let of_secret = said.starts_with("unauthorized_client") && said.contains("secret");
    let words = ["invalid_client", "incorrect_client_credentials"];
    of_secret || words.iter().any(|word| said.starts_with(word))
}
