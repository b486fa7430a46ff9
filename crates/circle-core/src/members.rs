//! Who may do what in a workspace: roles, members, and what is left of them through a token.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{UserId, WorkspaceId};
use crate::service::Workspace;

/// What a member may do; each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads everything but secrets' names, and changes nothing.
    Viewer,
    /// Starts, ends and repeats runs.
    Developer,
    /// Decides what is deployed where.
    Releaser,
    /// Changes settings, secrets and members.
    Admin,
}

impl Role {
    /// From the least to the most.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Developer, Self::Releaser, Self::Admin];

    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Developer => "developer",
            Self::Releaser => "releaser",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|role| role.word() == text);
        known.ok_or_else(|| format!("\"{text}\" is no role: write viewer, developer, releaser or admin"))
    }
}

/// Somebody in a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub user: UserId,
    pub role: Role,
    pub since: Timestamp,
}

/// What a token leaves of its owner's rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Nowhere else; `None`: wherever the owner is.
    pub workspace: Option<WorkspaceId>,
    /// No more than this.
    pub role: Role,
}

/// Who asks, as far as rights go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whose membership counts; `None` for the server's own tokens.
    pub user: Option<UserId>,
    /// Whether the whole server is theirs.
    pub administrator: bool,
    pub limit: Option<Limit>,
}

impl Standing {
    /// What they may do in a workspace; `None`: they may not know that it is there.
    pub fn role_in(&self, workspace: &Workspace) -> Option<Role> {
        let own = if self.administrator {
            Some(Role::Admin)
        } else {
            self.user.and_then(|user| workspace.role_of(user))
        }?;
        match self.limit {
            None => Some(own),
            Some(limit) if limit.workspace.is_none_or(|only| only == workspace.id) => Some(own.min(limit.role)),
            Some(_) => None,
        }
    }

    /// Whether they may do what concerns the whole server.
    pub fn is_instance(&self) -> bool {
        let whole = |limit: Limit| limit.workspace.is_none() && limit.role == Role::Admin;
        self.administrator && self.limit.is_none_or(whole)
    }
}

/// Why a change of members is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    #[error("this is the last admin of the workspace: make somebody else admin first")]
    LastAdmin,
    #[error("a workspace has at most {} members", Workspace::MOST_MEMBERS)]
    Full,
    #[error("this person is no member of the workspace")]
    Missing,
}

impl Workspace {
    /// So many fit into one document.
    pub const MOST_MEMBERS: usize = 500;

    /// The role of a member.
    pub fn role_of(&self, user: UserId) -> Option<Role> {
        self.members
            .iter()
            .find(|member| member.user == user)
            .map(|member| member.role)
    }

    /// Adds somebody, or gives them another role; the last admin stays one.
    pub fn set_member(&mut self, user: UserId, role: Role, now: Timestamp) -> Result<(), MemberError> {
        if role != Role::Admin && self.is_last_admin(user) {
            return Err(MemberError::LastAdmin);
        }
        if let Some(member) = self.members.iter_mut().find(|member| member.user == user) {
            member.role = role;
            return Ok(());
        }
        if self.members.len() >= Self::MOST_MEMBERS {
            return Err(MemberError::Full);
        }
        let since = now;
        self.members.push(Member { user, role, since });
        Ok(())
    }

    /// Takes somebody out, but not the last admin.
    pub fn remove_member(&mut self, user: UserId) -> Result<(), MemberError> {
        self.role_of(user).ok_or(MemberError::Missing)?;
        if self.is_last_admin(user) {
            return Err(MemberError::LastAdmin);
        }
        self.members.retain(|member| member.user != user);
        Ok(())
    }

    fn is_last_admin(&self, user: UserId) -> bool {
        let others = |member: &&Member| member.role == Role::Admin && member.user != user;
        self.role_of(user) == Some(Role::Admin) && !self.members.iter().any(|member| others(&member))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::{Limit, MemberError, Role, Standing};
    use crate::ids::{UserId, WorkspaceId};
    use crate::names::Slug;
    use crate::service::{Workspace, WorkspacePolicy};

    fn user(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    fn workspace(number: u128) -> Workspace {
        Workspace {
            id: WorkspaceId::from_uuid(Uuid::from_u128(number)),
            name: Slug::new("shop").expect("a name"),
            policy: WorkspacePolicy::default(),
            max_parallel: Workspace::MOST_PARALLEL,
            members: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_token_never_gives_more_than_its_owner_has() {
        let mut home = workspace(1);
        home.set_member(user(1), Role::Releaser, Timestamp::UNIX_EPOCH)
            .expect("a member");
        let limit = |workspace: Option<u128>, role| {
            let workspace = workspace.map(|number| WorkspaceId::from_uuid(Uuid::from_u128(number)));
            Some(Limit { workspace, role })
        };
        let cases = [
            (Some(1), false, None, Some(Role::Releaser), None, false),
            (
                Some(1),
                false,
                limit(None, Role::Viewer),
                Some(Role::Viewer),
                None,
                false,
            ),
            (
                Some(1),
                false,
                limit(None, Role::Admin),
                Some(Role::Releaser),
                None,
                false,
            ),
            (Some(1), false, limit(Some(2), Role::Admin), None, None, false),
            (Some(2), false, None, None, None, false),
            (Some(2), true, None, Some(Role::Admin), Some(Role::Admin), true),
            (
                Some(2),
                true,
                limit(None, Role::Releaser),
                Some(Role::Releaser),
                Some(Role::Releaser),
                false,
            ),
            (None, true, limit(Some(1), Role::Admin), Some(Role::Admin), None, false),
            (None, true, None, Some(Role::Admin), Some(Role::Admin), true),
            (None, false, None, None, None, false),
        ];
        for (who, administrator, limit, here, elsewhere, instance) in cases {
            let user = who.map(user);
            let standing = Standing {
                user,
                administrator,
                limit,
            };
            assert_eq!(standing.role_in(&home), here, "{standing:?}");
            assert_eq!(standing.role_in(&workspace(2)), elsewhere, "{standing:?}");
            assert_eq!(standing.is_instance(), instance, "{standing:?}");
        }
    }

    #[test]
    fn the_last_admin_stays() {
        let (mut home, now) = (workspace(1), Timestamp::UNIX_EPOCH);
        home.set_member(user(1), Role::Admin, now).expect("a member");
        home.set_member(user(2), Role::Viewer, now).expect("a member");
        assert_eq!(home.remove_member(user(1)), Err(MemberError::LastAdmin));
        assert_eq!(home.set_member(user(1), Role::Viewer, now), Err(MemberError::LastAdmin));
        assert_eq!(home.remove_member(user(3)), Err(MemberError::Missing));
        home.set_member(user(2), Role::Admin, now).expect("another admin");
        home.remove_member(user(1)).expect("one of two");
        assert_eq!(home.role_of(user(1)), None);
        assert_eq!(home.remove_member(user(2)), Err(MemberError::LastAdmin));
    }
}
