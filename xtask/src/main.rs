//! Circle's chores: set up a machine, check, test, make images, assemble examples. `cargo xtask help` lists them.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore talks to the person at the terminal"
)]

mod audit;
mod bench;
mod cgroup2;
mod check;
mod demo;
mod examples;
mod images;
mod place;
mod process;
mod release;
mod servers;
mod setup;
mod test;
mod threats;
mod web;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask <chore>

  setup                       install what this machine lacks (Debian or Ubuntu, as root)
  check [fmt|clippy|deny|tidy]…   formatting, lints, dependencies, fences and budgets
  test [nextest arguments]    set up, build, run every test that needs no server of others
  test-real                   the suites against real servers
  test-cgroup2 [SUITE]…       suites of cells (or PACKAGE/SUITE) on an emulated machine with cgroup version 2
  demo [circle demo's arguments]  the main path on this machine, from a push to a deployed service
  audit [--runs=N] [--soak=N] disturb runs in every way, run many short ones: nothing is left, nothing grows
  bench [PART]…               measure the promises that have numbers
  threats                     write the tests named after security rules into docs/threat-model.md
  images list                 the images that Circle builds for itself
  images build [NAME]…        build them (when no name is given, those of the demo and the worker's, with a release build)
  images path NAME            print the path of an image's tar, building it first when missing
  examples [NAME]…            push ours and foreign projects through the whole of Circle
  examples list               repositories with a caicloud.yml, and the images that they need
  examples assemble NAME DIR  fetch an example's source and make a git repository of it; prints the commit
  web                         build the web page that the server embeds
  web test                    the tests of its parts; `web browser STORY` is for the stories of circle-test
  server gitea                build a real Gitea for the tests, once, and say where it lies
  clean                       remove images and tools from the cache folder (never the compiled target)
  help                        this text

Everything a chore makes lies in $XDG_CACHE_HOME/circle (~/.cache/circle), outside the clone.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match place::this_program().and_then(|_program| dispatch(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("circle: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let (chore, rest) = match arguments.split_first() {
        Some((chore, rest)) => (chore.as_str(), rest),
        None => ("help", arguments),
    };
    match chore {
        "setup" => setup::run(),
        "check" => check::run(rest),
        "test" => test::run(rest),
        "test-real" => test::real(),
        "test-cgroup2" => cgroup2::run(rest),
        "demo" => demo::run(rest),
        "audit" => audit::run(rest),
        "bench" => bench::run(rest),
        "threats" => threats::run(),
        "images" => images::run(rest),
        "examples" => examples::run(rest),
        "server" => servers::run(rest),
        "web" => web::run(rest),
        "clean" => place::clean(),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        other => bail!("no chore is called `{other}`; `cargo xtask help` lists them"),
    }
}
