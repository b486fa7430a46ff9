//! `circle up`: server and worker on this machine under one supervisor.
//!
//! The supervisor is root because the worker makes cells; the server is started as the system user `circle` without
//! capabilities. They speak the protocol that remote workers speak, over the server's socket.

mod folder;
mod preflight;
mod programs;
mod ready;

use std::time::Duration;

use clap::Args;

pub(crate) use folder::Identity;

use super::server::ServerFlags;
use super::worker::WorkerFlags;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::signals::Signals;
use crate::supervise::{Policy, Supervisor};

/// Start Circle on this machine: server and worker under one supervisor
///
/// Needs root, for the worker makes cells; the server runs as user `circle` (or 64930) without capabilities.
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    server: ServerFlags,
    #[command(flatten)]
    worker: WorkerFlags,
    /// How long server and worker get to end, each, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 20, help_heading = "Supervisor")]
    grace: u64,
}

pub(crate) async fn up(context: &Context, args: UpArgs) -> anyhow::Result<Exit> {
    let data = std::path::absolute(&context.args.data)?;
    preflight::check(&data, &args.server)?;
    let identity = Identity::of_server()?;
    let _lock = folder::prepare(&data, identity)?;
    let programs = programs::Programs::new(&data, identity)?;
    let mut signals = Signals::new()?;
    let mut supervisor = Supervisor::new(Policy {
        grace: Duration::from_secs(args.grace),
        ..Policy::default()
    });

    supervisor.start(programs.server(&args.server));
    let outcome = tokio::select! {
        outcome = run(&mut supervisor, context, (&programs, &args)) => outcome,
        () = signals.next() => Ok(Exit::Ok),
    };
    context.printer.say("Circle ends; press Ctrl-C again to end at once.")?;
    tokio::select! {
        () = supervisor.stop() => {}
        () = signals.next() => tracing::warn!("the children are killed"),
    }
    outcome
}

/// Everything until a signal; ends only when something cannot go on.
async fn run(
    supervisor: &mut Supervisor,
    context: &Context,
    (programs, args): (&programs::Programs, &UpArgs),
) -> anyhow::Result<Exit> {
    let client = tokio::select! {
        client = ready::server(&programs.data) => client?,
        gave_up = supervisor.gave_up() => return Err(Failure::broken(gave_up.to_string()).into()),
    };
    supervisor.start(programs.worker(&args.worker));
    tokio::select! {
        ready = ready::worker(&client) => ready?,
        gave_up = supervisor.gave_up() => return Err(Failure::broken(gave_up.to_string()).into()),
    }
    ready::announce(context, &client, &programs.data).await?;
    Err(Failure::broken(supervisor.gave_up().await.to_string()).into())
}
