//! Whose runs a worker gets.
//!
//! A worker of a workspace is somebody's own machine: it gets what that workspace's members pushed and nothing else. A
//! stranger's code is executed by the instance's workers only, whatever the owner of a machine would allow.

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

impl From<Option<WorkspaceId>> for Serves {
    fn from(workspace: Option<WorkspaceId>) -> Self {
        workspace.map_or(Self::Everybody, Self::Workspace)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::Serves;
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

    fn workspace(number: u128) -> WorkspaceId {
        WorkspaceId::from_uuid(Uuid::from_u128(number))
    }
}
