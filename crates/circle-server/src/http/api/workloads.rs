//! Which workload of an environment a service is.

use std::sync::Arc;

use axum::extract::State;
use circle_api::resources::{EnvironmentView, WorkloadBind, WorkloadCreate};
use circle_api::routes;
use circle_core::environment::{self, Workload};

use super::validate::Faults;
use super::views::environment_view;
use crate::auth::{Releaser, Within};
use crate::http::{ApiError, Body, IfMatch, Segments, Tagged};
use crate::records::EnvironmentRecord;
use crate::server::Server;

/// Variables of a workload.
const MAX_VARIABLES: usize = 256;

/// Binds a service; the tag is the environment's.
#[utoipa::path(put, path = routes::WORKLOAD, tag = "environments", operation_id = "bind_workload", params(("workspace" = String, Path), ("environment" = String, Path), ("service" = String, Path)), request_body = WorkloadBind, responses((status = 200, body = EnvironmentView)))]
pub(in crate::http) async fn bind(
    State(server): State<Arc<Server>>,
    within: Within<Releaser>,
    matching: IfMatch,
    Segments((_workspace, environment, service)): Segments<(String, String, String)>,
    Body(wish): Body<WorkloadBind>,
) -> Result<Tagged<EnvironmentView>, ApiError> {
    check(&wish)?;
    let (environment, version) = server.environment(within.tenant, &environment).await?;
    matching.check(environment.id, version)?;
    let (service, _) = server.service(within.tenant, &service).await?;
    let workload = Workload {
        name: wish.workload,
        url: wish.url,
        create: wish.create.map(create),
    };
    let apply = |EnvironmentRecord(known): &mut EnvironmentRecord| {
        known.workloads.insert(service.id, workload.clone());
        Ok::<(), ApiError>(())
    };
    let updated = server.change_matching(&matching, environment.id, apply).await?;
    let shown = environment_view(&server, updated.record.0).await?;
    Ok(Tagged::new(environment.id, updated.version, shown))
}

/// Unbinds a service; what runs there keeps running.
#[utoipa::path(delete, path = routes::WORKLOAD, tag = "environments", operation_id = "unbind_workload", params(("workspace" = String, Path), ("environment" = String, Path), ("service" = String, Path)), responses((status = 200, body = EnvironmentView)))]
pub(in crate::http) async fn unbind(
    State(server): State<Arc<Server>>,
    within: Within<Releaser>,
    matching: IfMatch,
    Segments((_workspace, environment, service)): Segments<(String, String, String)>,
) -> Result<Tagged<EnvironmentView>, ApiError> {
    let (environment, version) = server.environment(within.tenant, &environment).await?;
    matching.check(environment.id, version)?;
    let (service, _) = server.service(within.tenant, &service).await?;
    let apply = |EnvironmentRecord(known): &mut EnvironmentRecord| {
        known.workloads.remove(&service.id);
        Ok::<(), ApiError>(())
    };
    let updated = server.change_matching(&matching, environment.id, apply).await?;
    let shown = environment_view(&server, updated.record.0).await?;
    Ok(Tagged::new(environment.id, updated.version, shown))
}

fn create(wish: WorkloadCreate) -> environment::WorkloadCreate {
    environment::WorkloadCreate {
        port: wish.port,
        replicas: wish.replicas,
        env: wish.env,
        health: wish.health.map(|health| environment::WorkloadHealth {
            command: health.command,
            interval_ms: health.interval_ms,
            timeout_ms: health.timeout_ms,
            retries: health.retries,
        }),
    }
}

fn check(wish: &WorkloadBind) -> Result<(), ApiError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let mut faults = Faults::default();
    faults
        .text(Some(&wish.workload), 63, "workload")
        .unless(
            wish.workload.chars().all(plain),
            "workload",
            "a workload's name is made of letters, digits, -, _ and .",
        )
        .text(wish.url.as_deref(), 2048, "url");
    if let Some(create) = &wish.create {
        faults
            .within(create.port.map(u64::from), (1, 65_535), "create.port")
            .within(Some(u64::from(create.replicas)), (1, 1000), "create.replicas")
            .unless(create.env.len() <= MAX_VARIABLES, "create.env", "at most 256 variables");
        if let Some(health) = &create.health {
            faults
                .unless(
                    (1..=64).contains(&health.command.len()),
                    "create.health.command",
                    "a command has 1 to 64 words",
                )
                .within(Some(health.interval_ms), (100, 3_600_000), "create.health.interval_ms")
                .within(Some(health.timeout_ms), (100, 3_600_000), "create.health.timeout_ms")
                .within(Some(u64::from(health.retries)), (1, 100), "create.health.retries");
        }
    }
    faults.done()
}
