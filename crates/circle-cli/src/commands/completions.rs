//! `circle completions`: completions for a shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::Exit;
use crate::printer::Printer;

/// Print completions for a shell
///
/// For bash: circle completions bash > /etc/bash_completion.d/circle
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    shell: Shell,
}

pub(crate) fn completions(printer: &Printer, args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "circle", &mut script);
    printer.bytes(&script)?;
    Ok(Exit::Ok)
}
