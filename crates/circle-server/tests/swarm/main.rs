//! Deployments against a real Docker Swarm in a cell, with a real registry.
//!
//! Started as `cell-init` this program is PID 1 of the Swarm's cell; else it runs the stories below, as
//! `cargo nextest` and `cargo test` ask for them.

#![expect(clippy::print_stdout, reason = "a test program's output is its report")]

mod bench;
mod closed;
mod conformance;
mod counted;
mod crashes;
mod environments;
mod faults;
mod images;
mod poll;
mod program;
mod proxy;
mod runs;
mod tls;
mod turns;
mod updates;

use std::process::ExitCode;

use program::{Story, story};

/// Every story by its name.
const STORIES: &[(&str, Story)] = &[
    story!(conformance::the_swarm_adapter_keeps_the_port_s_promises),
    story!(conformance::a_place_that_is_no_manager_or_not_there_says_so),
    story!(conformance::a_private_registry_is_pulled_from_with_its_login_alone),
    story!(tls::a_manager_behind_tls_is_reached_with_the_right_bundle_alone),
    story!(updates::the_first_deployment_makes_the_service_and_says_where_it_answers),
    story!(updates::an_update_misses_no_answer_and_the_same_version_again_changes_nothing),
    story!(updates::a_bad_version_is_rolled_back_while_the_old_one_answers),
    story!(updates::an_image_that_cannot_be_pulled_is_rolled_back_with_the_reason),
    story!(updates::a_version_that_answers_wrongly_is_rolled_back),
    story!(updates::a_first_version_that_never_starts_fails_and_says_that_it_stays),
    story!(updates::sec_68_a_rollback_goes_to_the_digest_though_the_tag_moved),
    story!(closed::sec_42_a_workspaces_target_leads_nowhere_that_a_webhook_may_not),
    story!(closed::sec_42_a_check_from_outside_asks_no_closed_address),
    story!(environments::sec_71_a_ref_that_is_not_protected_touches_nothing),
    story!(environments::an_environment_waits_for_those_it_needs),
    story!(turns::sec_66_two_deployments_of_one_workload_take_turns),
    story!(turns::a_cancelled_deployment_goes_back_and_an_abandoned_one_stays),
    story!(crashes::sec_67_a_crash_at_every_call_of_an_update_applies_it_once),
    story!(crashes::sec_67_a_crash_at_every_call_of_a_rollback_goes_back_once),
    story!(crashes::sec_67_a_crash_around_the_first_deployment_makes_one_service),
    story!(faults::a_target_that_goes_away_in_mid_deploy_is_waited_for),
    story!(faults::a_target_whose_daemon_is_killed_in_mid_deploy_is_waited_for_and_written_once),
    story!(faults::a_target_that_is_away_at_first_is_waited_for_and_can_be_given_up),
    story!(faults::a_change_by_somebody_else_stops_the_deployment),
];

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("cell-init") {
        return circle_cell::init::main();
    }
    program::run(STORIES)
}
