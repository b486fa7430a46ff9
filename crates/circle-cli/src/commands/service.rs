//! `circle service`: repositories and their settings.

mod credential;
mod inputs;
mod poll;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use circle_api::resources::{HookCreated, ImageHome, ServiceChange, ServiceCreate, ServiceView};
use circle_core::names::{BranchName, Slug};
use clap::{Args, Subcommand};

use super::pages;
use crate::context::{Context, Session};
use crate::exit::{Exit, Failure};
use crate::printer::Printer;
use crate::text::{Cell, Table};

/// Link repositories and change their settings
#[derive(Debug, Args)]
pub(crate) struct ServiceArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Link a repository; prints the hook's address, its secret (this once) and a post-receive script
    Add(AddArgs),
    /// Change what is given, leave the rest
    Set {
        name: Slug,
        /// https, http, ssh or git URL without credentials
        #[arg(long, value_name = "URL")]
        repository: Option<String>,
        #[command(flatten)]
        settings: Settings,
    },
    /// Open a private repository
    #[command(subcommand)]
    Credential(credential::Action),
    /// Declare inputs of runs beside those of the pipeline file
    #[command(subcommand)]
    Inputs(inputs::Action),
    /// Make a new hook secret; the old one ends at once
    RenewHook {
        name: Slug,
        /// Write the hook script to this file (mode 0700) instead of printing it
        #[arg(long, value_name = "FILE")]
        post_receive: Option<PathBuf>,
    },
    /// List the workspace's services
    List,
    /// Show one service, and what polling has seen of its repository
    Show { name: Slug },
    /// Unlink a repository; its active runs are cancelled
    Remove { name: Slug },
}

#[derive(Debug, Args)]
struct AddArgs {
    name: Slug,
    /// https, http, ssh or git URL without credentials
    #[arg(long, value_name = "URL")]
    repository: String,
    #[command(flatten)]
    settings: Settings,
    /// Write the hook script to this file (mode 0700) instead of printing it
    #[arg(long, value_name = "FILE")]
    post_receive: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Settings {
    /// The branch of a manual trigger that names none; main at first
    #[arg(long, value_name = "BRANCH")]
    default_branch: Option<BranchName>,
    /// Where the pipeline file lies; caicloud.yml at first
    #[arg(long, value_name = "PATH")]
    pipeline_path: Option<String>,
    /// Where images go that name no repository: a registry's name, a slash, the path beneath it
    #[arg(long, value_name = "REGISTRY/PATH", value_parser = parse_image)]
    image: Option<ImageHome>,
    /// Deploy a file without a `deploy` section to this environment; may be repeated
    #[arg(long = "deploy", value_name = "ENVIRONMENT")]
    default_deploys: Option<Vec<Slug>>,
    /// Longest wait in the queue, in seconds; 7200 at first
    #[arg(long, value_name = "SECONDS")]
    queue_timeout: Option<u64>,
    /// Runs at the same time; 10 at first
    #[arg(long, value_name = "N")]
    max_parallel: Option<u32>,
    /// Runs of one ref at the same time, where its pipeline file lets them run side by side; 1000 at first
    #[arg(long, value_name = "N")]
    max_parallel_ref: Option<u32>,
    /// Look at the repository for what was pushed, such as 5m, from 1m to 1d: for one that cannot call the hook; `off` at first
    #[arg(long, value_name = "TIME", value_parser = poll::interval)]
    poll: Option<u32>,
}

pub(crate) async fn service(context: &Context, args: ServiceArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let (client, workspace, printer) = (&session.client, session.workspace.as_str(), &context.printer);
    match args.action {
        Action::Credential(action) => credential::credential(&session, printer, action).await?,
        Action::Inputs(action) => inputs::inputs(&session, printer, action).await?,
        Action::Add(wish) => add(&session, printer, wish).await?,
        Action::Set {
            name,
            repository,
            settings,
        } => {
            let change = settings.changing(repository);
            let view = client.change_service(workspace, name.as_str(), &change).await?;
            printer.show(&view, |printer| table(std::slice::from_ref(&view), printer))?;
        }
        Action::RenewHook { name, post_receive } => {
            let hook = client.renew_hook(workspace, name.as_str()).await?;
            let note = keep_script(&hook, post_receive.as_deref())?;
            let done = format!("{name} has a new hook secret; the old one ended.\n{note}");
            printer.show(&hook, |_| done)?;
        }
        Action::List => {
            let services = pages::all(|page| async move { client.services(workspace, &page).await }).await?;
            printer.show(&services, |printer| table(&services, printer))?;
        }
        Action::Show { name } => {
            let view = client.service(workspace, name.as_str()).await?;
            let now = jiff::Timestamp::now();
            printer.show(&view, |printer| {
                let table = table(std::slice::from_ref(&view), printer);
                format!("{table}\n{}", poll::sentence(view.poll.as_ref(), now))
            })?;
        }
        Action::Remove { name } => {
            client.remove_service(workspace, name.as_str()).await?;
            printer.say(&format!("{name} is removed"))?;
        }
    }
    Ok(Exit::Ok)
}

async fn add(session: &Session, printer: &Printer, args: AddArgs) -> anyhow::Result<()> {
    let wish = args.settings.creating(args.name, args.repository);
    let created = session.client.create_service(&session.workspace, &wish).await?;
    let note = keep_script(&created.hook, args.post_receive.as_deref())?;
    printer.show(&created, |_| format!("{} is linked.\n{note}", created.service.name))
}

impl Settings {
    fn creating(self, name: Slug, repository: String) -> ServiceCreate {
        ServiceCreate {
            name,
            repository,
            default_branch: self.default_branch,
            pipeline_path: self.pipeline_path,
            image: self.image,
            default_deploys: self.default_deploys.unwrap_or_default(),
            queue_timeout_s: self.queue_timeout,
            max_parallel: self.max_parallel,
            max_parallel_ref: self.max_parallel_ref,
            poll_s: self.poll,
        }
    }

