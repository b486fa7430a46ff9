//! `docs/reference/cli.md`, made from the command line's own description; a test fails when it is stale.

use std::fmt::Write;
use std::path::Path;

use clap::{Command, CommandFactory};

use crate::args::Cli;

/// Columns of the help in the page.
const WIDTH: usize = 100;

fn page() -> String {
    let mut out = String::from(
        "# The command line\n\nMade from the program; `CIRCLE_BLESS=1 cargo nextest run -p circle-cli reference` makes it anew.\n",
    );
    let mut root = Cli::command()
        .term_width(WIDTH)
        .mut_args(|arg| arg.hide_env_values(true));
    root.build();
    section(&root, "circle", &mut out);
    out
}

/// A command and everything beneath it; what all commands share stands at the top only.
fn section(command: &Command, path: &str, out: &mut String) {
    let top = path == "circle";
    let mut shown = command.clone().bin_name(path).term_width(WIDTH).mut_args(|arg| {
        let shared = !top && (arg.is_global_set() || arg.get_id() == "help");
        let hidden = arg.is_hide_set() || shared;
        arg.hide_env_values(true).hide(hidden)
    });
    let help = shown.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _infallible = write!(out, "\n## {path}\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
    for inner in command
        .get_subcommands()
        .filter(|inner| inner.get_name() != "help" && !inner.is_hide_set())
    {
        section(inner, &format!("{path} {}", inner.get_name()), out);
    }
}

#[test]
fn the_reference_says_what_the_program_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/cli.md");
    let page = page();
    if std::env::var_os("CIRCLE_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, &page).expect("written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/reference/cli.md is stale: CIRCLE_BLESS=1 cargo nextest run -p circle-cli reference"
    );
}

#[test]
fn every_command_and_option_says_what_it_is() {
    let mut silent = Vec::new();
    let mut open = vec![("circle".to_owned(), Cli::command())];
    while let Some((path, command)) = open.pop() {
        if command.get_about().is_none() {
            silent.push(path.clone());
        }
        for inner in command.get_subcommands() {
            open.push((format!("{path} {}", inner.get_name()), inner.clone()));
        }
    }
    assert_eq!(silent, Vec::<String>::new(), "commands without a word about them");
}
