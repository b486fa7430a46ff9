//! Its command line.

use clap::{Args, Subcommand};

use super::{admin, join, process};
use crate::context::Context;
use crate::exit::Exit;

/// Start a worker, or manage workers
///
/// Without a subcommand this process becomes a worker: it connects to the server, makes cells and executes runs; that needs
/// root.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct WorkerArgs {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    pub(super) process: process::ProcessArgs,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Become a worker of a server elsewhere, with a one-time token
    Join(Box<join::JoinArgs>),
    /// Make a cell, call the server, and say in one line of JSON how that went
    ///
    /// Servers start it on a host before they give it runs.
    #[command(hide = true)]
    Try(Box<process::TryArgs>),
    /// List workers
    List,
    /// Make a one-time token that lets one new worker in
    Enrol(admin::EnrolArgs),
    /// Let a worker finish what it has and take nothing new
    Drain(admin::Named),
    /// End a worker's credential
    Remove(admin::Named),
}

impl WorkerArgs {
    /// Whether this process becomes a worker.
    pub(crate) fn is_process(&self) -> bool {
        matches!(self.action, None | Some(Action::Join(_) | Action::Try(_)))
    }
}

pub(crate) async fn worker(context: &Context, args: WorkerArgs) -> anyhow::Result<Exit> {
    match args.action {
        None => process::run(context, args.process).await,
        Some(Action::Join(args)) => join::join(context, *args).await,
        Some(Action::Try(args)) => process::try_out(context, *args).await,
        Some(Action::List) => admin::list(context).await,
        Some(Action::Enrol(wish)) => admin::enrol(context, wish).await,
        Some(Action::Drain(worker)) => admin::drain(context, worker).await,
        Some(Action::Remove(worker)) => admin::remove(context, worker).await,
    }
}
