//! The command line: what there is, in the order in which the help shows it.

use clap::{Parser, Subcommand};

use crate::commands;
use crate::config::ConnectionArgs;
use crate::exit;
use crate::paint::ColorChoice;

/// Circle: a self-hosted CI/CD platform.
///
/// A push is tested in containers, built into an image, pushed and deployed. `circle up` starts everything on this machine;
/// the other commands talk to a server.
#[derive(Debug, Parser)]
#[command(name = "circle", version, after_help = exit::help(), max_term_width = 100, propagate_version = false)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    /// Answer in JSON; one document a line where the command goes on
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// When to colour
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Output"
    )]
    pub(crate) color: ColorChoice,
}

/// One command, one file in `commands`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Up(Box<commands::up::UpArgs>),
    Server(commands::server::ServerArgs),
    Worker(Box<commands::worker::WorkerArgs>),
    Demo(crate::demo::DemoArgs),
    Doctor(commands::doctor::DoctorArgs),
    Run(commands::run::RunArgs),
    Lint(commands::lint::LintArgs),
    Schema(commands::schema::SchemaArgs),
    Trigger(commands::trigger::TriggerArgs),
    Runs(commands::runs::RunsArgs),
    Show(commands::show::ShowArgs),
    Logs(commands::logs::LogsArgs),
    Outputs(commands::outputs::OutputsArgs),
    Cancel(commands::cancel::CancelArgs),
    Approve(commands::approve::ApproveArgs),
    Rerun(commands::rerun::RerunArgs),
    Shell(commands::shell::ShellArgs),
    Cells(commands::cells::CellsArgs),
    Host(commands::host::HostArgs),
    Deliveries(commands::deliveries::DeliveriesArgs),
    Schedule(commands::schedule::ScheduleArgs),
    Service(commands::service::ServiceArgs),
    Forge(commands::forge::ForgeArgs),
    Notice(commands::notice::NoticeArgs),
    Registry(commands::registry::RegistryArgs),
    Target(commands::target::TargetArgs),
    Environment(commands::environment::EnvironmentArgs),
    Secret(commands::secret::SecretArgs),
    Workspace(commands::workspace::WorkspaceArgs),
    Login(commands::login::LoginArgs),
    Identity(commands::identity::IdentityArgs),
    Member(commands::member::MemberArgs),
    Token(commands::token::TokenArgs),
    Audit(commands::audit::AuditArgs),
    MasterKey(commands::master_key::MasterKeyArgs),
    Backup(commands::backup::BackupArgs),
    Restore(commands::restore::RestoreArgs),
    Completions(commands::completions::CompletionsArgs),
}
