//! `circle environment`: named places to deploy to, and which workload each service is there.

use circle_api::resources::{
    EnvironmentChange, EnvironmentCreate, EnvironmentView, WorkloadBind, WorkloadCreate, WorkloadHealth,
};
use circle_core::names::Slug;
use clap::{Args, Subcommand};

use super::pages;
use crate::context::{Context, Session};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::text::{Cell, Table};

mod history;

/// Say where services are deployed, and from which refs
#[derive(Debug, Args)]
pub(crate) struct EnvironmentArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make an environment
    Add {
        name: Slug,
        #[arg(long)]
        target: Slug,
        #[command(flatten)]
        rules: Rules,
    },
    /// Change what is given, leave the rest
    Set {
        name: Slug,
        #[arg(long)]
        target: Option<Slug>,
        #[command(flatten)]
        rules: Rules,
    },
    /// List the workspace's environments
    List,
    /// Remove an environment; what runs on the target stays
    Remove { name: Slug },
    /// Say which workload on the target a service is
    Bind(BindArgs),
    /// Do not deploy a service there any more; what runs on the target stays
    Unbind { environment: Slug, service: Slug },
    /// List what was deployed there, newest first
    History(history::HistoryArgs),
}

#[derive(Debug, Args)]
struct Rules {
    /// A glob over full refs that may deploy, such as refs/heads/main or refs/tags/v*; may be repeated; none = no ref may
    #[arg(long = "protect", value_name = "GLOB")]
    protected_refs: Option<Vec<String>>,
    /// A rollout that is not healthy by then has failed, in seconds; 600 at first
    #[arg(long, value_name = "SECONDS")]
    deadline: Option<u64>,
    /// How long it must stay healthy, in seconds; 15 at first
    #[arg(long, value_name = "SECONDS")]
    stabilise: Option<u64>,
}

#[derive(Debug, Args)]
struct BindArgs {
    environment: Slug,
    service: Slug,
    /// The workload's name on the target: a Swarm service
    #[arg(long)]
    workload: String,
    /// Where the deployed service answers; found from the target when absent
    #[arg(long)]
    url: Option<String>,
    /// Make the workload at the first deployment if it is not there
    #[arg(long)]
    create: bool,
    /// With --create: the container's TCP port to publish
    #[arg(long, requires = "create")]
    port: Option<u16>,
    /// With --create: how many; 1 when absent
    #[arg(long, requires = "create", value_name = "N")]
    replicas: Option<u32>,
    /// With --create: a variable; may be repeated; no secrets
    #[arg(long = "env", requires = "create", value_name = "NAME=VALUE", value_parser = parse_pair)]
    env: Vec<(String, String)>,
    /// With --create: a command in the container that exits 0 when it is healthy; the words follow, so it comes last
    #[arg(long, requires = "create", value_name = "WORD", num_args = 1.., allow_hyphen_values = true)]
    health: Vec<String>,
}

pub(crate) async fn environment(context: &Context, args: EnvironmentArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let (client, workspace, printer) = (&session.client, session.workspace.as_str(), &context.printer);
    match args.action {
        Action::Add { name, target, rules } => {
            let wish = rules.creating(name, target);
            let view = client.create_environment(workspace, &wish).await?;
            printer.show(&view, |_| format!("environment {} is made", view.name))?;
        }
        Action::Set { name, target, rules } => {
            let change = rules.changing(target);
            let view = client.change_environment(workspace, name.as_str(), &change).await?;
            printer.show(&view, |printer| table(std::slice::from_ref(&view), printer))?;
        }
        Action::List => {
            let all = pages::all(|page| async move { client.environments(workspace, &page).await }).await?;
            printer.show(&all, |printer| table(&all, printer))?;
        }
        Action::Remove { name } => {
            client.remove_environment(workspace, name.as_str()).await?;
            printer.say(&format!("environment {name} is removed"))?;
        }
        Action::Bind(wish) => bind(&session, printer, &wish).await?,
        Action::Unbind { environment, service } => {
            let place = (environment.as_str(), service.as_str());
            client.unbind_workload(workspace, place).await?;
            printer.say(&format!("{service} is not deployed to {environment} any more"))?;
        }
        Action::History(wish) => history::history(&session, printer, wish).await?,
    }
    Ok(Exit::Ok)
}

async fn bind(session: &Session, printer: &Printer, args: &BindArgs) -> anyhow::Result<()> {
    let place = (args.environment.as_str(), args.service.as_str());
    let view = session
        .client
        .bind_workload(&session.workspace, place, &args.wish())
        .await?;
    printer.show(&view, |printer| table(std::slice::from_ref(&view), printer))
}

impl Rules {
    fn creating(self, name: Slug, target: Slug) -> EnvironmentCreate {
        EnvironmentCreate {
            name,
            target,
            protected_refs: self.protected_refs.unwrap_or_default(),
            deadline_s: self.deadline,
            stabilise_s: self.stabilise,
        }
    }

    fn changing(self, target: Option<Slug>) -> EnvironmentChange {
        EnvironmentChange {
            target,
            protected_refs: self.protected_refs,
            deadline_s: self.deadline,
            stabilise_s: self.stabilise,
        }
    }
}

impl BindArgs {
    fn wish(&self) -> WorkloadBind {
        let health = (!self.health.is_empty()).then(|| WorkloadHealth {
            command: self.health.clone(),
            interval_ms: 1_000,
            timeout_ms: 1_000,
            retries: 3,
        });
        let create = self.create.then(|| WorkloadCreate {
            port: self.port,
            replicas: self.replicas.unwrap_or(1),
            env: self.env.iter().cloned().collect(),
            health,
        });
        WorkloadBind {
            workload: self.workload.clone(),
            url: self.url.clone(),
            create,
        }
    }
}

fn table(environments: &[EnvironmentView], printer: &Printer) -> String {
    let mut table = Table::new(&[
        "ENVIRONMENT",
        "TARGET",
        "PROTECTED REFS",
        "DEADLINE",
        "STABILISE",
        "WORKLOADS",
    ]);
    for environment in environments {
        let workloads: Vec<String> = environment
            .workloads
            .iter()
            .map(|one| format!("{}={}", one.service_name, one.workload))
            .collect();
        let refs = &environment.protected_refs;
        table.row([
            Cell::from(&environment.name),
            environment.target.as_str().into(),
            if refs.is_empty() {
                "none".into()
            } else {
                refs.join(" ").into()
            },
            format!("{} s", environment.deadline_s).into(),
            format!("{} s", environment.stabilise_s).into(),
            workloads.join(" ").into(),
        ]);
    }
    table.render(
        printer,
        "There are no environments; add one with: circle environment add NAME --target TARGET",
    )
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}
