//! `circle cancel`: ends a run.

use circle_api::resources::CancelRequest;
use clap::Args;

use crate::context::Context;
use crate::exit::Exit;
use crate::run_ref::RunRef;

/// End a run: its cell is killed; a deployment is rolled back
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// service/number, a run id, or a service for its newest run
    run: RunRef,
    /// In a deployment: stop watching and leave it as it is instead of rolling back
    #[arg(long)]
    abandon: bool,
}

pub(crate) async fn cancel(context: &Context, args: CancelArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let run = args.run.id(&session.client, &session.workspace).await?;
    let summary = session
        .client
        .cancel(run, &CancelRequest { abandon: args.abandon })
        .await?;
    context.printer.show(&summary, |_| {
        format!("{}/{} is being cancelled", summary.service_name, summary.number)
    })?;
    Ok(Exit::Ok)
}
