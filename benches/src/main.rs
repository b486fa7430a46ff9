//! `make bench`: every promise with a number, measured on this machine, beside the docker CLI where time is compared.
//!
//! Each part prints rows: what, the figure, the goal, and whether it holds. Ratios are of medians within one run, because
//! machines are noisy. Give names of parts to run only those: `make bench ARGS="stages cancel"`.

mod ahead;
mod cancel;
mod cells;
mod claim;
mod copies;
mod dispatch;
mod events;
mod figures;
mod hands;
mod history;
mod hooks;
mod lines;
mod masking;
mod memory;
mod moments;
mod parallel;
mod peer;
mod project;
mod roots;
mod stages;
mod start;
mod webhook;

use anyhow::{Result, bail};
use figures::Report;

/// The parts in the order of the table.
const PARTS: [&str; 16] = [
    "stages", "start", "hooks", "cancel", "moments", "roots", "ahead", "parallel", "lines", "masking", "dispatch",
    "claim", "history", "webhook", "events", "memory",
];

#[tokio::main]
async fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if let Some(unknown) = wanted.iter().find(|name| !PARTS.contains(&name.as_str())) {
        bail!("there is no part \"{unknown}\"; parts are {}", PARTS.join(", "));
    }
    let mut report = Report::begin()?;
    for part in PARTS
        .iter()
        .filter(|part| wanted.is_empty() || wanted.iter().any(|name| name == *part))
    {
        let measured = match *part {
            "stages" => stages::measure(&mut report).await,
            "start" => start::measure(&mut report).await,
            "hooks" => hooks::measure(&mut report).await,
            "cancel" => cancel::measure(&mut report).await,
            "moments" => moments::measure(&mut report).await,
            "roots" => roots::measure(&mut report).await,
            "ahead" => ahead::measure(&mut report).await,
            "parallel" => parallel::measure(&mut report).await,
            "lines" => lines::measure(&mut report).await,
            "masking" => masking::measure(&mut report),
            "dispatch" => dispatch::measure(&mut report).await,
            "webhook" => webhook::measure(&mut report).await,
            "history" => history::measure(&mut report).await,
            "claim" => claim::measure(&mut report).await,
            "events" => events::measure(&mut report).await,
            _ => memory::measure(&mut report).await,
        };
        if let Err(error) = measured {
            report.broken(part, &error);
        }
    }
    report.end()
}
