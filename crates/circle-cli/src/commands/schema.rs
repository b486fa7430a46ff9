//! `circle schema`: the JSON Schema of the pipeline file.

use clap::Args;

use crate::exit::Exit;
use crate::printer::Printer;

/// Print the JSON Schema of the pipeline file, for editors
///
/// In VS Code with the YAML extension: "yaml.schemas": {"./circle.schema.json": "caicloud.yml"}
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {}

pub(crate) fn schema(printer: &Printer, _args: &SchemaArgs) -> anyhow::Result<Exit> {
    printer.line(&serde_json::to_string_pretty(&circle_core::pipeline::schema())?)?;
    Ok(Exit::Ok)
}
