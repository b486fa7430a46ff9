//! From the command line to an exit code.

use std::io::{self, IsTerminal};
use std::num::NonZero;
use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Builder;

use crate::args::{Cli, Command};
use crate::commands;
use crate::context::Context;
use crate::exit::Exit;
use crate::paint::Paint;
use crate::printer::{Printer, complain};
use crate::telemetry;

/// Runs the command; every error is one sentence on standard error and a documented code.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Standard output may be closed; the code tells enough.
            let _unheard = error.print();
            return ExitCode::from(if error.use_stderr() { Exit::Usage } else { Exit::Ok }.code());
        }
    };
    telemetry::tell_panics_in_a_sentence();
    telemetry::start(is_long_running(&cli.command));
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    let paint = Paint::new(cli.color);
    let printer = Printer {
        paint,
        json: cli.json,
        width: terminal_width(),
    };
    let exit = execute(cli, printer).unwrap_or_else(|error| {
        if reader_is_gone(&error) {
            return Exit::Ok;
        }
        complain(paint, &error);
        Exit::of_error(&error)
    });
    ExitCode::from(exit.code())
}

/// The supervisor starts children from its only thread: their parent-death signal is bound to the thread that started them.
fn execute(cli: Cli, printer: Printer) -> anyhow::Result<Exit> {
    let mut builder = match &cli.command {
        Command::Server(_) => {
            let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
            let mut builder = Builder::new_multi_thread();
            // Short reads of the store may hold up one thread (ADR 016).
            builder.worker_threads(cores.max(2));
            builder
        }
        Command::Worker(worker) if worker.is_process() => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    let context = Context {
        printer,
        args: cli.connection,
    };
    builder.enable_all().build()?.block_on(dispatch(&context, cli.command))
}

async fn dispatch(context: &Context, command: Command) -> anyhow::Result<Exit> {
    let printer = &context.printer;
    match command {
        Command::Up(args) => Box::pin(commands::up::up(context, *args)).await,
        Command::Server(args) => Box::pin(commands::server::server(context, args)).await,
        Command::Worker(args) => Box::pin(commands::worker::worker(context, *args)).await,
        Command::Demo(args) => Box::pin(crate::demo::demo(&args, printer)).await,
        Command::Doctor(args) => commands::doctor::doctor(context, &args),
        Command::Run(args) => Box::pin(commands::run::run(printer, args)).await,
        Command::Lint(args) => commands::lint::lint(printer, &args),
        Command::Schema(args) => commands::schema::schema(printer, &args),
        Command::Trigger(args) => Box::pin(commands::trigger::trigger(context, args)).await,
        Command::Runs(args) => commands::runs::runs(context, args).await,
        Command::Show(args) => Box::pin(commands::show::show(context, args)).await,
        Command::Logs(args) => Box::pin(commands::logs::logs(context, args)).await,
        Command::Outputs(args) => Box::pin(commands::outputs::outputs(context, args)).await,
        Command::Cancel(args) => commands::cancel::cancel(context, args).await,
        Command::Approve(args) => commands::approve::approve(context, args).await,
        Command::Rerun(args) => Box::pin(commands::rerun::rerun(context, args)).await,
        Command::Shell(args) => Box::pin(commands::shell::shell(context, args)).await,
        Command::Cells(args) => Box::pin(commands::cells::cells(context, args)).await,
        Command::Host(args) => Box::pin(commands::host::host(context, args)).await,
        Command::Deliveries(args) => commands::deliveries::deliveries(context, args).await,
        Command::Schedule(args) => commands::schedule::schedule(context, args).await,
        Command::Service(args) => Box::pin(commands::service::service(context, args)).await,
        Command::Notice(args) => Box::pin(commands::notice::notice(context, args)).await,
        Command::Forge(args) => Box::pin(commands::forge::forge(context, args)).await,
        Command::Registry(args) => Box::pin(commands::registry::registry(context, args)).await,
        Command::Target(args) => Box::pin(commands::target::target(context, args)).await,
        Command::Environment(args) => Box::pin(commands::environment::environment(context, args)).await,
        Command::Secret(args) => Box::pin(commands::secret::secret(context, args)).await,
        Command::Workspace(args) => Box::pin(commands::workspace::workspace(context, args)).await,
        Command::MasterKey(args) => Box::pin(commands::master_key::master_key(context, args)).await,
        Command::Backup(args) => Box::pin(commands::backup::backup(context, args)).await,
        Command::Restore(args) => commands::restore::restore(context, args).await,
        Command::Identity(args) => Box::pin(commands::identity::identity(context, args)).await,
        Command::Login(args) => Box::pin(commands::login::login(context, args)).await,
        Command::Member(args) => Box::pin(commands::member::member(context, args)).await,
        Command::Token(args) => Box::pin(commands::token::token(context, args)).await,
        Command::Audit(args) => commands::audit::audit(context, args).await,
        Command::Completions(args) => commands::completions::completions(printer, &args),
    }
}

fn is_long_running(command: &Command) -> bool {
    match command {
        Command::Up(_) | Command::Server(_) => true,
        Command::Worker(worker) => worker.is_process(),
        _ => false,
    }
}

/// `circle runs | head` is no error.
fn reader_is_gone(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn terminal_width() -> Option<u16> {
    if !io::stdout().is_terminal() {
        return None;
    }
    comfy_table::Table::new().width()
}
