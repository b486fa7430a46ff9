//! `circle approve`: lets a stranger's commit run as a member's, after a look at what it makes of the pipeline file.

use circle_api::resources::{ApprovalView, ApproveRequest};
use clap::Args;

use crate::context::Context;
use crate::exit::Exit;
use crate::run_ref::RunRef;
use crate::text::safe;

/// Lines of each file that are shown.
const LINES: usize = 400;

/// Let a stranger's pull request run as a member's
#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// service/number, a run id, or a service for its newest run
    run: RunRef,
    /// The commit that you looked at, in full; without it, what there is to look at is shown and nothing is approved
    #[arg(long)]
    commit: Option<String>,
}

pub(crate) async fn approve(context: &Context, args: ApproveArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let run = args.run.id(&session.client, &session.workspace).await?;
    let Some(commit) = args.commit else {
        let view = session.client.approval(run).await?;
        context.printer.show(&view, |_| shown(&view))?;
        return Ok(Exit::Ok);
    };
    let triggered = session.client.approve(run, &ApproveRequest { commit }).await?;
    context.printer.show(&triggered, |_| match &triggered.run {
        Some(run) => {
            let name = format!("{}/{}", run.service_name, run.number);
            format!("{name} runs it as a member's; watch it with: circle logs -f {name}")
        }
        None => "It is approved; its run is being planned.".to_owned(),
    })?;
    Ok(Exit::Ok)
}

/// Everything here was written by a stranger.
fn shown(view: &ApprovalView) -> String {
    let pull = &view.pull_request;
    let from = if pull.fork { ", from another repository" } else { "" };
    let mut text = format!(
        "pull request {} into {}{from}\nby      {}\ncommit  {}\n",
        pull.number,
        safe(&pull.into),
        safe(&view.actor),
        view.commit
    );
    if let Some(paths) = &view.paths {
        text += "changes\n";
        for path in paths {
            text += &format!("  {}\n", safe(path));
        }
    }
    let path = safe(&view.pipeline_path);
    if view.pipeline_changed {
        text += &format!(
            "\n{path} CHANGES. Its rules count as in {}; its stages as below.\n",
            safe(&pull.into)
        );
        let (before, after) = (view.pipeline_before.as_deref(), view.pipeline_after.as_deref());
        text += &difference(before.unwrap_or_default(), after.unwrap_or_default());
    } else {
        text += &format!("\n{path} is the same as in {}.\n", safe(&pull.into));
    }
    text + &format!(
        "\nTo let exactly this commit run as a member's: --commit {}",
        view.commit
    )
}

/// Lines that went and lines that came, in order, around what is the same at both ends.
fn difference(before: &str, after: &str) -> String {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = before.iter().zip(&after).take_while(|(old, new)| old == new).count();
    let (old, new) = (&before[same..], &after[same..]);
    let tail = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(old, new)| old == new)
        .count();
    let gone = old[..old.len() - tail]
        .iter()
        .take(LINES)
        .map(|line| format!("- {}\n", safe(line)));
    let came = new[..new.len() - tail]
        .iter()
        .take(LINES)
        .map(|line| format!("+ {}\n", safe(line)));
    gone.chain(came).collect()
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn sec_13_what_changes_in_the_file_is_shown_line_by_line() {
        assert_eq!(difference("a\nb\nc\n", "a\nx\ny\nc\n"), "- b\n+ x\n+ y\n");
        assert_eq!(difference("", "a\n"), "+ a\n");
        assert_eq!(difference("a\na\n", "a\n"), "- a\n");
        assert!(
            !difference("", "\u{1b}[2Jx").contains('\u{1b}'),
            "a stranger's text moves no cursor"
        );
    }
}
