//! `circle service inputs`: inputs of runs that stand on the service, beside those of its file.

use std::collections::BTreeMap;

use circle_api::resources::ServiceChange;
use circle_api::resources::starting::{InputDeclaration, InputType, InputValue, InputWish, InputsQuery};
use circle_core::names::Slug;
use clap::{Args, Subcommand};

use crate::commands::trigger::{CommitChoice, in_columns, list_inputs};
use crate::context::Session;
use crate::printer::Printer;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// List what runs may be given there, by the file and by the service
    List {
        service: Slug,
        #[command(flatten)]
        place: CommitChoice,
    },
    /// Declare one, or declare it anew
    #[command(after_help = AFTER_SET)]
    Set(SetArgs),
    /// Take one away again; the file's own stays
    Remove { service: Slug, name: String },
}

const AFTER_SET: &str = "\
Where the pipeline file declares the same name, the file says which values there are; the default is this one.

Examples:
  circle service inputs set shop place --type choice --option qa --option live --default qa
  circle service inputs set shop version --default 1.2";

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    service: Slug,
    /// Small letters, digits and underscores; jobs have it as CIRCLE_INPUT_<NAME>
    name: String,
    /// string, number, boolean or choice
    #[arg(long = "type", value_name = "TYPE", default_value = "string", value_parser = parse_type)]
    kind: InputType,
    /// What counts when nothing is given, in runs of every event
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    default: Option<String>,
    /// A run by hand must say it
    #[arg(long, conflicts_with = "default")]
    required: bool,
    /// What it is for, for whoever is asked
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// What can be chosen; may be repeated; only of a choice
    #[arg(long = "option", value_name = "VALUE")]
    options: Vec<String>,
    /// A regular expression that the whole value must match; only of a string
    #[arg(long, value_name = "REGEX")]
    pattern: Option<String>,
    /// The least number, or the fewest characters
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    min: Option<f64>,
    /// The greatest number, or the most characters
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    max: Option<f64>,
}

pub(super) async fn inputs(session: &Session, printer: &Printer, action: Action) -> anyhow::Result<()> {
    match action {
        Action::List { service, place } => {
            let query = InputsQuery {
                branch: place.branch,
                tag: place.tag,
                commit: place.commit,
            };
            list_inputs(session, printer, (&service, &query)).await
        }
        Action::Set(args) => {
            let (service, name) = (args.service.clone(), args.name.clone());
            change(session, printer, (&service, name, Some(args.declaration()))).await
        }
        Action::Remove { service, name } => change(session, printer, (&service, name, None)).await,
    }
}

/// Only the one is sent: what others declare meanwhile stays.
async fn change(
    session: &Session,
    printer: &Printer,
    (service, name, declaration): (&Slug, String, Option<InputDeclaration>),
) -> anyhow::Result<()> {
    let change = ServiceChange {
        inputs: BTreeMap::from([(name, InputWish(declaration))]),
        ..ServiceChange::default()
    };
    let client = &session.client;
    let view = client
        .change_service(&session.workspace, service.as_str(), &change)
        .await?;
    let none = "The service declares no inputs now.";
    printer.show(&view.inputs, |printer| in_columns(&view.inputs, none, printer))
}

impl SetArgs {
    fn declaration(self) -> InputDeclaration {
        InputDeclaration {
            kind: self.kind,
            description: self.description,
            default: self.default.map(InputValue::Text),
            required: self.required,
            options: self.options,
            pattern: self.pattern,
            min: self.min,
            max: self.max,
        }
    }
}

fn parse_type(word: &str) -> Result<InputType, String> {
    match word {
        "string" => Ok(InputType::String),
        "number" => Ok(InputType::Number),
        "boolean" => Ok(InputType::Boolean),
        "choice" => Ok(InputType::Choice),
        _ => Err("a type is string, number, boolean or choice".to_owned()),
    }
}
