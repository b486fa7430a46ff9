//! Which handler answers where.

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    accounts, approvals, audit, backups, credentials, deliveries, delivery_payload, deployments, environments, events,
    forge_oauth, forge_services, forges, hosts, identities, identity_providers, inputs, links, live_ticket, log_lines,
    logs, master_keys, members, notices, outputs, registries, rerun, roots, runs, schedules, secrets, server, services,
    sign_in, targets, tokens, triggers, users, workers, workloads, workspaces,
};
use crate::server::Server;

/// The routes of people and their programs.
pub(in crate::http) fn router() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(server::show))
        .routes(routes!(workspaces::list, workspaces::create))
        .routes(routes!(workspaces::show, workspaces::change, workspaces::remove))
        .routes(routes!(services::list, services::create))
        .routes(routes!(services::show, services::change, services::remove))
        .routes(routes!(services::new_hook_secret))
        .routes(routes!(credentials::set, credentials::remove))
        .routes(routes!(registries::list, registries::create))
        .routes(routes!(registries::show, registries::change, registries::remove))
        .routes(routes!(targets::list, targets::create))
        .routes(routes!(targets::show, targets::change, targets::remove))
        .routes(routes!(environments::list, environments::create))
        .routes(routes!(environments::show, environments::change, environments::remove))
        .routes(routes!(workloads::bind, workloads::unbind))
        .routes(routes!(forges::list, forges::create))
        .routes(routes!(forges::show, forges::set_token, forges::remove))
        .routes(routes!(forge_oauth::begin, forge_oauth::finish))
        .routes(routes!(forge_services::check_all))
        .routes(routes!(forge_services::repositories))
        .routes(routes!(forge_services::link))
        .merge(runs_router())
}

fn runs_router() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(deployments::list))
        .routes(routes!(secrets::list, secrets::set))
        .routes(routes!(secrets::show, secrets::remove))
        .routes(routes!(notices::mail, notices::set_mail))
        .routes(routes!(notices::webhooks, notices::create))
        .routes(routes!(notices::remove))
        .routes(routes!(notices::ping))
        .routes(routes!(notices::list))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::show))
        .routes(routes!(delivery_payload::show))
        .routes(routes!(delivery_payload::replay))
        .routes(routes!(runs::list, triggers::trigger))
        .routes(routes!(inputs::list))
        .routes(routes!(schedules::list, schedules::create))
        .routes(routes!(schedules::change, schedules::remove))
        .routes(routes!(events::events))
        .routes(routes!(runs::show_by_number))
        .routes(routes!(runs::show))
        .routes(routes!(runs::cancel))
        .routes(routes!(rerun::rerun))
        .routes(routes!(approvals::show))
        .routes(routes!(approvals::approve))
        .routes(routes!(logs::index))
        .routes(routes!(logs::stage))
        .routes(routes!(outputs::stage))
        .routes(routes!(log_lines::lines))
        .routes(routes!(live_ticket::create))
        .routes(routes!(workers::list))
        .routes(routes!(workers::enrolment))
        .routes(routes!(workers::revoke))
        .routes(routes!(workers::drain))
        .routes(routes!(hosts::list, hosts::create))
        .routes(routes!(hosts::show, hosts::change, hosts::remove))
        .routes(routes!(hosts::check_again))
        .routes(routes!(roots::list))
        .routes(routes!(roots::prune))
        .routes(routes!(master_keys::list, master_keys::rotate))
        .routes(routes!(master_keys::remove))
        .routes(routes!(backups::make))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .merge(people_router())
        .routes(routes!(audit::of_workspace))
        .routes(routes!(audit::all))
        .routes(routes!(audit::export_workspace))
        .routes(routes!(audit::export_all))
}

fn people_router() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(accounts::sign_in, accounts::sign_out))
        .routes(routes!(accounts::sign_out_everywhere))
        .routes(routes!(accounts::show))
        .routes(routes!(accounts::change_password))
        .routes(routes!(links::redeem))
        .merge(identity_router())
        .routes(routes!(users::list))
        .routes(routes!(users::change, users::remove))
        .routes(routes!(users::reset))
        .routes(routes!(members::list))
        .routes(routes!(members::set, members::remove))
        .routes(routes!(members::invitations, members::invite))
        .routes(routes!(members::revoke))
}

fn identity_router() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(sign_in::ways))
        .routes(routes!(sign_in::begin, sign_in::finish))
        .routes(routes!(identities::list))
        .routes(routes!(identities::unlink))
        .routes(routes!(identity_providers::list, identity_providers::create))
        .routes(routes!(
            identity_providers::show,
            identity_providers::change,
            identity_providers::remove
        ))
        .routes(routes!(identity_providers::check))
}
