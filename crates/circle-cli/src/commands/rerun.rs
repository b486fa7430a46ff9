//! `circle rerun`: repeats a run with the same commit.

use circle_api::resources::RerunRequest;
use clap::Args;

use crate::context::Context;
use crate::exit::Exit;
use crate::progress::{Detail, follow};
use crate::run_ref::RunRef;

/// Repeat a run with the same commit
#[derive(Debug, Args)]
pub(crate) struct RerunArgs {
    /// service/number, a run id, or a service for its newest run
    run: RunRef,
    /// Take over the stages before this one, with their outputs and digests
    #[arg(long, value_name = "STAGE")]
    from: Option<String>,
    /// Keep the cell of a stage that fails, for up to 30 minutes, for `circle shell`
    #[arg(long)]
    hold: bool,
    /// Show the new run to its end; the exit code is its verdict
    #[arg(long, short)]
    follow: bool,
}

pub(crate) async fn rerun(context: &Context, args: RerunArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let run = args.run.id(&session.client, &session.workspace).await?;
    let again = session
        .client
        .rerun(
            run,
            &RerunRequest {
                from_stage: args.from,
                hold: args.hold,
            },
        )
        .await?;
    if args.follow {
        return follow(
            &session.client,
            again.id,
            &context.printer,
            (Detail::Groups, Vec::new()),
        )
        .await;
    }
    context.printer.show(&again, |_| {
        let name = format!("{}/{}", again.service_name, again.number);
        format!("{name} repeats it; watch it with: circle logs -f {name}")
    })?;
    Ok(Exit::Ok)
}
