//! `circle deliveries`: what arrived, and what became of it.

use circle_api::resources::{DeliveryState, DeliveryView, PageQuery};
use clap::Args;
use jiff::Timestamp;

use crate::context::Context;
use crate::exit::Exit;
use crate::paint::Tone;
use crate::printer::Printer;
use crate::text::{Cell, Table, age};

/// List webhook calls and manual triggers, and what became of them
#[derive(Debug, Args)]
pub(crate) struct DeliveriesArgs {
    /// How many, 1 to 200
    #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Read on where the answer before ended (its `next`)
    #[arg(long)]
    cursor: Option<String>,
}

pub(crate) async fn deliveries(context: &Context, args: DeliveriesArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let query = PageQuery {
        cursor: args.cursor,
        limit: Some(args.limit),
    };
    let page = session.client.deliveries(&session.workspace, &query).await?;
    context.printer.show(&page, |printer| table(&page.items, printer))?;
    Ok(Exit::Ok)
}

fn table(deliveries: &[DeliveryView], printer: &Printer) -> String {
    let now = Timestamp::now();
    let mut table = Table::new(&["DELIVERY", "SERVICE", "SOURCE", "RECEIVED", "STATE", "NOTE"]);
    for delivery in deliveries {
        let (word, tone, note) = match &delivery.state {
            DeliveryState::Waiting => ("waiting", Tone::Busy, String::new()),
            DeliveryState::Run { run } => ("run", Tone::Good, run.to_string()),
            DeliveryState::Ignored { why } => ("ignored", Tone::Dim, why.clone()),
            DeliveryState::Refused { why } => ("refused", Tone::Bad, why.clone()),
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
