//! `circle deliveries`: what arrived, and what became of it.

use circle_api::resources::{DeliveryPayload, DeliveryQuery, DeliveryState, DeliveryView};
use circle_core::ids::DeliveryId;
use circle_core::names::Slug;
use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::context::{Context, Session};
use crate::exit::Exit;
use crate::paint::Tone;
use crate::printer::Printer;
use crate::text::{Cell, Table, age, safe};

/// List webhook calls and manual triggers, and what became of them
#[derive(Debug, Args)]
pub(crate) struct DeliveriesArgs {
    /// Only of this service
    #[arg(long)]
    service: Option<Slug>,
    /// How many, 1 to 200
    #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Read on where the answer before ended (its `next`)
    #[arg(long)]
    cursor: Option<String>,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show headers and body as they came, secrets masked
    Show { delivery: DeliveryId },
    /// Handle one again as if it had come now
    Replay { delivery: DeliveryId },
}

pub(crate) async fn deliveries(context: &Context, args: DeliveriesArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    if let Some(action) = args.action {
        return one(context, &session, action).await;
    }
    let query = DeliveryQuery {
        service: args.service,
        cursor: args.cursor,
        limit: Some(args.limit),
    };
    let page = session.client.deliveries(&session.workspace, &query).await?;
    context.printer.show(&page, |printer| table(&page.items, printer))?;
    Ok(Exit::Ok)
}

async fn one(context: &Context, session: &Session, action: Action) -> anyhow::Result<Exit> {
    match action {
        Action::Show { delivery } => {
            let payload = session.client.delivery_payload(delivery).await?;
            context.printer.show(&payload, |_| shown(&payload))?;
        }
        Action::Replay { delivery } => {
            let triggered = session.client.replay(delivery).await?;
            context.printer.show(&triggered, |_| match &triggered.run {
                Some(run) => format!("it is {}/{} now", run.service_name, run.number),
                None => format!("it is handled as {}", triggered.delivery),
            })?;
        }
    }
    Ok(Exit::Ok)
}

/// Whoever may call the hook wrote this.
fn shown(payload: &DeliveryPayload) -> String {
    let headers = payload
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", safe(value)));
    let indented = serde_json::from_str::<serde_json::Value>(&payload.body)
        .ok()
        .and_then(|value| serde_json::to_string_pretty(&value).ok());
    let body = indented.unwrap_or_else(|| payload.body.clone());
    let lines = body.lines().map(|line| format!("{}\n", safe(line)));
    headers.chain([String::from("\n")]).chain(lines).collect()
}

fn table(deliveries: &[DeliveryView], printer: &Printer) -> String {
    let now = Timestamp::now();
    let mut table = Table::new(&["DELIVERY", "SERVICE", "SOURCE", "RECEIVED", "STATE", "NOTE"]);
    for delivery in deliveries {
        let (word, tone, note) = match &delivery.state {
            DeliveryState::Waiting => ("waiting", Tone::Busy, String::new()),
            DeliveryState::Run { run } => ("run", Tone::Good, run.to_string()),
            DeliveryState::Ignored { why } => ("ignored", Tone::Dim, why.clone()),
            DeliveryState::Refused { why, .. } => ("refused", Tone::Bad, why.clone()),
        };
        table.row([
            Cell::from(delivery.id),
            delivery.service_name.as_str().into(),
            delivery.source.as_str().into(),
            age(delivery.received_at, now).into(),
            Cell::toned(word, tone),
            note.into(),
        ]);
    }
    table.render(
        printer,
        "Nothing arrived yet; install the hook script that `circle service add` printed.",
    )
}
