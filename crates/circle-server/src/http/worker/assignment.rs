//! The answer to a claim.

use std::collections::BTreeMap;

use circle_api::worker::{Assignment, RunFacts, SecretValue};
use circle_core::run::{Run, StoredOutput};

use super::access::Access;
use crate::server::Server;

/// Puts together what the worker needs for one part.
pub(super) fn assemble(
    server: &Server,
    run: Run,
    part: usize,
    (fence, run_token): (u64, SecretValue),
    access: Access,
) -> Assignment {
    let attempt = run.parts.get(part).map_or(1, |part| part.attempt);
    let reused = reused(&run);
    let hold = run.rerun.as_ref().is_some_and(|rerun| rerun.hold);
    let facts = RunFacts {
        run: run.id,
        number: run.number,
        url: server.run_url(run.id),
        workspace: access.workspace.name.to_string(),
        service: access.service.name.to_string(),
        repository: access.service.repository,
        trigger: run.trigger,
    };
    Assignment {
        run: run.id,
        part,
        attempt,
        fence,
        lease_ms: server.config.lease_ms,
        run_token,
        facts,
        plan: access.plan,
        reused,
        images: run.images,
        clone_credential: access.clone_credential,
        secrets: access.secrets,
        registries: access.registries,
        push_confinement: access.image_home.iter().cloned().collect(),
        image_home: access.image_home,
        networks: access.networks,
        log: server.config.log,
        hold,
        roots: Some(access.roots),
    }
}

fn reused(run: &Run) -> BTreeMap<String, Option<StoredOutput>> {
    let taken = run.stages.iter().filter(|stage| stage.reused);
    taken.map(|stage| (stage.name.clone(), stage.output.clone())).collect()
}
