//! `circle trigger`: asks for a run.

use std::collections::BTreeMap;
use std::time::Duration;

use circle_api::resources::starting::{InputPlace, InputType, InputValue, InputView, InputsQuery};
use circle_api::resources::{DeliveryState, ProblemEntry, RunSummary, TriggerRequest, Triggered};
use circle_core::ids::RunId;
use circle_core::names::{BranchName, CommitId, Slug, TagName};
use circle_core::queue::Priority;
use clap::Args;
use tokio::time::Instant;

use super::run::pair;
use crate::context::{Context, Session};
use crate::exit::{Exit, Failure};
use crate::printer::Printer;
use crate::progress::{Detail, follow};
use crate::text::{Cell, Table, safe_line};

/// How long a delivery may take to become a run before we only say where to look.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the delivery.
const PAUSE: Duration = Duration::from_millis(250);

/// A commit of a service's repository.
#[derive(Debug, Args)]
pub(super) struct CommitChoice {
    /// The branch; the service's default branch when nothing is said
    #[arg(long, short, conflicts_with = "tag")]
    pub(super) branch: Option<BranchName>,
    #[arg(long, short)]
    pub(super) tag: Option<TagName>,
    /// A full commit id on that branch or tag; its head when absent
    #[arg(long)]
    pub(super) commit: Option<CommitId>,
}

/// Start a run of a service
#[derive(Debug, Args)]
pub(crate) struct TriggerArgs {
    service: Slug,
    #[command(flatten)]
    at: CommitChoice,
    /// Shown beside the run
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// An hour's head start before, or behind, the other runs of the workspace: high, normal or low
    #[arg(long, value_name = "PRIORITY", value_parser = parse_priority)]
    priority: Option<Priority>,
    /// An input that the pipeline file or the service declares; may be repeated; --inputs lists them. It is shown with the
    /// run: it is no place for a secret
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// List the inputs that are declared there, and start nothing
    #[arg(long, conflicts_with_all = ["set", "follow", "reason", "priority"])]
    inputs: bool,
    /// Show the run to its end; the exit code is its verdict
    #[arg(long, short)]
    follow: bool,
    /// With --follow: show every line of the log
    #[arg(long, requires = "follow")]
    logs: bool,
}

pub(crate) async fn trigger(context: &Context, args: TriggerArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    if args.inputs {
        let query = InputsQuery {
            branch: args.at.branch,
            tag: args.at.tag,
            commit: args.at.commit,
        };
        list_inputs(&session, &context.printer, (&args.service, &query)).await?;
        return Ok(Exit::Ok);
    }
    let wish = TriggerRequest {
        service: args.service,
        branch: args.at.branch,
        tag: args.at.tag,
        commit: args.at.commit,
        reason: args.reason,
        priority: args.priority,
        inputs: once_each(args.set)?,
        idempotency_key: None,
    };
    let triggered = session.client.trigger(&session.workspace, &wish).await?;
    let run = wait_for_run(&session, triggered).await?;
    if args.follow {
        let detail = if args.logs { Detail::Lines } else { Detail::Groups };
        return follow(&session.client, run.id, &context.printer, (detail, Vec::new())).await;
    }
    context.printer.show(&run, |_| {
        let name = format!("{}/{}", run.service_name, run.number);
        format!("{name} is {}; watch it with: circle logs -f {name}", run.state.word())
    })?;
    Ok(Exit::Ok)
}

/// What runs of a service may be given at a commit.
pub(super) async fn list_inputs(
    session: &Session,
    printer: &Printer,
    (service, query): (&Slug, &InputsQuery),
) -> anyhow::Result<()> {
    let client = &session.client;
    let found = client.inputs(&session.workspace, service.as_str(), query).await?;
    let none = "Neither the pipeline file there nor the service declares inputs.";
    printer.show(&found, |printer| in_columns(&found.inputs, none, printer))
}

/// Inputs in columns.
pub(super) fn in_columns(inputs: &[InputView], none: &str, printer: &Printer) -> String {
    let mut table = Table::new(&["INPUT", "FROM", "TAKES", "DEFAULT", "DESCRIPTION"]);
    for input in inputs {
        // Whoever may push wrote this.
        let plain = |text: &str| safe_line(text.as_bytes(), false);
        let default = match &input.default {
            Some(default) => plain(default),
            None if input.required => "(must be given)".to_owned(),
            None => String::new(),
        };
        table.row([
            Cell::from(input.name.as_str()),
            match input.from {
                InputPlace::File => "the file",
                InputPlace::Service => "the service",
                InputPlace::Both => "both",
            }
            .into(),
            plain(&takes(input)).into(),
            default.into(),
            plain(input.description.as_deref().unwrap_or_default()).into(),
        ]);
    }
    table.render(printer, none)
}

