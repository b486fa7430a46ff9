//! What the stages of one run share, and what one stage has of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use circle_api::worker::Assignment;
use circle_cell::{Cell, CellError, Folder, Layer, View};
use circle_core::expand::{self, expand};
use circle_core::plan::Stage;
use circle_core::run::{BuiltImage, Failure, FailureKind};
use circle_core::trigger::Trigger;

use super::images::Images;
use super::log::StageLog;
use super::network::StageNetwork;
use super::phases::PhaseClock;
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
    /// Cache folders, by path and key.
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
}

impl Shared<'_> {
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
        let layers: Vec<&Layer> = self.carried.layers.iter().collect();
        let name = self.shared.fresh_name(&format!("view-{}", self.stage.name));
        self.shared
            .cell
            .mount_view(&name, &layers)
            .await
            .map_err(cell_failure("the stage's view of the checkout"))
    }

    /// The variables that Circle sets at this point.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        variables(self.shared.assignment, self.carried)
    }

    /// Expands a text of the plan.
    pub(crate) fn expand(&self, what: &str, text: &str) -> Result<String, Failure> {
        expand(text, &self.variables()).map_err(|error| {
            Failure::new(
                FailureKind::BadPipeline,
                format!("{what} \"{text}\" cannot be expanded: {error}"),
            )
        })
    }

    /// The values of secrets; a name without a value is refused.
    pub(crate) fn secrets(&self, names: &[String]) -> Result<Vec<(String, String)>, Failure> {
        names
            .iter()
            .map(|name| Ok((name.clone(), self.secret(name)?.to_owned())))
            .collect()
    }

    fn secret(&self, name: &str) -> Result<&str, Failure> {
        self.shared.assignment.secrets.get(name).map(|value| value.expose()).ok_or_else(|| {
            let message = format!("the secret {name} is not given to this run: set it with `circle secret set`, or see who may read it");
            Failure::new(FailureKind::Refused, message)
        })
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
