//! Everything that the demo starts, in one folder, and how it ends.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use circle_api::client::{Client, Endpoint};
use circle_api::resources::{EnvironmentCreate, RegistryCreate, SwarmEndpoint, TargetCreate};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_api::worker::SecretValue;
use circle_cell::process::{InitProgram, NetworkPolicy, ProcessConfig, ProcessProvider};
use circle_core::names::Slug;
use circle_lab::{Child, Credentials, GitServer, Registry, Swarm};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::command::DemoArgs;
use super::telling::Telling;

/// Longest wait until Circle answers: a first start makes keys and cells.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Longest wait until Circle has ended.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// The demo's servers.
#[derive(Debug)]
pub(super) struct Machine {
    folder: PathBuf,
    port: u16,
    registry: Registry,
    git: GitServer,
    swarm: Swarm,
    provider: ProcessProvider,
    circle: Child,
    client: Client,
}

impl Machine {
    pub(super) async fn start(options: &DemoArgs, telling: &mut Telling) -> Result<Self> {
        let folder = Folder::make()?;
        let credentials = Credentials {
            username: "circle".into(),
            password: uuid_text(),
        };
        let registry = Registry::start(&folder.path.join("registry"), Some(&credentials)).await?;
        telling.note(&format!("registry       {} (asks for a password)", registry.address()));
        let git = GitServer::start(&folder.path.join("git")).await?;
        telling.note(&format!("git            git://{}", git.address()));
        let provider = ProcessProvider::open(ProcessConfig {
            network: NetworkPolicy::default(),
            ..ProcessConfig::new(folder.path.join("swarm"), InitProgram::this_program())
        })?;
        let swarm = Swarm::start(&provider, vec![registry.address().parse()?]).await?;
        swarm.open_to_everybody()?;
        telling.note(&format!("Docker Swarm   {} (a cell of its own)", swarm.address()));
        let circle = start_circle(&folder.path, options, (registry.address(), git.address()))?;
        let client = answering(&circle, &folder.path.join("data")).await?;
        telling.note(&format!("Circle         http://127.0.0.1:{}", options.port));
        let machine = Self {
            folder: folder.keep(),
            port: options.port,
            registry,
            git,
            swarm,
            provider,
            circle,
            client,
        };
        machine.introduce(&credentials).await?;
        Ok(machine)
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn git(&self) -> &GitServer {
        &self.git
    }

    pub(super) fn swarm(&self) -> &Swarm {
        &self.swarm
    }

    /// Makes registry, target and environment known to Circle, as an operator does once.
    async fn introduce(&self, credentials: &Credentials) -> Result<()> {
        let registry = RegistryCreate {
            name: Slug::new("local")?,
            address: self.registry.address(),
            username: Some(credentials.username.clone()),
            password: Some(SecretValue::new(&credentials.password)),
        };
        self.client.create_registry(DEFAULT_WORKSPACE, &registry).await?;
        let target = TargetCreate {
            name: Slug::new("swarm")?,
            swarm: SwarmEndpoint {
                endpoint: self.swarm.endpoint(),
                tls_bundle: None,
            },
        };
        self.client.create_target(DEFAULT_WORKSPACE, &target).await?;
        let environment = EnvironmentCreate {
            name: Slug::new("production")?,
            target: target.name.clone(),
            protected_refs: vec!["refs/heads/main".into()],
            deadline_s: Some(60),
            stabilise_s: Some(1),
        };
        self.client.create_environment(DEFAULT_WORKSPACE, &environment).await?;
        Ok(())
    }

    pub(super) fn how_to_look_around(&self, telling: &mut Telling) {
        let program = std::env::current_exe().unwrap_or_else(|_| "circle".into());
        let data = self.folder.join("data");
        telling.chapter("It keeps running. Look around, then press Ctrl-C to take it down");
        telling.note(&format!("export CIRCLE_SERVER=http://127.0.0.1:{}", self.port));
        telling.note(&format!(
            "export CIRCLE_TOKEN=$(cat {})",
            data.join("server/admin-token").display()
        ));
        telling.note(&format!("{} runs | show 1 | logs 1", program.display()));
        telling.note(&format!("the API, described: http://127.0.0.1:{}/docs", self.port));
        telling.note(&format!("the repository: {}/git/trees/hello", self.folder.display()));
    }

    /// Ends everything and removes the folder.
    pub(super) async fn stop(mut self) -> Result<()> {
        let circle = end(&mut self.circle).await;
        let swarm = self.swarm.stop().await.context("take the Swarm down");
        self.registry.stop().await?;
        self.git.stop().await?;
        circle?;
        swarm?;
        // What cells are kept on is mounted in the folder for as long as the provider lives.
        drop(self.provider);
        std::fs::remove_dir_all(&self.folder).with_context(|| format!("remove {}", self.folder.display()))
    }
}

/// A folder that is removed again when the start fails.
struct Folder {
    path: PathBuf,
    kept: bool,
}

impl Folder {
    fn make() -> Result<Self> {
        let path = PathBuf::from(format!(
            "/var/tmp/circle-demo-{}-{}",
            std::process::id(),
            &uuid_text()[..4]
        ));
        std::fs::create_dir_all(&path).with_context(|| format!("make {}", path.display()))?;
        Ok(Self { path, kept: false })
    }

    fn keep(mut self) -> PathBuf {
        self.kept = true;
        self.path.clone()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept {
            // The start has failed already; a folder that stays is the smaller trouble and has a telling name.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

fn start_circle(folder: &Path, options: &DemoArgs, (registry, git): (String, String)) -> Result<Child> {
    let mut arguments = vec![
        "up".to_owned(),
        "--data".into(),
        folder.join("data").display().to_string(),
    ];
    arguments.extend(["--listen".into(), format!("127.0.0.1:{}", options.port)]);
    for relay in [&registry, &git] {
        arguments.extend(["--relay".into(), relay.clone()]);
    }
    // The demo's git is on this machine, which is closed to the server unless somebody opens it.
    arguments.extend(["--allow-outgoing".into(), git]);
    for image in &options.images {
        arguments.extend(["--image".into(), image.display().to_string()]);
    }
    let program = std::env::current_exe().context("where this program lies")?;
    Ok(Child::start(
        &program.display().to_string(),
        arguments,
        &folder.join("circle.log"),
    )?)
}

async fn answering(circle: &Child, data: &Path) -> Result<Client> {
    let start = Instant::now();
    loop {
        let client = administrator(data);
        if let Ok(client) = &client
            && client.health().await.is_ok()
        {
            return Ok(client.clone());
        }
        if start.elapsed() > START_LIMIT {
            bail!("Circle does not answer; the end of its log: {}", circle.log_end());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn administrator(data: &Path) -> Result<Client> {
    let token = std::fs::read_to_string(data.join("server/admin-token"))?;
    let endpoint = Endpoint::Unix(data.join("server/circle.sock"));
    Ok(Client::new(endpoint, Some(&SecretValue::new(token.trim())))?)
}

async fn end(circle: &mut Child) -> Result<()> {
    let pid = i32::try_from(circle.pid().context("Circle has ended by itself")?)?;
    kill(Pid::from_raw(pid), Signal::SIGTERM)?;
    let waited = tokio::time::timeout(STOP_LIMIT, circle.wait()).await;
    waited.with_context(|| format!("Circle does not end; the end of its log: {}", circle.log_end()))??;
    Ok(())
}

/// 32 random hex digits.
fn uuid_text() -> String {
    format!("{:032x}", rand::random::<u128>())
}
