//! `circle shell`: a terminal where a stage failed.

mod terminal;

use bytes::Bytes;
use circle_api::client::{Client, ShellEvent, ShellSocket};
use circle_api::resources::ShellView;
use circle_api::shell::ShellMessage;
use circle_core::ids::RunId;
use clap::Args;
use tokio::sync::mpsc;

use self::terminal::{Raw, keys, show, size, sizes};
use super::pages;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::printer::Printer;
use crate::run_ref::RunRef;
use crate::text::{Cell, Table};

/// Open a shell where a stage of a run failed
///
/// The run has to be repeated with `circle rerun --hold`; when a stage of it fails, its cell is held for up to 30 minutes, or
/// until another run needs the place. The shell sees the stage's files, checkout, user and environment, without secrets. Who
/// opened one is recorded.
#[derive(Debug, Args)]
pub(crate) struct ShellArgs {
    /// service/number, a run id, or a service for its newest run
    run: RunRef,
    /// Show who opened shells in the run's cell, and open none
    #[arg(long)]
    list: bool,
}

pub(crate) async fn shell(context: &Context, args: ShellArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let run = args.run.id(&session.client, &session.workspace).await?;
    if args.list {
        return list(&session.client, run, &context.printer).await;
    }
    let socket = session.client.shell(run).await?;
    talk(socket, &context.printer).await
}

async fn list(client: &Client, run: RunId, printer: &Printer) -> anyhow::Result<Exit> {
    let shells = pages::all(|page| async move { client.shells(run, &page).await }).await?;
    printer.show(&shells, |printer| table(&shells, printer))?;
    Ok(Exit::Ok)
}

fn table(shells: &[ShellView], printer: &Printer) -> String {
    let mut table = Table::new(&["WHO", "OPENED", "CLOSED", "ENDED"]);
    for shell in shells {
        let closed = shell.closed_at.map(|at| at.to_string()).unwrap_or_default();
        table.row([
            Cell::from(&shell.actor),
            shell.opened_at.to_string().into(),
            closed.into(),
            shell.ended.clone().unwrap_or_default().into(),
        ]);
    }
    table.render(printer, "Nobody opened a shell in the cell of this run.")
}

/// Passes keys and output until either side ends it.
async fn talk(mut socket: ShellSocket, printer: &Printer) -> anyhow::Result<Exit> {
    let (columns, rows) = size();
    socket.say(&ShellMessage::Size { columns, rows }).await;
    let mut raw = None;
    let (mut typed, mut resized) = (Some(keys()), sizes()?);
    loop {
        tokio::select! {
            event = socket.next() => match event {
                Some(ShellEvent::Bytes(bytes)) => show(&bytes)?,
                Some(ShellEvent::Said(ShellMessage::Opened { stage, image })) => {
                    printer.say(&format!("a shell where {stage} failed, in {image}; its secrets are not here"))?;
                    raw = Raw::enter();
                }
                Some(ShellEvent::Said(ShellMessage::Refused { reason })) => {
                    drop(raw);
                    return Err(Failure::conflict(reason).into());
                }
                Some(ShellEvent::Said(ShellMessage::Ended { .. })) => break,
                None => {
                    drop(raw);
                    return Err(Failure::broken("the connection to the shell broke").into());
                }
                Some(ShellEvent::Said(ShellMessage::Size { .. })) => {}
            },
            bytes = next_keys(&mut typed), if typed.is_some() => {
                // The end of a file that was piped in is what Ctrl-D is at a terminal.
                let is_last = bytes.is_none();
                let sent = socket.write(bytes.unwrap_or(Bytes::from_static(b"\x04"))).await;
                if is_last || !sent {
                    // Only output is left, or the reason why nobody listens.
                    typed = None;
                }
            }
            _ = resized.recv() => {
                let (columns, rows) = size();
                socket.say(&ShellMessage::Size { columns, rows }).await;
            }
        }
    }
    drop(raw);
    socket.close().await;
    Ok(Exit::Ok)
}

async fn next_keys(typed: &mut Option<mpsc::Receiver<Vec<u8>>>) -> Option<Bytes> {
    typed.as_mut()?.recv().await.map(Bytes::from)
}
