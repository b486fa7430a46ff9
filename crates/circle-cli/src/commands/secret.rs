//! `circle secret`: values that runs may read; they are set and never shown again.

use std::path::PathBuf;

use circle_api::resources::{SecretLimits, SecretScope, SecretSet, SecretView};
use circle_core::ids::SecretId;
use circle_core::names::{Slug, VariableName};
use circle_core::secret_limits::{ImagePattern, SecretLimits as Limits, SecretStage};
use circle_core::trigger::EventKind;
use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::{input, pages};
use crate::context::{Context, Session};
use crate::exit::{Exit, Failure};
use crate::printer::Printer;
use crate::text::{Cell, Table, age};

/// Keep secrets that pipelines may use
#[derive(Debug, Args)]
pub(crate) struct SecretArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make or replace a secret; the value comes from a file or standard input, never from the command line
    #[command(visible_alias = "add")]
    Set {
        name: VariableName,
        #[command(flatten)]
        scope: Scope,
        #[command(flatten)]
        only: Only,
        /// A file with the value; - reads standard input. One newline at the end is not part of it
        #[arg(long, value_name = "FILE", default_value = "-")]
        file: PathBuf,
    },
    /// List secrets without their values
    List,
    /// Forget a secret
    Remove {
        name: VariableName,
        #[command(flatten)]
        scope: Scope,
    },
}

/// Which runs may read it; every service of the workspace when nothing is said.
#[derive(Debug, Args)]
struct Scope {
    /// Only runs of this service
    #[arg(long, conflicts_with = "environment")]
    service: Option<Slug>,
    /// Only refs that may reach this environment
    #[arg(long)]
    environment: Option<Slug>,
}

/// Where it may be used; what is not said stays as it was.
#[derive(Debug, Args)]
struct Only {
    /// Only in this stage: integration, pre_build, build or post_build; may be repeated
    #[arg(long, value_name = "STAGE")]
    stage: Vec<SecretStage>,
    /// Only in runs of this event: push, tag, pull_request, manual or schedule; may be repeated
    #[arg(long, value_name = "EVENT")]
    event: Vec<EventKind>,
    /// Only in containers of this image, such as alpine, registry.example.org/tools/* or deployer:2; may be repeated
    #[arg(long, value_name = "PATTERN")]
    image: Vec<ImagePattern>,
    /// Forget the limits of before: everywhere that it may be read
    #[arg(long, conflicts_with_all = ["stage", "event", "image"])]
    unlimited: bool,
}

impl Only {
    /// `None`: as before. What is said takes the place of all that was.
    fn limits(self) -> Option<SecretLimits> {
        let limits = SecretLimits {
            stages: self.stage,
            events: self.event,
            images: self.image,
        };
        (self.unlimited || limits != SecretLimits::default()).then_some(limits)
    }
}

pub(crate) async fn secret(context: &Context, args: SecretArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let (client, workspace, printer) = (&session.client, session.workspace.as_str(), &context.printer);
    match args.action {
        Action::Set {
            name,
            scope,
            only,
            file,
        } => {
            let wish = SecretSet {
                scope: scope.into(),
                name,
                value: input::secret(&file, "secret")?,
                limits: only.limits(),
            };
            let view = client.set_secret(workspace, &wish).await?;
            printer.show(&view, |_| kept(&view))?;
        }
        Action::List => {
            let secrets = pages::all(|page| async move { client.secrets(workspace, &page).await }).await?;
            printer.show(&secrets, |printer| table(&secrets, printer))?;
        }
        Action::Remove { name, scope } => {
            let scope = SecretScope::from(scope);
            let secret = find(&session, &name, &scope).await?;
            client.remove_secret(workspace, secret).await?;
            printer.say(&format!("{name} is removed for {}", reach(&scope)))?;
        }
    }
    Ok(Exit::Ok)
}

async fn find(session: &Session, name: &VariableName, scope: &SecretScope) -> anyhow::Result<SecretId> {
    let (client, workspace) = (&session.client, session.workspace.as_str());
    let secrets = pages::all(|page| async move { client.secrets(workspace, &page).await }).await?;
    let found = secrets
        .iter()
        .find(|secret| secret.name == *name && secret.scope == *scope);
    let missing = || Failure::not_found(format!("there is no secret {name} for {}", reach(scope)));
    Ok(found.ok_or_else(missing)?.id)
}

impl From<Scope> for SecretScope {
    fn from(scope: Scope) -> Self {
        match (scope.service, scope.environment) {
            (Some(service), _) => Self::Service { service },
            (None, Some(environment)) => Self::Environment { environment },
            (None, None) => Self::Workspace,
        }
    }
}

fn reach(scope: &SecretScope) -> String {
    match scope {
        SecretScope::Workspace => "every service".into(),
        SecretScope::Service { service } => format!("service {service}"),
        SecretScope::Environment { environment } => format!("environment {environment}"),
    }
}

fn kept(view: &SecretView) -> String {
    let limits = limited(view);
    let only = if limits.is_empty() {
        limits
    } else {
        format!(", only {limits}")
    };
    format!("{} is kept for {}{only}", view.name, reach(&view.scope))
}

fn limited(view: &SecretView) -> String {
    Limits::from(&view.limits).to_string()
}

fn table(secrets: &[SecretView], printer: &Printer) -> String {
    let now = Timestamp::now();
    let mut table = Table::new(&["SECRET", "FOR", "ONLY", "SET"]);
    for secret in secrets {
        table.row([
            Cell::from(&secret.name),
            reach(&secret.scope).into(),
            limited(secret).into(),
            age(secret.created_at, now).into(),
        ]);
    }
    table.render(
        printer,
        "There are no secrets; set one with: circle secret set NAME < FILE",
    )
}
