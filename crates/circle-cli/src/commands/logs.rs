//! `circle logs`: the log of a run.

use circle_api::client::Client;
use circle_api::resources::{LogIndex, StageLog};
use circle_core::ids::RunId;
use clap::Args;

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::paint::Tone;
use crate::printer::Printer;
use crate::progress::{Detail, follow};
use crate::run_ref::RunRef;
use crate::text::safe_line;

/// Bytes that are fetched at a time.
const PIECE_BYTES: usize = 1024 * 1024;

/// Print the log of a run
///
/// On a terminal, whatever would steer it (other than colours) is left out. With one --stage and no terminal the bytes are
/// printed as they came.
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// service/number, a run id, or a service for its newest run
    run: RunRef,
    /// Only these stages
    #[arg(long, short, value_name = "STAGE")]
    stage: Vec<String>,
    /// Go on to the end of the run; the exit code is its verdict
    #[arg(long, short)]
    follow: bool,
}

pub(crate) async fn logs(context: &Context, args: LogsArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let run = args.run.id(&session.client, &session.workspace).await?;
    if args.follow {
        return follow(&session.client, run, &context.printer, (Detail::Lines, args.stage)).await;
    }
    let index = session.client.log_index(run).await?;
    if context.printer.json {
        context.printer.show(&index, |_| String::new())?;
        return Ok(Exit::Ok);
    }
    for stage in wanted(&index, &args.stage)? {
        if args.stage.len() != 1 {
            context
                .printer
                .line(&context.printer.paint.tone(Tone::Busy, &format!("▸ {}", stage.stage)))?;
        }
        print_stage(&session.client, run, stage, &context.printer).await?;
    }
    Ok(Exit::Ok)
}

fn wanted<'i>(index: &'i LogIndex, names: &[String]) -> Result<Vec<&'i StageLog>, Failure> {
    if names.is_empty() {
        return Ok(index.stages.iter().collect());
    }
    let find = |name: &String| {
        index.stages.iter().find(|stage| stage.stage == *name).ok_or_else(|| {
            let known: Vec<&str> = index.stages.iter().map(|stage| stage.stage.as_str()).collect();
            Failure::not_found(format!("{name} has no log; there is: {}", known.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

async fn print_stage(client: &Client, run: RunId, stage: &StageLog, printer: &Printer) -> anyhow::Result<()> {
    let (mut offset, mut partial) = (0, Vec::new());
    while offset < stage.bytes {
        let piece = client.log_bytes(run, &stage.stage, offset, PIECE_BYTES).await?;
        if piece.is_empty() {
            break;
        }
        offset += piece.len() as u64;
        match printer.width {
            None => printer.bytes(&piece)?,
            Some(_) => print_lines(&piece, &mut partial, printer)?,
        }
    }
    if partial.is_empty() {
        Ok(())
    } else {
        printer.line(&safe_line(&partial, printer.paint.is_on()))
    }
}

fn print_lines(piece: &[u8], partial: &mut Vec<u8>, printer: &Printer) -> anyhow::Result<()> {
    for line in piece.split_inclusive(|byte| *byte == b'\n') {
        partial.extend_from_slice(line);
        if line.ends_with(b"\n") || partial.len() > PIECE_BYTES {
            let whole = std::mem::take(partial);
            printer.line(&safe_line(
                whole.strip_suffix(b"\n").unwrap_or(&whole),
                printer.paint.is_on(),
            ))?;
        }
    }
    Ok(())
}