    fn changing(self, repository: Option<String>) -> ServiceChange {
        ServiceChange {
            repository,
            default_branch: self.default_branch,
            pipeline_path: self.pipeline_path,
            image: self.image,
            default_deploys: self.default_deploys,
            queue_timeout_s: self.queue_timeout,
            max_parallel: self.max_parallel,
            max_parallel_ref: self.max_parallel_ref,
            poll_s: self.poll,
            ..ServiceChange::default()
        }
    }
}

/// Writes the script if a file was named; says what to do with it.
fn keep_script(hook: &HookCreated, file: Option<&Path>) -> anyhow::Result<String> {
    let Some(path) = file else {
        return Ok(format!(
            "Hook address  {}\nHook secret   {} (shown this once)\n\n\
             Put this into hooks/post-receive of the bare repository, mode 0700:\n\n{}",
            hook.url,
            hook.secret.expose(),
            hook.post_receive.expose()
        ));
    };
    write_script(path, hook.post_receive.expose()).map_err(|error| {
        Failure::broken(format!(
            "the hook script cannot be written to {}: {error}",
            path.display()
        ))
    })?;
    Ok(format!("Hook address  {}\nHook script   {}", hook.url, path.display()))
}

/// The mode is set before the secret is in the file, also when the file was there before.
fn write_script(path: &Path, script: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o700)
        .open(path)?;
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    file.write_all(script.as_bytes())
}

fn table(services: &[ServiceView], printer: &Printer) -> String {
    let mut table = Table::new(&[
        "SERVICE",
        "REPOSITORY",
        "BRANCH",
        "FILE",
        "IMAGES",
        "DEPLOYS",
        "OPENED WITH",
        "HOOK",
    ]);
    for service in services {
        let image = service
            .image
            .as_ref()
            .map(|home| format!("{}/{}", home.registry, home.path));
        let deploys: Vec<&str> = service.default_deploys.iter().map(Slug::as_str).collect();
        table.row([
            Cell::from(&service.name),
            service.repository.as_str().into(),
            service.default_branch.as_str().into(),
            service.pipeline_path.as_str().into(),
            image.unwrap_or_default().into(),
            deploys.join(" ").into(),
            service
                .credential
                .as_ref()
                .map(credential::word)
                .unwrap_or_default()
                .into(),
            service.hook_url.as_str().into(),
        ]);
    }
    table.render(
        printer,
        "There are no services; link one with: circle service add NAME --repository URL",
    )
}

fn parse_image(text: &str) -> Result<ImageHome, String> {
    let (registry, path) = text
        .split_once('/')
        .ok_or("write the registry's name, a slash, and the path beneath it")?;
    let registry = Slug::new(registry).map_err(|error| error.to_string())?;
    Ok(ImageHome {
        registry,
        path: path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::write_script;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_hook_script_is_for_its_owner_only_even_over_an_open_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("post-receive");
        fs::write(&path, "an old, longer script that everybody could read").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("changed");
        write_script(&path, "#!/bin/sh\n").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("readable"), "#!/bin/sh\n");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o700);
    }
}
