//! Forges: where repositories live, who people are there, and how far that is believed.
//!
//! Repositories and people are known by the ids that the forge gives them. Names are for showing only: they can be
//! changed, given up, and taken by somebody else.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{ForgeId, SecretId, WorkspaceId};
use crate::names::Slug;
use crate::trigger::Trust;

/// What speaks at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForgeKind {
    /// github.com or GitHub Enterprise Server.
    Github,
    /// gitlab.com or a GitLab of one's own.
    Gitlab,
    /// Gitea or Forgejo.
    Gitea,
}

/// A forge as one workspace reaches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgeConnection {
    pub id: ForgeId,
    pub workspace: WorkspaceId,
    pub name: Slug,
    pub kind: ForgeKind,
    /// `scheme://host[:port][/path]`, as a person opens it in a browser, without a slash at the end.
    pub address: String,
    /// Whose token it is.
    pub account: Account,
    /// The token lies sealed under this id; with `oauth` what makes it fresh lies there too.
    pub token: SecretId,
    /// The application that was let in, when the token came by OAuth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth: Option<OauthApp>,
    pub created_at: Timestamp,
}

/// An application that somebody let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OauthApp {
    pub client_id: String,
    /// When the token ends; `None`: it does not.
    pub expires_at: Option<Timestamp>,
}

/// Which repository of a forge a service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgeLink {
    pub connection: ForgeId,
    /// The forge's own id of the repository; it survives renaming and moving, and is never given to another.
    pub repository: String,
    /// `owner/name` as it was last seen.
    pub full_name: String,
}

/// Somebody, as the forge has authenticated them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The forge's own id.
    pub id: String,
    /// The name at the time; for showing.
    pub login: String,
}

/// What somebody may do with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Nothing, or only what everybody may.
    None,
    Read,
    /// May push.
    Write,
}

/// What decides how far a pull request is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullFacts {
    /// Its branch lies in the repository itself.
    pub same_repository: bool,
    /// Who opened it.
    pub author: Permission,
    /// Whose action was told of: whoever pushed to it now.
    pub sender: Permission,
}

impl ForgeKind {
    /// The word for people, routes and settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Gitea => "gitea",
        }
    }

    /// The ref that leads to a pull request's newest commit in the repository that it goes into.
    pub fn pull_ref(self, number: u64) -> String {
        match self {
            Self::Github | Self::Gitea => format!("refs/pull/{number}/head"),
            Self::Gitlab => format!("refs/merge-requests/{number}/head"),
        }
    }
}

impl Account {
    /// As it stands in a run: the name, and the id that tells it from whoever bears that name later.
    pub fn actor(&self, kind: ForgeKind) -> String {
        format!("{} ({} {})", self.login, kind.word(), self.id)
    }
}

impl PullFacts {
    /// A member's pull request comes from a branch of the repository, and both who opened it and who moved it may push there.
    pub fn trust(self) -> Trust {
        let members = self.author >= Permission::Write && self.sender >= Permission::Write;
        if self.same_repository && members {
            Trust::Member
        } else {
            Trust::Stranger
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Permission, PullFacts};
    use crate::trigger::Trust;

    #[test]
    fn sec_14_a_pull_request_is_a_members_only_if_branch_author_and_pusher_are() {
        use Permission::{None, Read, Write};
        let table = [
            (true, Write, Write, Trust::Member),
            (false, Write, Write, Trust::Stranger),
            (true, None, Write, Trust::Stranger),
            (true, Write, None, Trust::Stranger),
            (true, Read, Read, Trust::Stranger),
        ];
        for (same_repository, author, sender, trust) in table {
            let facts = PullFacts {
                same_repository,
                author,
                sender,
            };
            assert_eq!(facts.trust(), trust, "{facts:?}");
        }
    }
}
