//! What `circle demo` is told, what it wants of the machine, and its order of events.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use circle_cell::probe::{Grade, facts};
use circle_lab::is_free;

use super::machine::Machine;
use super::story;
use super::telling::Telling;
use crate::exit::Exit;
use crate::printer::Printer;

/// Play the main path on this machine: a push that gets deployed, a bad one, a cancelled one
///
/// `make demo` builds what it needs and calls it. Needs root.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// The folder of the sample repository, `examples/hello-redis` of Circle's sources.
    #[arg(long, value_name = "DIR")]
    pub(super) sample: PathBuf,
    /// A base image as a tar (`docker save`); give it once for each image that the sample names.
    #[arg(long = "image", value_name = "TAR", required = true)]
    pub(super) images: Vec<PathBuf>,
    /// The port of Circle's API and pages on loopback.
    #[arg(long, default_value_t = 8080)]
    pub(super) port: u16,
    /// Leave everything running at the end, until Ctrl-C.
    #[arg(long)]
    pub(super) keep: bool,
}

/// Plays the demo.
///
/// # Errors
/// With one sentence that says what to do; everything that was started is gone then.
pub(crate) async fn demo(options: &DemoArgs, printer: &Printer) -> Result<Exit> {
    check(options)?;
    let mut telling = Telling::new(printer.paint);
    telling.chapter("Starting a registry, a git server, a Swarm and Circle");
    let machine = tokio::select! {
        machine = Machine::start(options, &mut telling) => machine?,
        () = interrupted() => anyhow::bail!("interrupted while starting: nothing is left behind"),
    };
    let played = tokio::select! {
        played = story::play(&machine, options, &mut telling) => played,
        () = interrupted() => Err(anyhow::anyhow!("interrupted")),
    };
    if played.is_ok() && options.keep {
        machine.how_to_look_around(&mut telling);
        interrupted().await;
    }
    let stopped = machine.stop().await;
    played.and(stopped)?;
    Ok(Exit::Ok)
}

fn check(options: &DemoArgs) -> Result<()> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "the demo makes cells, which needs root: run `sudo make demo`"
    );
    ensure!(
        is_free(options.port),
        "port {} is taken by another program: stop it, or choose another port with `make demo ARGS='--port 8081'`",
        options.port
    );
    ensure!(
        options.sample.join("caicloud.yml").is_file(),
        "{} is not the sample repository",
        options.sample.display()
    );
    for image in &options.images {
        ensure!(
            image.is_file(),
            "the image {} is not there: run `make demo`, which makes it",
            image.display()
        );
    }
    let missing: Vec<String> = facts(Path::new("/var/tmp"))
        .into_iter()
        .filter(|fact| fact.grade == Grade::Fail)
        .map(|fact| [fact.sentence, fact.advice.unwrap_or_default()].join(" "))
        .collect();
    ensure!(
        missing.is_empty(),
        "this machine cannot make cells: {}",
        missing.join(" ")
    );
    Ok(())
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
