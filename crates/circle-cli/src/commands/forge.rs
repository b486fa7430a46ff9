//! `circle forge`: where repositories live, hooks come from and statuses go to.

use std::path::PathBuf;

use circle_api::resources::{
    ForgeCheck, ForgeCreate, ForgeHookState, ForgeKind, ForgeLinkCreate, ForgeOauthBegin, ForgeOauthBegun,
    ForgeOauthFinish, ForgeRepositoryQuery, ForgeRepositoryView, ForgeToken, ForgeView, Page, ServiceView,
};
use circle_api::worker::SecretValue;
use circle_core::names::Slug;
use clap::{Args, Subcommand, ValueEnum};

use super::{input, pages};
use crate::context::{Context, Session};
use crate::exit::Exit;
use crate::paint::Tone;
use crate::printer::Printer;
use crate::text::{Cell, Table};

/// Connect GitHub, GitLab, Gitea and Forgejo, and link their repositories
#[derive(Debug, Args)]
pub(crate) struct ForgeArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Connect a forge with a token of somebody who administers the repositories
    Add(AddArgs),
    /// Connect a forge by OAuth: says where to let Circle in
    Begin(BeginArgs),
    /// Finish what `begin` began, with the code that the browser shows
    Finish { code: String },
    /// List the workspace's forges
    List,
    /// List the repositories of the token's owner, and why one cannot be linked
    Repositories {
        name: Slug,
        /// Part of OWNER/NAME
        #[arg(long)]
        search: Option<String>,
    },
    /// Link a repository: makes a service and its hook
    Link {
        name: Slug,
        /// OWNER/NAME
        repository: String,
        /// The service's name; the repository's own at first
        #[arg(long, value_name = "NAME")]
        service: Option<Slug>,
        /// Where the pipeline file lies; caicloud.yml at first
        #[arg(long, value_name = "PATH")]
        pipeline_path: Option<String>,
    },
    /// Look whether the token and every hook are as they must be
    Check {
        name: Slug,
        /// Make missing hooks and mend wrong ones
        #[arg(long)]
        repair: bool,
    },
    /// Give another token; the one before is forgotten
    SetToken {
        name: Slug,
        /// A file with the token; - reads standard input
        #[arg(long, value_name = "FILE")]
        token_file: PathBuf,
    },
    /// Forget a forge and its token
    Remove { name: Slug },
}

#[derive(Debug, Args)]
struct AddArgs {
    name: Slug,
    /// What it is; Forgejo is a gitea
    #[arg(long)]
    kind: Kind,
    /// As a browser opens it; github.com and gitlab.com need none
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// A file with the token; - reads standard input
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
}

#[derive(Debug, Args)]
struct BeginArgs {
    name: Slug,
    /// What it is; Forgejo is a gitea
    #[arg(long)]
    kind: Kind,
    /// As a browser opens it; github.com and gitlab.com need none
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// Of the application that is registered there
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// A file with the application's secret; - reads standard input
    #[arg(long, value_name = "FILE")]
    client_secret_file: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Github,
    Gitlab,
    Gitea,
}

impl AddArgs {
    fn wish(self) -> anyhow::Result<ForgeCreate> {
        Ok(ForgeCreate {
            name: self.name,
            kind: self.kind.into(),
            address: self.address,
            token: input::secret(&self.token_file, "token")?,
        })
    }
}

impl BeginArgs {
    fn wish(self) -> anyhow::Result<ForgeOauthBegin> {
        Ok(ForgeOauthBegin {
            name: self.name,
            kind: self.kind.into(),
            address: self.address,
            client_id: self.client_id,
            client_secret: input::secret(&self.client_secret_file, "client secret")?,
        })
    }
}

pub(crate) async fn forge(context: &Context, args: ForgeArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let (client, workspace, printer) = (&session.client, session.workspace.as_str(), &context.printer);
    match args.action {
        Action::Add(args) => {
            let view = client.create_forge(workspace, &args.wish()?).await?;
            printer.show(&view, |_| connected(&view))?;
        }
        Action::Begin(args) => {
            let begun = client.begin_forge_oauth(workspace, &args.wish()?).await?;
            printer.show(&begun, |_| to_open(&begun))?;
        }
        Action::Finish { code } => {
            let wish = ForgeOauthFinish {
                code: SecretValue::new(code),
            };
            let view = client.finish_forge_oauth(workspace, &wish).await?;
            printer.show(&view, |_| connected(&view))?;
        }
        Action::List => {
            let forges = pages::all(|page| async move { client.forges(workspace, &page).await }).await?;
            printer.show(&forges, |printer| table(&forges, printer))?;
        }
        Action::Repositories { name, search } => repositories(&session, printer, &name, search).await?,
        Action::Link {
            name,
            repository,
            service,
            pipeline_path,
        } => {
            let wish = ForgeLinkCreate {
                repository,
                name: service,
                pipeline_path,
            };
            let view = client.link_repository(workspace, name.as_str(), &wish).await?;
            printer.show(&view, |_| linked(&view))?;
        }
        Action::Check { name, repair } => {
            let check = client.check_forge(workspace, name.as_str(), repair).await?;
            printer.show(&check, |printer| checked(&check, printer))?;
        }
        Action::SetToken { name, token_file } => {
            let wish = ForgeToken {
                token: input::secret(&token_file, "token")?,
            };
            let view = client.set_forge_token(workspace, name.as_str(), &wish).await?;
            printer.show(&view, |_| format!("{} is connected as {}", view.name, view.account))?;
        }
        Action::Remove { name } => {
            client.remove_forge(workspace, name.as_str()).await?;
            printer.say(&format!("forge {name} is removed"))?;
        }
    }
    Ok(Exit::Ok)
}

