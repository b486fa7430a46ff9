//! Whose runs a worker gets.
//!
//! A worker of a workspace is somebody's own machine: it gets what that workspace's members pushed and nothing else. A
//! stranger's code is executed by the instance's workers only, whatever the owner of a machine would allow, and only by
//! those whose cells keep it from the machine and its neighbours.

use serde::{Deserialize, Serialize};

use crate::ids::WorkspaceId;
use crate::trigger::Trust;

/// Whose runs a worker gets; decided by its enrolment, never by what it says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Serves {
    /// One workspace's members'.
    Workspace(WorkspaceId),
    /// Everybody's: the machine is the instance's.
    #[default]
    Everybody,
}

impl Serves {
    /// Whether a run of a workspace, caused by somebody trusted so far, may go to such a worker.
    pub fn takes(self, workspace: WorkspaceId, trust: Trust) -> bool {
        match self {
            Self::Everybody => true,
            Self::Workspace(own) => own == workspace && trust == Trust::Member,
        }
    }

    /// The workspace, where it is one's own.
    pub fn workspace(self) -> Option<WorkspaceId> {
        match self {
            Self::Everybody => None,
            Self::Workspace(own) => Some(own),
        }
    }
}

/// How well a worker's cells keep a run from its machine, as it says with every call. One that says less gets less.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isolation {
    /// Runs reach what other programs of the machine reach: members' only.
    Shared,
    /// A run reaches neither the machine nor its neighbours.
    #[default]
    Apart,
}

impl Isolation {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Apart => "apart",
        }
    }

    /// What a worker said; a word that is not known may mean anything less.
    pub fn from_word(word: &str) -> Self {
        match word {
            "apart" => Self::Apart,
            _ => Self::Shared,
        }
    }
}

/// Which runs a worker gets: by its enrolment, and by what its cells can hold. Those that get less come first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reach {
    pub serves: Serves,
    pub isolation: Isolation,
}

impl Reach {
    /// Whether a run of a workspace, caused by somebody trusted so far, may go to such a worker.
    pub fn takes(self, workspace: WorkspaceId, trust: Trust) -> bool {
        let held = self.isolation == Isolation::Apart || trust == Trust::Member;
        held && self.serves.takes(workspace, trust)
    }
}

impl From<Option<WorkspaceId>> for Serves {
    fn from(workspace: Option<WorkspaceId>) -> Self {
        workspace.map_or(Self::Everybody, Self::Workspace)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{Isolation, Reach, Serves};
    use crate::ids::WorkspaceId;
    use crate::trigger::Trust;

    #[test]
    fn sec_55_who_takes_what() {
        let (own, other) = (workspace(1), workspace(2));
        let table = [
            (Serves::Everybody, own, Trust::Member, true),
            (Serves::Everybody, other, Trust::Stranger, true),
            (Serves::Workspace(own), own, Trust::Member, true),
            (Serves::Workspace(own), own, Trust::Stranger, false),
            (Serves::Workspace(own), other, Trust::Member, false),
            (Serves::Workspace(own), other, Trust::Stranger, false),
        ];
        for (serves, of, trust, taken) in table {
            assert_eq!(serves.takes(of, trust), taken, "{serves:?} {of} {trust:?}");
        }
    }

    #[test]
    fn sec_27_strangers_go_where_cells_are_apart() {
        let own = workspace(1);
        for (isolation, trust, taken) in [
            (Isolation::Apart, Trust::Stranger, true),
            (Isolation::Apart, Trust::Member, true),
            (Isolation::Shared, Trust::Member, true),
            (Isolation::Shared, Trust::Stranger, false),
        ] {
            let reach = Reach {
                serves: Serves::Everybody,
                isolation,
            };
            assert_eq!(reach.takes(own, trust), taken, "{reach:?} {trust:?}");
            assert_eq!(Isolation::from_word(isolation.word()), isolation);
        }
        assert_eq!(Isolation::from_word("something newer"), Isolation::Shared);
    }

    fn workspace(number: u128) -> WorkspaceId {
        WorkspaceId::from_uuid(Uuid::from_u128(number))
    }
}
