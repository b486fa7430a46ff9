//! `circle identity`: the systems by which people sign in.

use std::path::PathBuf;

use circle_api::resources::people::{
    IdentityKind, IdentityProviderChange, IdentityProviderCheck, IdentityProviderCreate, IdentityProviderView,
};
use circle_api::routes;
use circle_core::names::Slug;
use clap::{Args, Subcommand, ValueEnum};

use super::{input, pages};
use crate::context::Context;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::text::{Cell, Table};

/// Let people sign in by GitHub, GitLab, Gitea, Forgejo or OpenID Connect
#[derive(Debug, Args)]
pub(crate) struct IdentityArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say which address the application must send people back to, before it is registered there
    Callback { name: Slug },
    /// Add a provider with the application that is registered there
    Add(AddArgs),
    /// List providers
    List,
    /// Look whether a provider answers and knows the application
    Check { name: Slug },
    /// Change the application, or who gets an account
    Set(SetArgs),
    /// Forget a provider that is nobody's only way to sign in
    Remove { name: Slug },
}

#[derive(Debug, Args)]
struct AddArgs {
    name: Slug,
    /// What it is; Forgejo is a gitea
    #[arg(long)]
    kind: Kind,
    /// As a browser opens it, or the issuer of an oidc; github.com and gitlab.com need none
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// Of the application that is registered there
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// A file with the application's secret; - reads standard input
    #[arg(long, value_name = "FILE")]
    client_secret_file: PathBuf,
    /// Give an account to whoever signs in without an invitation; it may nothing before somebody gives it a role
    #[arg(long)]
    create_accounts: bool,
    /// Only to people with a verified address of mail in this domain, of an oidc; may be repeated
    #[arg(long, value_name = "DOMAIN")]
    email_domain: Vec<String>,
}

#[derive(Debug, Args)]
struct SetArgs {
    name: Slug,
    /// Another application
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// A file with another secret; - reads standard input
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// Whether whoever signs in without an invitation gets an account
    #[arg(long, value_name = "true|false")]
    create_accounts: Option<bool>,
    /// Only people with a verified address of mail in this domain; may be repeated, and replaces those before
    #[arg(long, value_name = "DOMAIN")]
    email_domain: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Github,
    Gitlab,
    Gitea,
    Oidc,
}

impl From<Kind> for IdentityKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Github => Self::Github,
            Kind::Gitlab => Self::Gitlab,
            Kind::Gitea => Self::Gitea,
            Kind::Oidc => Self::Oidc,
        }
    }
}

impl AddArgs {
    fn wish(self) -> anyhow::Result<IdentityProviderCreate> {
        Ok(IdentityProviderCreate {
            name: self.name,
            kind: self.kind.into(),
            address: self.address,
            client_id: self.client_id,
            client_secret: input::secret(&self.client_secret_file, "client secret")?,
            create_accounts: self.create_accounts,
            email_domains: self.email_domain,
        })
    }
}

impl SetArgs {
    fn wish(self) -> anyhow::Result<IdentityProviderChange> {
        let secret = self
            .client_secret_file
            .map(|file| input::secret(&file, "client secret"));
        Ok(IdentityProviderChange {
            client_id: self.client_id,
            client_secret: secret.transpose()?,
            create_accounts: self.create_accounts,
            email_domains: Some(self.email_domain).filter(|domains| !domains.is_empty()),
        })
    }
}

pub(crate) async fn identity(context: &Context, args: IdentityArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let (client, printer) = (&session.client, &context.printer);
    match args.action {
        Action::Callback { name } => {
            let back = routes::fill(routes::SIGN_IN_BACK, &[name.as_str()]);
            let address = format!("{}{back}", client.server().await?.url);
            printer.show(&address, |_| address.clone())?;
        }
        Action::Add(args) => {
            let view = client.create_identity_provider(&args.wish()?).await?;
            printer.show(&view, |_| added(&view))?;
        }
        Action::List => {
            let all = pages::all(|page| async move { client.identity_providers(&page).await }).await?;
            printer.show(&all, |printer| table(&all, printer))?;
        }
        Action::Check { name } => {
            let check = client.check_identity_provider(name.as_str()).await?;
            printer.show(&check, |_| checked(&check))?;
            if !check.good {
                return Ok(Exit::Failed);
            }
        }
        Action::Set(args) => {
            let name = args.name.clone();
            let view = client.change_identity_provider(name.as_str(), &args.wish()?).await?;
            printer.show(&view, |_| format!("{name} is changed: {}", who(&view)))?;
        }
        Action::Remove { name } => {
            client.remove_identity_provider(name.as_str()).await?;
            printer.say(&format!("nobody signs in by {name} any more"))?;
        }
    }
    Ok(Exit::Ok)
}

fn added(view: &IdentityProviderView) -> String {
    format!(
        "{} is on the page for signing in: {}.\nThe application must send people back to  {}",
        view.name,
        who(view),
        view.redirect_uri
    )
}

fn who(view: &IdentityProviderView) -> String {
    match (view.create_accounts, view.email_domains.as_slice()) {
        (false, _) => "people who were invited, or have linked it".into(),
        (true, []) => "everybody whom it knows".into(),
        (true, domains) => format!("everybody with a verified address in {}", domains.join(", ")),
    }
}

fn checked(check: &IdentityProviderCheck) -> String {
    let mut lines = check.findings.clone();
    lines.push(format!(
        "The application must send people back to  {}",
        check.redirect_uri
    ));
    lines.join("\n")
}

fn table(all: &[IdentityProviderView], printer: &Printer) -> String {
    let mut table = Table::new(&["NAME", "KIND", "ADDRESS", "LETS IN"]);
    for view in all {
        table.row([
            Cell::from(view.name.as_str()),
            view.kind.word().into(),
            view.address.as_str().into(),
            who(view).into(),
        ]);
    }
    table.render(
        printer,
        "People sign in with a name and a password only: circle identity add lets them in by another system.",
    )
}