fn to_open(begun: &ForgeOauthBegun) -> String {
    format!(
        "The application's redirect address must be  {}\nOpen this within ten minutes, and let Circle in:\n\n{}",
        begun.redirect_uri, begun.authorize_url
    )
}

/// Pages of a forge that one listing shows; beyond it `--search` finds what is wanted.
const PAGES: usize = 40;

async fn repositories(session: &Session, printer: &Printer, name: &Slug, search: Option<String>) -> anyhow::Result<()> {
    let mut query = ForgeRepositoryQuery { search, cursor: None };
    let mut all = Vec::new();
    for _ in 0..PAGES {
        let page = session
            .client
            .forge_repositories(&session.workspace, name.as_str(), &query);
        let Page { items, next } = page.await?;
        all.extend(items);
        query.cursor = next;
        if query.cursor.is_none() {
            break;
        }
    }
    printer.show(&all, |printer| found(&all, printer))
}

fn connected(view: &ForgeView) -> String {
    format!("{} is connected as {} at {}", view.name, view.account, view.address)
}

fn linked(service: &ServiceView) -> String {
    format!(
        "{} is linked to {}.\nThe forge calls  {}",
        service.name, service.repository, service.hook_url
    )
}

fn found(repositories: &[ForgeRepositoryView], printer: &Printer) -> String {
    let mut table = Table::new(&["REPOSITORY", "BRANCH", "PRIVATE", "SERVICES", "NOTE"]);
    for repository in repositories {
        let services: Vec<&str> = repository.services.iter().map(Slug::as_str).collect();
        table.row([
            Cell::from(repository.full_name.as_str()),
            repository.default_branch.as_deref().unwrap_or_default().into(),
            if repository.private { "yes" } else { "no" }.into(),
            services.join(" ").into(),
            repository.why_not.as_deref().unwrap_or_default().into(),
        ]);
    }
    table.render(printer, "There are no such repositories.")
}

fn checked(check: &ForgeCheck, printer: &Printer) -> String {
    let mut table = Table::new(&["SERVICE", "REPOSITORY", "HOOK", "NOTE"]);
    for hook in &check.hooks {
        let (word, tone, note) = match &hook.state {
            ForgeHookState::Good => ("good", Tone::Good, ""),
            ForgeHookState::Repaired => ("repaired", Tone::Good, ""),
            ForgeHookState::Missing => ("missing", Tone::Bad, "make it with --repair"),
            ForgeHookState::Wrong { why } => ("wrong", Tone::Bad, why.as_str()),
        };
        table.row([
            Cell::from(&hook.service),
            hook.repository.as_str().into(),
            Cell::toned(word, tone),
            note.into(),
        ]);
    }
    let hooks = table.render(
        printer,
        "No repository is linked through it; link one with: circle forge link",
    );
    format!("The token is {}'s and good.\n\n{hooks}", check.account)
}

fn table(forges: &[ForgeView], printer: &Printer) -> String {
    let mut table = Table::new(&["FORGE", "KIND", "ADDRESS", "CONNECTED AS"]);
    for forge in forges {
        let kind = match forge.kind {
            ForgeKind::Github => "github",
            ForgeKind::Gitlab => "gitlab",
            ForgeKind::Gitea => "gitea",
        };
        table.row([
            Cell::from(&forge.name),
            kind.into(),
            forge.address.as_str().into(),
            forge.account.as_str().into(),
        ]);
    }
    table.render(
        printer,
        "There are no forges; connect one with: circle forge add NAME --kind KIND --token-file FILE",
    )
}

impl From<Kind> for ForgeKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Github => Self::Github,
            Kind::Gitlab => Self::Gitlab,
            Kind::Gitea => Self::Gitea,
        }
    }
}
