//! `circle outputs`: what the stages of a run copied out.

use std::path::{Path, PathBuf};

use circle_api::resources::{OutputView, StageView};
use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::download::{Part, each};
use crate::exit::{Exit, Failure};
use crate::printer::Printer;
use crate::run_ref::RunRef;
use crate::text::{Cell, Table, size};

/// List or fetch what the stages of a run copied out
///
/// Each stage with `outputs:` has one tar with them. Without a stage: list them. They are kept as long as logs are.
#[derive(Debug, Args)]
pub(crate) struct OutputsArgs {
    /// service/number, a run id, or a service for its newest run
    run: RunRef,
    /// The stage whose outputs are fetched
    stage: Option<String>,
    /// The tar to write, `-` for standard output; SERVICE-NUMBER-STAGE.tar when absent
    #[arg(long, value_name = "FILE", requires = "stage")]
    to: Option<PathBuf>,
}

pub(crate) async fn outputs(context: &Context, args: OutputsArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let view = args.run.view(&session.client, &session.workspace).await?;
    let Some(name) = args.stage else {
        let listed: Vec<_> = kept(&view.stages)
            .map(|(stage, output)| json!({ "stage": stage.name, "digest": output.digest, "bytes": output.bytes }))
            .collect();
        context.printer.show(&listed, |printer| table(&view.stages, printer))?;
        return Ok(Exit::Ok);
    };
    let output = of_stage(&view.stages, &name)?;
    let pieces = async || session.client.stage_output(view.run.id, &name).await;
    if args.to.as_deref() == Some(Path::new("-")) {
        each(pieces().await?, |piece| context.printer.bytes(piece)).await?;
        return Ok(Exit::Ok);
    }
    let named = format!("{}-{}-{name}.tar", view.run.service_name, view.run.number);
    let file = args.to.unwrap_or_else(|| PathBuf::from(named));
    let part = Part::of(&file)?;
    let written = part.take(pieces().await?).await;
    written
        .and_then(|()| Ok(part.finish()?))
        .inspect_err(|_| part.forget())?;
    let told = json!({ "file": file, "stage": name, "digest": output.digest, "bytes": output.bytes });
    let sentence = format!("{}: outputs of {name}, {}\n", file.display(), size(output.bytes));
    context.printer.show(&told, |_| sentence)?;
    Ok(Exit::Ok)
}

/// Stages with outputs.
fn kept(stages: &[StageView]) -> impl Iterator<Item = (&StageView, &OutputView)> {
    stages.iter().filter_map(|stage| Some((stage, stage.output.as_ref()?)))
}

fn of_stage<'v>(stages: &'v [StageView], name: &str) -> Result<&'v OutputView, Failure> {
    let found = kept(stages).find(|(stage, _)| stage.name == name);
    found.map(|(_, output)| output).ok_or_else(|| {
        let names: Vec<&str> = kept(stages).map(|(stage, _)| stage.name.as_str()).collect();
        Failure::not_found(match names.as_slice() {
            [] => format!("no stage of this run has outputs, so {name} has none: name paths under `outputs:`"),
            names => format!("{name} has no outputs; there are those of: {}", names.join(", ")),
        })
    })
}

fn table(stages: &[StageView], printer: &Printer) -> String {
    let mut table = Table::new(&["STAGE", "SIZE", "DIGEST"]);
    for (stage, output) in kept(stages) {
        table.row([
            Cell::from(&stage.name),
            size(output.bytes).into(),
            (&output.digest).into(),
        ]);
    }
    table.render(printer, "No stage of this run has outputs.")
}

#[cfg(test)]
mod tests {
    use circle_api::resources::StageView;
    use serde_json::json;

    use super::of_stage;

    fn stages(with: &[&str]) -> Vec<StageView> {
        let stage = |name: &str| {
            let mut stage = json!({ "name": name, "kind": name, "state": "succeeded", "tries": 1, "phases": {
                "queue_ms": 0, "cell_ms": 0, "pull_ms": 0, "start_ms": 0, "run_ms": 0, "copy_out_ms": 0,
            } });
            if with.contains(&name) {
                stage["output"] = json!({ "digest": "sha256:aa", "bytes": 5 });
            }
            stage
        };
        let all = ["checkout", "pre_build", "build"].map(stage);
        serde_json::from_value(json!(all)).expect("stages")
    }

    #[test]
    fn a_stage_without_outputs_is_told_which_have_some() {
        let found = of_stage(&stages(&["pre_build"]), "pre_build").map(|output| output.bytes);
        assert_eq!(found.ok(), Some(5));
        let refused = of_stage(&stages(&["pre_build"]), "build").expect_err("none");
        assert_eq!(
            refused.to_string(),
            "build has no outputs; there are those of: pre_build"
        );
        let refused = of_stage(&stages(&[]), "build").expect_err("none");
        assert!(refused.to_string().contains("name paths under `outputs:`"), "{refused}");
    }
}