fn takes(input: &InputView) -> String {
    let word = match input.kind {
        InputType::String => "text",
        InputType::Number => "a number",
        InputType::Boolean => "true or false",
        InputType::Choice => return input.options.join(", "),
    };
    let unit = if input.kind == InputType::String {
        " characters"
    } else {
        ""
    };
    let range = match (input.min, input.max) {
        (Some(min), Some(max)) => format!(" from {min} to {max}{unit}"),
        (Some(min), None) => format!(" of at least {min}{unit}"),
        (None, Some(max)) => format!(" of at most {max}{unit}"),
        (None, None) => String::new(),
    };
    let pattern = input.pattern.as_ref().map(|pattern| format!(" like {pattern}"));
    format!("{word}{range}{}", pattern.unwrap_or_default())
}

/// Both values would have been meant, and only one could count.
pub(super) fn once_each(set: Vec<(String, String)>) -> Result<BTreeMap<String, InputValue>, Failure> {
    let mut inputs = BTreeMap::new();
    for (name, value) in set {
        if inputs.contains_key(&name) {
            return Err(Failure::usage(format!("--set gives {name} twice")));
        }
        inputs.insert(name, InputValue::Text(value));
    }
    Ok(inputs)
}

fn parse_priority(word: &str) -> Result<Priority, String> {
    match word {
        "high" => Ok(Priority::High),
        "normal" => Ok(Priority::Normal),
        "low" => Ok(Priority::Low),
        _ => Err("a priority is high, normal or low".to_owned()),
    }
}

pub(super) async fn wait_for_run(session: &Session, triggered: Triggered) -> anyhow::Result<RunSummary> {
    if let Some(run) = triggered.run {
        return Ok(run);
    }
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Some(run) = made_run(session.client.delivery(triggered.delivery).await?.state)? {
            return Ok(session.client.run(run).await?.run);
        }
        tokio::time::sleep(PAUSE).await;
    }
    let how = format!(
        "{} is stored but has no run yet; look again with: circle deliveries",
        triggered.delivery
    );
    Err(Failure::broken(how).into())
}

fn made_run(state: DeliveryState) -> Result<Option<RunId>, Failure> {
    match state {
        DeliveryState::Waiting => Ok(None),
        DeliveryState::Run { run } => Ok(Some(run)),
        DeliveryState::Ignored { why } => Err(Failure::broken(format!("there is nothing to run: {why}"))),
        DeliveryState::Refused { why, errors } => Err(Failure::usage(told(why, &errors))),
    }
}

fn told(why: String, errors: &[ProblemEntry]) -> String {
    let each = errors.iter().map(|error| match &error.field {
        Some(field) => format!("; {field}: {}", error.message),
        None => format!("; {}", error.message),
    });
    std::iter::once(why).chain(each).collect()
}

#[cfg(test)]
mod tests {
    use super::{in_columns, once_each};
    use crate::paint::Paint;
    use crate::printer::Printer;
    use circle_api::resources::starting::InputValue;
    use serde_json::json;

    #[test]
    fn declared_inputs_say_what_they_take() {
        let inputs = json!([
            {"name": "version", "from": "file", "type": "string", "description": "What to\u{1b}[2J release", "required": true, "pattern": "[0-9.]+",
                "max": 40, "variable": "CIRCLE_INPUT_VERSION"},
            {"name": "place", "from": "both", "type": "choice", "default": "qa", "options": ["qa", "live"], "required": false, "variable": "CIRCLE_INPUT_PLACE"},
            {"name": "copies", "from": "service", "type": "number", "min": 0.5, "max": 3, "required": false, "variable": "CIRCLE_INPUT_COPIES"},
            {"name": "dry", "from": "file", "type": "boolean", "default": "false", "required": false, "variable": "CIRCLE_INPUT_DRY"},
        ]);
        let inputs: Vec<_> = serde_json::from_value(inputs).expect("inputs");
        let printer = Printer {
            paint: Paint::off(),
            json: false,
            width: None,
        };
        insta::assert_snapshot!(in_columns(&inputs, "", &printer));
        assert_eq!(in_columns(&[], "There are none.", &printer), "There are none.");
    }

    #[test]
    fn an_input_is_set_once_and_its_value_may_be_anything() {
        let set = |pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            once_each(pairs.collect())
        };
        let both = set(&[("a", "x=y"), ("b", "")]).expect("two inputs");
        assert_eq!(both["a"], InputValue::Text("x=y".to_owned()));
        let twice = set(&[("a", "1"), ("a", "1")]).expect_err("twice").to_string();
        assert!(twice.contains("--set gives a twice"), "{twice}");
    }
}
