//! What the stages of one run share, and what one stage has of its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use circle_api::worker::Assignment;
use circle_cell::{Cell, CellError, Folder, Layer, View};
use circle_core::expand;
use circle_core::plan::{SecretUser, Stage};
use circle_core::run::{BuiltImage, Failure, FailureKind};
use circle_core::trigger::Trigger;

use super::ahead::Ahead;
use super::bounds::Counted;
use super::flow::RunFlow;
use super::images::Images;
use super::log::StageLog;
use super::making::Making;
use super::network::StageNetwork;
use super::own_containers::OwnContainers;
use super::phases::PhaseClock;
use super::scene::SceneSlot;
use super::surroundings;
use super::traces::Traces;
use crate::Sink;
use crate::engine::Engine;

/// What is the same for all stages.
#[derive(Debug)]
pub(crate) struct Shared<'a> {
    pub(crate) assignment: &'a Assignment,
    pub(crate) cell: &'a Cell,
    pub(crate) engine: Engine,
    pub(crate) images: Images,
    pub(crate) sink: Arc<dyn Sink>,
    /// The folder with the gate's program.
    pub(crate) gate: Folder,
    pub(crate) network: StageNetwork,
    /// What Circle made in the engine, however alike a job's own containers look.
    pub(crate) own: OwnContainers,
    /// Containers that are started before their turn.
    pub(crate) ahead: Ahead,
    /// What all stages print together.
    pub(super) flow: RunFlow,
    /// Where the running job is, when the cell of a failure is kept.
    pub(crate) scene: SceneSlot,
    pub(crate) traces: Arc<Traces>,
    /// What the first stage has still to say.
    pub(super) notes: Mutex<Vec<String>>,
    pub(super) names: AtomicU32,
}

/// What stages leave to one another.
#[derive(Debug)]
pub(crate) struct Carried {
    /// The commit becomes known in checkout.
    pub(crate) trigger: Trigger,
    /// The checkout and the outputs of stages, the newest first.
    pub(crate) layers: Vec<Layer>,
    /// What build made and push pushed.
    pub(crate) images: Vec<BuiltImage>,
    /// Cache folders, by key.
    pub(crate) caches: BTreeMap<String, Folder>,
}

/// One try of one stage.
#[derive(Debug)]
pub(crate) struct StageRun<'a> {
    pub(crate) shared: &'a Shared<'a>,
    pub(crate) stage: &'a Stage,
    pub(crate) carried: &'a mut Carried,
    pub(crate) log: StageLog,
    pub(crate) clock: &'a mut PhaseClock,
    /// What the cell's bounds count while this try runs.
    pub(super) counted: &'a Counted,
}

impl Shared<'_> {
    /// What is to be said, once.
    pub(super) fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A name that was not used before in this cell.
    pub(crate) fn fresh_name(&self, what: &str) -> String {
        let number = self.names.fetch_add(1, Ordering::Relaxed);
        let what: String = what
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' })
            .take(40)
            .collect();
        format!("{what}-{number}")
    }
}

impl StageRun<'_> {
    /// The checkout and the outputs of earlier stages, to be written without leaving a trace.
    pub(crate) async fn view(&self) -> Result<View, Failure> {
        self.view_at(&self.shared.fresh_name(&format!("view-{}", self.stage.name)))
            .await
    }

    /// The same under a name whose place may be shown already.
    pub(crate) async fn view_at(&self, name: &str) -> Result<View, Failure> {
        let layers: Vec<&Layer> = self.carried.layers.iter().collect();
        self.shared
            .cell
            .mount_view(name, &layers)
            .await
            .map_err(cell_failure("the stage's view of the checkout"))
    }

    /// What the operator's network asks of this stage's containers.
    pub(super) fn surrounding_variables(&self) -> Vec<(String, String)> {
        surroundings::variables(self.shared.cell, self.stage)
    }

    /// What the making of this stage's containers needs to know.
    pub(crate) fn making(&self) -> Making<'_> {
        Making {
            shared: self.shared,
            stage: self.stage,
            variables: self.variables(),
        }
    }

    /// The variables that Circle sets at this point.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        variables(self.shared.assignment, self.carried)
    }

    /// Expands a text of the plan.
    pub(crate) fn expand(&self, what: &str, text: &str) -> Result<String, Failure> {
        self.making().expand(what, text)
    }

    /// The values of the secrets that a step asks for; a name without a value is refused.
    pub(crate) fn secrets(&self, of: SecretUser<'_>) -> Result<Vec<(String, String)>, Failure> {
        self.making().secrets(of)
    }
}

/// The variables of a run at a point.
pub(crate) fn variables(assignment: &Assignment, carried: &Carried) -> BTreeMap<String, String> {
    let facts = &assignment.facts;
    let names = expand::RunFacts {
        run_id: facts.run.to_string(),
        run_number: facts.number,
        run_url: facts.url.clone(),
        workspace: facts.workspace.clone(),
        service: facts.service.clone(),
    };
    let mut all = expand::variables(&carried.trigger, &names);
    let images: Vec<expand::BuiltImage> = carried
        .images
        .iter()
        .map(|image| expand::BuiltImage {
            name: image.name.clone(),
            reference: reference_of(image),
            digest: image.digest.clone(),
        })
        .collect();
    all.extend(expand::image_variables(&images));
    all
}

/// How containers of this run name an image that it built.
pub(crate) fn reference_of(image: &BuiltImage) -> String {
    match (&image.repository, &image.digest) {
        (Some(repository), Some(digest)) => format!("{repository}@{digest}"),
        _ => image.image_id.clone(),
    }
}

/// A failure of the cell, told with what was being done.
pub(crate) fn cell_failure(what: &str) -> impl FnOnce(CellError) -> Failure {
    let what = what.to_owned();
    move |error| {
        Failure::new(
            FailureKind::Infrastructure,
            format!("{what} could not be made: {error}"),
        )
    }
}
