//! How the roots of services are called on a worker, and which of them a run wishes for.

use circle_api::worker::Assignment;
use circle_cell::{Cell, CellProvider, RootName};
use circle_core::ids::ServiceId;
use circle_core::names::GitRef;
use circle_core::roots::{BeganFrom, RootAccess, RootNote};
use sha2::{Digest, Sha256};

/// Bytes of a ref's hash in a name; two refs of one service never meet.
const HASH_BYTES: usize = 12;

/// The name of a service's root for a ref.
pub(super) fn root_name(service: ServiceId, git_ref: &GitRef) -> RootName {
    let hash = Sha256::digest(git_ref.as_str());
    let name = format!("{service}.{}", hex::encode(&hash[..HASH_BYTES]));
    name.parse().expect("an id and hex digits are a name")
}

/// The roots that a run may begin from, the best first. One that holds what the run may not see is passed over.
pub(super) async fn wishes(provider: &dyn CellProvider, access: Option<&RootAccess>) -> Vec<RootName> {
    let Some(access) = access else { return Vec::new() };
    let mut wishes = Vec::new();
    for git_ref in &access.reads {
        let name = root_name(access.service, git_ref);
        let note = note_of(provider, &name).await;
        if note.is_none_or(|note| access.may_begin_from(&note)) {
            wishes.push(name);
        }
    }
    wishes
}

/// What a root holds. One whose note is not understood holds anything.
pub(super) async fn note_of(provider: &dyn CellProvider, name: &RootName) -> Option<RootNote> {
    let root = provider.root(name).await.ok().flatten()?;
    let unknown = RootNote {
        built: true,
        ..RootNote::default()
    };
    Some(serde_json::from_str(&root.note).unwrap_or(unknown))
}

/// What a cell began from, in the words of its run.
pub(super) fn began_from(assignment: &Assignment, cell: &Cell, warm: bool) -> BeganFrom {
    let Some(stamp) = cell.root() else {
        return BeganFrom {
            root: "empty".to_owned(),
            generation: 0,
            warm,
        };
    };
    let of_ref = |access: &RootAccess| {
        let mut refs = access.reads.iter();
        refs.find(|git_ref| root_name(access.service, git_ref) == stamp.name)
            .map(ToString::to_string)
    };
    BeganFrom {
        root: assignment
            .roots
            .as_ref()
            .and_then(of_ref)
            .unwrap_or_else(|| stamp.name.to_string()),
        generation: stamp.generation,
        warm,
    }
}

#[cfg(test)]
mod tests {
    use circle_core::ids::ServiceId;
    use uuid::Uuid;

    use super::root_name;

    #[test]
    fn every_ref_of_every_service_has_a_root_of_its_own() {
        let [one, other] = [1, 2].map(|number| ServiceId::from_uuid(Uuid::from_u128(number)));
        let main = "refs/heads/main".parse().expect("a ref");
        let long = format!("refs/heads/{}", "x".repeat(200)).parse().expect("a ref");
        let names = [
            root_name(one, &main),
            root_name(other, &main),
            root_name(one, &long),
            root_name(one, &"refs/tags/main".parse().expect("a ref")),
        ];
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name), "{name} is used twice");
        }
    }
}
