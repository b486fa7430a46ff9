//! Golden roots: which warm data roots a run may begin from, which one its success renews, and what must not be in one that a
//! stranger sees.
//!
//! A root belongs to one service and one protected ref. Warmth flows downwards only: a run never begins from what a ref with
//! fewer rights has left.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::ids::{RunId, ServiceId};
use crate::names::{CommitId, GitRef, Slug};
use crate::plan::{Container, Plan, PreBuild, Work};
use crate::run::Run;
use crate::service::Service;
use crate::trigger::{Event, Trust};

/// What a run is told about roots; a part of its assignment, decided by the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootAccess {
    pub service: ServiceId,
    /// How far the run's code is trusted: a stranger's begins only from what holds nothing private, has no writable cache, and
    /// renews nothing.
    pub trust: Trust,
    /// Refs whose roots the run may begin from, the best first; empty = the base only.
    pub reads: Vec<GitRef>,
    /// The root that the run's success renews.
    pub renews: Option<Renewal>,
}

/// The root that a run's success renews.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    pub git_ref: GitRef,
    /// The run's number: a root that a later run has left stays.
    pub order: u64,
}

/// What a root holds, written down by the worker that made it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootNote {
    /// The run that left it; `None` = the operator's images.
    pub run: Option<RunId>,
    pub commit: Option<CommitId>,
    /// Every tag in it and the image that it names. A tag that is not listed, or names another image, is not believed.
    pub images: Vec<RootImage>,
    /// Layers or images that a run built are in it.
    pub built: bool,
    /// Cache folders, by key.
    pub caches: Vec<String>,
}

/// One tag of a root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootImage {
    /// As the engine spells it.
    pub name: String,
    /// `sha256:…`.
    pub id: String,
    /// A credential was at hand when it was pulled, so that not everybody may have it.
    pub private: bool,
    /// It is one of the operator's, which no registry needs to be asked for.
    #[serde(default)]
    pub operators: bool,
}

/// The root that a run's cell began from, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeganFrom {
    /// A full ref, `base`, or `empty`.
    pub root: String,
    /// Grows by one with each renewal; 0 = empty.
    pub generation: u64,
    /// The cell stood ready when the run came.
    pub warm: bool,
}

impl RootAccess {
    /// Decides for a run.
    pub fn of(run: &Run, service: &Service, environments: &[Environment]) -> Self {
        let rules = Rules { service, environments };
        Self {
            service: service.id,
            trust: run.trigger.trust,
            reads: rules.reads(&run.trigger.event, &run.trigger.git_ref, run.trigger.trust),
            renews: rules.renews(run),
        }
    }

    /// What a run that is on its way will wish for, before there is one.
    pub fn expected(
        (event, git_ref, trust): (&Event, &GitRef, Trust),
        service: &Service,
        environments: &[Environment],
    ) -> Self {
        Self {
            service: service.id,
            trust,
            reads: Rules { service, environments }.reads(event, git_ref, trust),
            renews: None,
        }
    }

    /// Whether the run may begin from a root that holds this.
    pub fn may_begin_from(&self, note: &RootNote) -> bool {
        self.trust == Trust::Member || note.is_public()
    }

    /// Whether what the run writes to its caches may outlive it.
    pub fn keeps_caches(&self) -> bool {
        self.renews.is_some()
    }
}

impl RootNote {
    /// Whether anybody may see what it holds.
    pub fn is_public(&self) -> bool {
        !self.built && self.caches.is_empty() && !self.images.iter().any(|image| image.private)
    }

    /// The image that a tag names in this root.
    pub fn image(&self, name: &str) -> Option<&RootImage> {
        self.images.iter().find(|image| image.name == name)
    }
}

struct Rules<'a> {
    service: &'a Service,
    environments: &'a [Environment],
}

impl Rules<'_> {
    fn reads(&self, event: &Event, git_ref: &GitRef, trust: Trust) -> Vec<GitRef> {
        let into = match event {
            Event::PullRequest { into, .. } => Some(into.full()),
            Event::Push { .. } | Event::Tag { .. } | Event::Manual { .. } | Event::Schedule { .. } => None,
        };
        // A pull request's own ref is nobody's to protect.
        let own = into.is_none().then(|| git_ref.clone());
        let needed = match trust {
            Trust::Member if into.is_none() => self.reach(git_ref),
            Trust::Member | Trust::Stranger => BTreeSet::new(),
        };
        let mut reads: Vec<GitRef> = Vec::new();
        for candidate in own.into_iter().chain(into).chain([self.service.default_branch.full()]) {
            let known = reads.contains(&candidate);
            if !known && self.is_protected(&candidate) && self.reach(&candidate).is_superset(&needed) {
                reads.push(candidate);
            }
        }
        reads
    }

    /// A member's run of the newest commit of a protected branch, with ordinary rights. A repetition is of an older one,
    /// perhaps.
    fn renews(&self, run: &Run) -> Option<Renewal> {
        let trigger = &run.trigger;
        let is_newest = match &trigger.event {
            Event::Push { .. } | Event::Schedule { .. } => true,
            Event::Manual { branch, pinned, .. } => branch.is_some() && !pinned,
            Event::Tag { .. } | Event::PullRequest { .. } => false,
        };
        let is_members = is_newest && trigger.trust == Trust::Member;
        let ordinary = run.plan.as_ref().is_some_and(has_ordinary_rights);
        let may = is_members && run.rerun.is_none() && ordinary && self.is_protected(&trigger.git_ref);
        may.then(|| Renewal {
            git_ref: trigger.git_ref.clone(),
            order: run.number,
        })
    }

    /// The default branch is the operator's word; an environment's protected refs are as well.
    fn is_protected(&self, git_ref: &GitRef) -> bool {
        *git_ref == self.service.default_branch.full() || !self.reach(git_ref).is_empty()
    }

    /// The environments that a ref may deploy this service to.
    fn reach(&self, git_ref: &GitRef) -> BTreeSet<&Slug> {
        let bound = self
            .environments
            .iter()
            .filter(|one| one.workloads.contains_key(&self.service.id));
        bound
            .filter(|one| one.protects(git_ref).unwrap_or(false))
            .map(|one| &one.name)
            .collect()
    }
}

/// Whether no container of the plan has more rights than every container.
fn has_ordinary_rights(plan: &Plan) -> bool {
    plan.stages
        .iter()
        .all(|stage| containers(&stage.work).iter().all(|one| one.rights.is_none()))
}

fn containers(work: &Work) -> Vec<&Container> {
    match work {
        Work::Integration { sidecars, job } => {
            let sidecars = sidecars.iter().map(|sidecar| &sidecar.container);
            sidecars.chain([&job.container]).collect()
        }
        Work::PostBuild { job }
        | Work::PreBuild {
            how: PreBuild::Container { job },
            ..
        } => vec![&job.container],
        Work::PreBuild { .. } | Work::Checkout { .. } | Work::Build { .. } | Work::Push { .. } => Vec::new(),
    }
}
