//! What a target shows of a workload.

use serde::{Deserialize, Serialize};

/// The answer of one look at the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// It did not answer, or refused the credentials: nothing is known.
    Unreachable { why: String },
    /// There is no such workload.
    Absent,
    /// There it is.
    Present(Seen),
}

/// A workload as seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub snapshot: Snapshot,
    /// The id of the deployment that wrote this specification, if one did.
    pub mark: Option<String>,
    /// How the specification that is there now does.
    pub rollout: Rollout,
}

/// A specification at one moment, kept so that it can be put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The image as specified, `host/path:tag@sha256:…` or without a digest.
    pub image: String,
    /// `sha256:…`; `None` when the target could not say what the tag meant.
    pub digest: Option<String>,
    /// What the target wants back with a change, so that nobody's change is written over.
    pub token: String,
    /// SHA-256 of the specification: equal texts mean an equal workload.
    pub spec_hash: String,
    /// The whole specification, sealed; emptied when the deployment has ended.
    pub sealed_spec: String,
}

/// How the present specification does on the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rollout {
    /// Not all instances of this very specification run yet.
    Progressing { ready: u64, desired: u64, note: String },
    /// All of them run, and no other.
    Healthy { ready: u64, desired: u64 },
    /// It will not get there by itself.
    Failed { why: String },
}
