//! The command: plan, cell, execution, and the end whichever comes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use circle_cell::shared::SharedProvider;
use circle_cell::{Cell, CellProvider, CellSpec, Killer};
use circle_core::inputs::{InputFault, settle};
use circle_core::plan::{LocalPlan, LocalWish, Policy, locally, plan};
use circle_core::rights::Rights;
use circle_core::service::WorkspacePolicy;
use circle_worker::{Around, End, execute};
use clap::Args;

use super::assignment::{Local, assemble};
use super::engine;
use super::secrets::Secrets;
use super::terminal::Terminal;
use super::tree::Tree;
use crate::commands::lint;
use crate::exit::{Exit, Failure};
use crate::paint::Tone;
use crate::printer::Printer;
use crate::signals::Signals;

/// Run a pipeline here, on this machine's Docker engine, from the working tree; no server is needed
///
/// What is not committed takes part; what git ignores does not. Nothing is pushed and nothing is deployed. Everything
/// that the run made is removed at its end, also at Ctrl-C; images that were pulled and the build cache stay. The
/// engine is shared with whatever else uses it: run only what you would run yourself.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The pipeline file; caicloud.yml when absent. The working tree is the one that the file lies in, wherever this is
    /// called: the git work tree around the file's folder, or that folder
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// A stage to run, with what it needs of the stages before it; may be repeated; all when absent
    #[arg(long = "stage", value_name = "STAGE")]
    stages: Vec<String>,
    /// An input that the file declares; else a variable for every container, and for build arguments of this name; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// A file with a line NAME=VALUE for each secret; otherwise a secret is the environment variable of its name
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,
    /// Let the file ask for privileged containers and devices: root on this machine, in effect
    #[arg(long)]
    allow_privileged: bool,
    /// The engine; the default context's socket when absent
    #[arg(long, env = "DOCKER_HOST", value_name = "unix:///SOCKET")]
    engine: Option<String>,
}

pub(in crate::commands) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

pub(crate) async fn run(printer: &Printer, args: RunArgs) -> anyhow::Result<Exit> {
    let mut tree = Tree::around(args.file.as_deref().unwrap_or(Path::new(".")))?;
    let Some(local) = planned(printer, &args, &mut tree)? else {
        return Ok(Exit::Failed);
    };
    let secrets = Secrets::read(args.secrets.as_deref(), &local.plan)?;
    let mut signals = Signals::new()?;
    let provider = SharedProvider::open(engine::config(args.engine.as_deref())?).await?;
    warn(
        printer,
        "the engine is shared: containers of this run are kept apart by labels only",
    )?;
    for sentence in &local.left_out {
        warn(printer, sentence)?;
    }
    let swept = provider.sweep().await?;
    if !swept.is_empty() {
        warn(printer, "removed what an earlier run left that was killed")?;
    }
    let cell = provider.start(&CellSpec::default()).await?;
    let exit = executed(
        printer,
        (
            cell,
            Local {
                tree,
                plan: local.plan,
                secrets,
            },
        ),
        &mut signals,
    )
    .await;
    provider.settled().await;
    exit
}

/// The plan for here, or nothing after its faults were told.
fn planned(printer: &Printer, args: &RunArgs, tree: &mut Tree) -> anyhow::Result<Option<LocalPlan>> {
    let mut found = lint::find(args.file.as_deref())?;
    let Some(file) = &found.file else {
        printer.line(lint::text(printer, &found, &[]).trim_end())?;
        return Ok(None);
    };
    let policy = Policy {
        workspace: WorkspacePolicy {
            rights: Rights {
                privileged: args.allow_privileged,
                ..Rights::default()
            },
            ..WorkspacePolicy::default()
        },
        ..Policy::default()
    };
    let is_input = |(name, _): &(String, String)| file.inputs().iter().any(|input| input.name == *name);
    let (inputs, set): (Vec<_>, _) = args.set.iter().cloned().partition(is_input);
    tree.inputs = settle(file.inputs(), &inputs.into_iter().collect()).map_err(refused)?;
    match plan(file, &tree.trigger(), &policy) {
        Ok(whole) => {
            let wish = LocalWish {
                stages: args.stages.clone(),
                set: set.into_iter().collect(),
            };
            let local = locally(whole, &wish).map_err(|error| Failure::usage(error.to_string()))?;
            Ok(Some(local))
        }
        Err(findings) => {
            found.findings = findings;
            printer.line(lint::text(printer, &found, &[]).trim_end())?;
            Ok(None)
        }
    }
}

fn refused(faults: Vec<InputFault>) -> Failure {
    let told: Vec<String> = faults
        .iter()
        .map(|fault| format!("{}: {}", fault.name, fault.message))
        .collect();
    Failure::usage(format!(
        "the inputs are refused: {}; give each with --set NAME=VALUE",
        told.join("; ")
    ))
}

/// Executes to the end or to the first signal, and removes everything whichever comes.
async fn executed(printer: &Printer, (cell, local): (Cell, Local), signals: &mut Signals) -> anyhow::Result<Exit> {
    let terminal = Arc::new(Terminal::new(*printer, local.tree.clone()));
    let assignment = assemble(local);
    let end = tokio::select! {
        biased;
        () = signals.next() => None,
        end = execute(&assignment, &cell, Duration::ZERO, Around::new(terminal.clone())) => Some(Ok(end)),
        death = cell.died() => Some(Err(Failure::broken(format!("the run ended with its engine: {}", death.reason)))),
    };
    let told = terminal.end();
    let interrupted = end.is_none();
    if interrupted {
        warn(
            printer,
            "stopping: removing what the run made; once more Ctrl-C leaves it to the next `circle run`",
        )?;
    }
    let killer = cell.killer();
    let removed = removed(cell, &killer, signals).await;
    told?;
    removed?;
    match end {
        None => Ok(Exit::Cancelled),
        Some(Err(broken)) => Err(broken.into()),
        Some(Ok(End::Succeeded)) => Ok(Exit::Ok),
        Some(Ok(End::Failed(failure))) => {
            printer.say(&printer.paint.tone(Tone::Bad, &format!("failed: {}", failure.message)))?;
            Ok(Exit::Failed)
        }
    }
}

/// A second signal leaves what is left to the next run's sweep.
async fn removed(cell: Cell, killer: &Killer, signals: &mut Signals) -> anyhow::Result<()> {
    tokio::select! {
        removed = cell.kill() => Ok(removed.map(drop)?),
        () = async { killer.kill().await; signals.next().await } => Ok(()),
    }
}

fn warn(printer: &Printer, sentence: &str) -> anyhow::Result<()> {
    printer.say(&printer.paint.tone(Tone::Dim, &format!("circle: {sentence}")))
}
