//! `circle notice`: who is told when runs end, and what became of the telling.

use circle_api::resources::PageQuery;
use circle_api::resources::notice::{MailRules, NoticeState, NoticeView, WebhookCreate, WebhookCreated, WebhookView};
use circle_core::names::Slug;
use circle_core::notice::MailAddress;
use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::context::Context;
use crate::exit::Exit;
use crate::paint::Tone;
use crate::printer::Printer;
use crate::text::{Cell, Table, age};

/// Say who is told when runs of a service end, by mail or webhook, and see what was told
#[derive(Debug, Args)]
pub(crate) struct NoticeArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List what was told, newest first
    List {
        service: Slug,
        /// How many, 1 to 200
        #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
        /// Read on where the answer before ended (its `next`)
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show who gets mail of failed and mended runs; with addresses or flags, set it
    Mail {
        service: Slug,
        /// An address; may be repeated. What is given takes the place of what was there
        #[arg(long = "to", value_name = "ADDRESS")]
        to: Vec<MailAddress>,
        /// The author of the commit, too
        #[arg(long)]
        author: bool,
        /// Nobody
        #[arg(long, conflicts_with_all = ["to", "author"])]
        nobody: bool,
    },
    /// List the webhooks of a service
    Webhooks { service: Slug },
    /// Call a program when runs of a service end; prints what calls are signed with, once
    AddWebhook {
        service: Slug,
        name: Slug,
        /// Called by POST
        url: String,
    },
    /// Call a webhook to try it
    Ping { service: Slug, name: Slug },
    /// Remove a webhook
    RemoveWebhook { service: Slug, name: Slug },
}

pub(crate) async fn notice(context: &Context, args: NoticeArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let (client, workspace, printer) = (&session.client, session.workspace.as_str(), &context.printer);
    match args.action {
        Action::List { service, limit, cursor } => {
            let query = PageQuery {
                cursor,
                limit: Some(limit),
            };
            let page = client.notices(workspace, service.as_str(), &query).await?;
            printer.show(&page, |printer| table(&page.items, printer))?;
        }
        Action::Mail {
            service,
            to,
            author,
            nobody,
        } => {
            let rules = if to.is_empty() && !author && !nobody {
                client.mail_rules(workspace, service.as_str()).await?
            } else {
                client
                    .set_mail_rules(workspace, service.as_str(), &MailRules { to, author })
                    .await?
            };
            printer.show(&rules, |_| told(&rules))?;
        }
        Action::Webhooks { service } => {
            let webhooks = client.webhooks(workspace, service.as_str()).await?;
            printer.show(&webhooks, |printer| webhook_table(&webhooks, printer))?;
        }
        Action::AddWebhook { service, name, url } => {
            let created = client
                .create_webhook(workspace, service.as_str(), &WebhookCreate { name, url })
                .await?;
            printer.show(&created, |_| made(&created))?;
        }
        Action::Ping { service, name } => {
            let notice = client.ping_webhook(workspace, service.as_str(), name.as_str()).await?;
            printer.show(&notice, |_| {
                format!("{name} is called; `circle notice list {service}` says what becomes of it")
            })?;
        }
        Action::RemoveWebhook { service, name } => {
            client
                .remove_webhook(workspace, service.as_str(), name.as_str())
                .await?;
            printer.say(&format!("webhook {name} is removed"))?;
        }
    }
    Ok(Exit::Ok)
}

fn told(rules: &MailRules) -> String {
    let mut who: Vec<String> = rules.to.iter().map(ToString::to_string).collect();
    if rules.author {
        who.push("the author of the commit".to_owned());
    }
    match who.as_slice() {
        [] => "nobody gets mail; `circle notice mail SERVICE --to ADDRESS` changes that".to_owned(),
        all => format!("mail of failed and mended runs goes to {}", all.join(", ")),
    }
}

fn made(created: &WebhookCreated) -> String {
    format!(
        "{} is called at {}\nIts calls are signed with this, which is shown once:\n{}",
        created.webhook.name,
        created.webhook.url,
        created.secret.expose()
    )
}

fn webhook_table(webhooks: &[WebhookView], printer: &Printer) -> String {
    let mut table = Table::new(&["NAME", "URL"]);
    for webhook in webhooks {
        table.row([Cell::from(webhook.name.as_str()), webhook.url.as_str().into()]);
    }
    table.render(
        printer,
        "No webhooks; `circle notice add-webhook SERVICE NAME URL` makes one.",
    )
}

fn table(notices: &[NoticeView], printer: &Printer) -> String {
    let now = Timestamp::now();
    let mut table = Table::new(&["WHEN", "CAUSE", "RUN", "TO", "STATE", "TRIES", "WHY"]);
    for notice in notices {
        let (word, tone) = match notice.state {
            NoticeState::Waiting { .. } => ("waiting", Tone::Busy),
            NoticeState::Delivered { .. } => ("delivered", Tone::Good),
            NoticeState::GivenUp { .. } => ("given up", Tone::Bad),
        };
        let run = notice.run.map(|run| run.to_string()).unwrap_or_default();
        table.row([
            Cell::from(age(notice.created_at, now)),
            notice.cause.as_str().into(),
            run.into(),
            format!("{} {}", notice.channel, notice.to).into(),
            Cell::toned(word, tone),
            notice.tries.into(),
            notice.why.clone().unwrap_or_default().into(),
        ]);
    }
    table.render(
        printer,
        "Nothing was told yet; `circle notice mail` and `circle notice add-webhook` say who is.",
    )
}
