//! `circle token`: credentials for the API.

use circle_api::resources::{TokenCreate, TokenScope, TokenView};
use circle_core::ids::TokenId;
use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::pages;
use crate::context::Context;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::text::{Cell, Table, age};

/// Make and end tokens of the API
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token; its value is printed this once
    Add {
        /// What it is for; it stands in the audit
        name: String,
        /// How long it works, in seconds; until removed when absent
        #[arg(long, value_name = "SECONDS")]
        valid: Option<u64>,
        /// Nothing beyond this; all that you may when absent
        #[arg(long, value_enum)]
        scope: Option<Scope>,
        /// Nothing outside this workspace
        #[arg(long, value_name = "WORKSPACE")]
        only: Option<String>,
    },
    /// List tokens without their values
    List,
    /// End a token
    Remove { id: TokenId },
}

/// What a token may do at most.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Scope {
    Read,
    Run,
    Deploy,
    Admin,
}

impl From<Scope> for TokenScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Read => Self::Read,
            Scope::Run => Self::Run,
            Scope::Deploy => Self::Deploy,
            Scope::Admin => Self::Admin,
        }
    }
}

fn scope_word(scope: TokenScope) -> &'static str {
    match scope {
        TokenScope::Read => "read",
        TokenScope::Run => "run",
        TokenScope::Deploy => "deploy",
        TokenScope::Admin => "admin",
    }
}

pub(crate) async fn token(context: &Context, args: TokenArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let (client, printer) = (&session.client, &context.printer);
    match args.action {
        Action::Add {
            name,
            valid,
            scope,
            only,
        } => {
            let wish = TokenCreate {
                name,
                valid_s: valid,
                scope: scope.map(Into::into),
                workspace: only,
            };
            let created = client.create_token(&wish).await?;
            printer.show(&created, |_| created.value.expose().to_owned())?;
        }
        Action::List => {
            let tokens = pages::all(|page| async move { client.tokens(&page).await }).await?;
            printer.show(&tokens, |printer| table(&tokens, printer))?;
        }
        Action::Remove { id } => {
            client.revoke_token(id).await?;
            printer.say("the token is ended")?;
        }
    }
    Ok(Exit::Ok)
}

fn table(tokens: &[TokenView], printer: &Printer) -> String {
    let now = Timestamp::now();
    let mut table = Table::new(&["TOKEN", "NAME", "SCOPE", "EXPIRES", "USED", "MADE"]);
    for token in tokens {
        table.row([
            Cell::from(token.id),
            token.name.as_str().into(),
            token.scope.map_or("all", scope_word).into(),
            token
                .expires_at
                .map(|at| at.to_string())
                .unwrap_or_else(|| "never".into())
                .into(),
            token
                .used_at
                .map(|at| age(at, now))
                .unwrap_or_else(|| "never".into())
                .into(),
            age(token.created_at, now).into(),
        ]);
    }
    table.render(printer, "There are no tokens.")
}
