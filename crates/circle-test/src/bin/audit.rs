//! `make audit`: fifty runs, disturbed in every way, and three hundred short ones; afterwards nothing is left and nothing grew.
#![expect(clippy::print_stdout, reason = "a chore talks to the person at the terminal")]

use std::time::Instant;

use anyhow::{Context, Result, bail};
use circle_test::{AuditWish, Scope, audit};

#[tokio::main]
async fn main() -> Result<()> {
    let mut wish = AuditWish {
        runs: 50,
        soak: 300,
        scope: Scope::Machine,
    };
    for argument in std::env::args().skip(1) {
        let number = |text: &str| text.parse().with_context(|| format!("\"{text}\" is not a number"));
        match argument.split_once('=') {
            Some(("--runs", count)) => wish.runs = number(count)?,
            Some(("--soak", count)) => wish.soak = number(count)?,
            None if argument == "--beside-others" => wish.scope = Scope::Worker,
            _ => bail!(
                "there is no {argument}: --runs=N, --soak=N, --beside-others (others start and end things meanwhile)"
            ),
        }
    }
    let began = Instant::now();
    let report = audit(wish, |line| println!("{line}")).await?;
    println!(
        "{} runs in {} s: {} succeeded, {} cancelled, {} workers and {} daemons killed; afterwards {} things on the machine, none \
         of them new",
        wish.runs + wish.soak,
        began.elapsed().as_secs(),
        report.succeeded,
        report.cancelled,
        report.workers_killed,
        report.daemons_killed,
        report.things
    );
    Ok(())
}
