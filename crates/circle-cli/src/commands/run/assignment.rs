//! A local run as the worker wants it.

use circle_api::worker::{Assignment, RunFacts, SecretValue, StepSecrets};
use circle_core::ids::RunId;
use circle_core::plan::{Plan, Stage, Work};
use circle_core::run::{LogBounds, StoredOutput};
use uuid::Uuid;

use super::secrets::Secrets;
use super::tree::Tree;

/// What a local run is made of.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) tree: Tree,
    pub(super) plan: Plan,
    pub(super) secrets: Secrets,
}

/// An assignment whose checkout is kept already: the working tree, which the sink hands out.
pub(super) fn assemble(local: Local) -> Assignment {
    let run = RunId::from_uuid(Uuid::now_v7());
    let kept = |name: &str| {
        let tree = StoredOutput {
            digest: "the working tree".to_owned(),
            bytes: 0,
        };
        (name.to_owned(), Some(tree))
    };
    let checkouts = local.plan.stages.iter();
    let checkouts = checkouts.filter(|stage| matches!(stage.work, Work::Checkout { .. }));
    let secrets = given(&local.plan, &local.secrets);
    Assignment {
        run,
        part: 0,
        attempt: 1,
        fence: 0,
        lease_ms: 0,
        run_token: SecretValue::new(String::new()),
        facts: RunFacts {
            run,
            number: 0,
            url: String::new(),
            workspace: "local".to_owned(),
            service: local.tree.name(),
            repository: String::new(),
            trigger: local.tree.trigger(),
        },
        reused: checkouts.map(|stage| kept(&stage.name)).collect(),
        plan: local.plan,
        images: Vec::new(),
        clone_credential: None,
        secrets,
        registries: super::engine::registries(),
        image_home: None,
        push_confinement: Vec::new(),
        networks: Vec::new(),
        log: LogBounds::default(),
        hold: false,
        roots: None,
    }
}

/// Whatever a step names: on a person's own machine nobody limits his secrets.
fn given(plan: &Plan, secrets: &Secrets) -> StepSecrets {
    let mut given = StepSecrets::default();
    for used in plan.stages.iter().flat_map(Stage::secret_uses) {
        if let Some(value) = secrets.value(used.name) {
            given.give(used.step(), used.name, value.clone());
        }
    }
    given
}
