//! A whole Circle: server and worker as processes of the real binary, and the real servers beside them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use circle_api::client::{Client, Endpoint};
use circle_api::resources::{
    EnvironmentCreate, RegistryChange, RegistryCreate, SecretSet, SwarmEndpoint, TargetCreate, WorkloadBind,
    WorkspaceCreate,
};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_api::worker::SecretValue;
use circle_cell::process::{InitProgram, ProcessConfig, ProcessProvider};
use circle_core::names::Slug;
use circle_lab::{Child, Credentials, GitServer, Registry, Swarm, free_port};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::debris::{Debris, Scope};
use crate::images::image;
use crate::private::Private;
use crate::program::program;
use crate::service::StoryService;
use crate::tap::Taps;
use crate::until::until;

/// Longest wait for a server or worker to be there.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Longest wait for a process that was asked to end.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// The user of the registry.
const REGISTRY_USER: &str = "pusher";
/// Its password.
const REGISTRY_PASSWORD: &str = "right-password-of-the-registry";

/// What a story needs beside the ordinary.
#[derive(Debug, Clone)]
pub struct Options {
    /// The registry asks for a password, and Circle knows it.
    pub registry_password: bool,
    /// A Swarm stands by as the target `swarm` of the environment `production`, which `main` may reach.
    pub swarm: bool,
    /// The repositories are also behind a password over http and behind a deploy key over ssh.
    pub private: bool,
    /// Images that cells hold from the beginning.
    pub images: Vec<&'static str>,
    /// Cells at the same time.
    pub cells: u32,
    /// A worker that is silent for so long has lost its run; the server's own when absent.
    pub lease_ms: Option<u32>,
    /// A private network that the server may call for a workspace, beside the story's repositories.
    pub allow_outgoing: Option<&'static str>,
    /// The address at which the server listens; people and workers are told of loopback all the same.
    pub listen: &'static str,
    /// Cells reach the repositories and the registry through [`Circle::taps`].
    pub taps: bool,
    /// More words for the worker's command line.
    pub worker: &'static [&'static str],
}

impl Default for Options {
    fn default() -> Self {
        Self {
            registry_password: false,
            swarm: false,
            private: false,
            images: vec!["busybox"],
            cells: 2,
            lease_ms: None,
            allow_outgoing: None,
            listen: "127.0.0.1",
            taps: false,
            worker: &[],
        }
    }
}

/// A running Circle; dropping it kills everything that it started.
#[derive(Debug)]
pub struct Circle {
    server: Option<Child>,
    worker: Option<Child>,
    client: Client,
    registry: Registry,
    git: GitServer,
    private: Option<Private>,
    taps: Option<Taps>,
    swarm: Option<(Swarm, ProcessProvider)>,
    options: Options,
    images: Vec<PathBuf>,
    port: u16,
    folder: TempDir,
}

impl Circle {
    /// Starts registry, git server, server and worker, and makes the registry known.
    ///
    /// # Errors
    /// When anything of it does not come up.
    pub async fn start(options: Options) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("circle-story-")
            .tempdir_in("/var/tmp")?;
        open_for_others(folder.path())?;
        let images = options.images.iter().map(|name| image(name)).collect::<Result<_>>()?;
        let credentials = Credentials {
            username: REGISTRY_USER.into(),
            password: REGISTRY_PASSWORD.into(),
        };
        let registry = Registry::start(
            &folder.path().join("registry"),
            options.registry_password.then_some(&credentials),
        )
        .await?;
        let git = GitServer::start(&folder.path().join("git")).await?;
        let private = match options.private {
            true => Some(Private::start(folder.path()).await?),
            false => None,
        };
        let taps = match options.taps {
            true => Some(Taps::before(&git, &registry).await?),
            false => None,
        };
        let mut circle = Self {
            server: None,
            worker: None,
            client: unconnected(folder.path())?,
            registry,
            git,
            private,
            taps,
            swarm: None,
            options,
            images,
            port: free_port()?,
            folder,
        };
        circle.start_server().await?;
        circle.start_worker().await?;
        circle.make_registry_known_in(DEFAULT_WORKSPACE).await?;
        if circle.options.swarm {
            circle.start_swarm().await?;
        }
        Ok(circle)
    }

    /// Ends everything in order.
    ///
    /// # Errors
    /// When something does not end.
    pub async fn stop(mut self) -> Result<()> {
        self.stop_worker().await?;
        self.stop_server().await?;
        if let Some((swarm, _provider)) = self.swarm.take() {
            swarm.stop().await?;
        }
        Ok(())
    }

    /// A service with a fresh repository.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn service(&self, name: &str) -> Result<StoryService> {
        self.service_in(DEFAULT_WORKSPACE, name).await
    }

    /// A service of another workspace, with a fresh repository.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn service_in(&self, workspace: &str, name: &str) -> Result<StoryService> {
        let repository = self.git.repository(name).await?;
        let url = repository.url().to_owned();
        StoryService::create(&self.client, (workspace, name), (repository, &url)).await
    }

    /// A service whose repository is cloned from another address, such as one of [`Circle::private`].
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn service_at(&self, name: &str, url: &str) -> Result<StoryService> {
        let repository = self.git.repository(name).await?;
        StoryService::create(&self.client, (DEFAULT_WORKSPACE, name), (repository, url)).await
    }

    /// A workspace beside the one that is always there; it knows the registry, too.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn workspace(&self, name: &str) -> Result<()> {
        let wish = WorkspaceCreate { name: Slug::new(name)? };
        self.client.create_workspace(&wish).await?;
        self.make_registry_known_in(name).await
    }

    /// The closed servers of the repositories.
    ///
    /// # Errors
    /// When the story did not ask for them.
    pub fn private(&self) -> Result<&Private> {
        self.private
            .as_ref()
            .context("nothing is private: set Options::private")
    }

    /// What stands between cells and the servers.
    ///
    /// # Errors
    /// When the story did not ask for it.
    pub fn taps(&self) -> Result<&Taps> {
        self.taps.as_ref().context("nothing stands between: set Options::taps")
    }

    /// Runs a command of the binary `circle` against this server, as its administrator.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn command(&self, arguments: &[&str]) -> Result<std::process::Output> {
        let data = self.folder.path().join("data/server");
        let output = tokio::process::Command::new(program("circle")?)
            .args(arguments)
            .env_clear()
            .env(
                "CIRCLE_SERVER",
                format!("unix://{}", data.join("circle.sock").display()),
            )
            .args(["--token-file".as_ref(), data.join("admin-token").as_os_str()])
            .current_dir(self.folder.path())
            .stdin(std::process::Stdio::null())
            .output();
        output.await.context("start circle")
    }

    /// A service that is also bound to the environment `production`, made at its first deployment with this port.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn deployed_service(&self, name: &str, port: u16) -> Result<StoryService> {
        let service = self.service(name).await?;
        let bind: WorkloadBind =
            serde_json::from_value(serde_json::json!({ "workload": name, "create": { "port": port } }))?;
        self.client
            .bind_workload(DEFAULT_WORKSPACE, ("production", name), &bind)
            .await?;
        Ok(service)
    }

    /// The address of the page and the API.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where the server, the registry and the repositories are on this machine.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let texts = [
            format!("127.0.0.1:{}", self.port),
            self.registry.address(),
            self.git.address(),
        ];
        texts.iter().filter_map(|text| text.parse().ok()).collect()
    }

    /// The administrator's token.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn token(&self) -> Result<String> {
        let file = self.folder.path().join("data/server/admin-token");
        Ok(std::fs::read_to_string(file)?.trim().to_owned())
    }

    /// The API as an administrator.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The registry.
    pub fn registry_mut(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// The git server.
    pub fn git_mut(&mut self) -> &mut GitServer {
        &mut self.git
    }

    /// The Swarm of the environment `production`.
    ///
    /// # Errors
    /// When the story did not ask for one.
    pub fn swarm(&self) -> Result<&Swarm> {
        Ok(&self
            .swarm
            .as_ref()
            .context("the story has no Swarm: set Options::swarm")?
            .0)
    }

    /// The folder of everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Process ids of server and worker, while they run.
    pub fn pids(&self) -> [Option<u32>; 2] {
        [
            self.server.as_ref().and_then(Child::pid),
            self.worker.as_ref().and_then(Child::pid),
        ]
    }

    /// What the machine carries now of what cells make.
    ///
    /// # Errors
    /// When the machine does not answer.
    pub fn debris_in(&self, scope: Scope) -> Result<Debris> {
        Debris::look(&self.worker_folder(), scope)
    }

    /// The server's data.
    pub fn server_folder(&self) -> PathBuf {
        self.folder.path().join("data/server")
    }

    /// The worker's data.
    pub fn worker_folder(&self) -> PathBuf {
        self.folder.path().join("data/worker")
    }

    /// Starts the server, or starts it again on the same data.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_server(&mut self) -> Result<()> {
        let data = self.folder.path().join("data");
        let mut arguments = vec![
            "server".to_owned(),
            "--data".to_owned(),
            text(&data),
            format!("--listen={}:{}", self.options.listen, self.port),
            format!("--url={}", self.url()),
        ];
        let lease = self.options.lease_ms;
        arguments.extend(lease.map(|lease_ms| format!("--lease-ms={lease_ms}")));
        let private = self.private.iter().flat_map(Private::addresses);
        let network = self.options.allow_outgoing.map(str::to_owned);
        for place in [self.git.address()].into_iter().chain(private).chain(network) {
            arguments.extend(["--allow-outgoing".to_owned(), place]);
        }
        let path = text(&program("circle")?);
        self.server = Some(Child::start(&path, arguments, &self.folder.path().join("server.log"))?);
        let token_file = data.join("server/admin-token");
        let socket = data.join("server/circle.sock");
        self.client = until("the server", START_LIMIT, || async {
            let token =
                std::fs::read_to_string(&token_file).map_err(|error| format!("{error}: {}", self.server_log()))?;
            let client = Client::new(Endpoint::Unix(socket.clone()), Some(&SecretValue::new(token.trim())))
                .map_err(|error| error.to_string())?;
            client
                .health()
                .await
                .map_err(|error| format!("{error}: {}", self.server_log()))?;
            Ok(client)
        })
        .await?;
        Ok(())
    }

    /// Starts the worker, or starts it again on the same data; waits until the server knows it.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_worker(&mut self) -> Result<()> {
        let data = self.folder.path().join("data");
        let arguments = vec!["worker".to_owned(), "--data".to_owned(), text(&data)];
        self.start_worker_with(arguments, &[])
    }

    /// Starts a worker that knows nothing but the server's address and a one-time token; its data lies in a folder of its name.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn join_worker(&mut self, token: &str, name: &str) -> Result<()> {
        let server = self.url();
        self.join_worker_at(token, name, (&server, &[])).await
    }

    /// The same with another address of the server, and variables of its own.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn join_worker_at(
        &mut self,
        token: &str,
        name: &str,
        (server, variables): (&str, &[(&str, &Path)]),
    ) -> Result<()> {
        let data = text(&self.folder.path().join(name));
        let words = [
            "worker", "join", token, "--server", server, "--data", &data, "--name", name,
        ];
        self.start_worker_with(words.map(str::to_owned).to_vec(), variables)
    }

    /// The same, with more words for its command line.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn join_worker_with(&mut self, token: &str, name: &str, more: &[String]) -> Result<()> {
        let (server, data) = (self.url(), text(&self.folder.path().join(name)));
        let words = [
            "worker", "join", token, "--server", &server, "--data", &data, "--name", name,
        ];
        let words = words.map(str::to_owned).into_iter().chain(more.iter().cloned());
        self.start_worker_with(words.collect(), &[])
    }

    /// Starts a worker that joined once again, with the token that it keeps.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_joined_worker(&mut self, name: &str, more: &[String]) -> Result<()> {
        let (server, data) = (self.url(), text(&self.folder.path().join(name)));
        let words = ["worker", "--server", &server, "--data", &data, "--name", name];
        let words = words.map(str::to_owned).into_iter().chain(more.iter().cloned());
        self.start_worker_with(words.collect(), &[])
    }

    fn start_worker_with(&mut self, mut arguments: Vec<String>, variables: &[(&str, &Path)]) -> Result<()> {
        let private = self.private.iter().flat_map(Private::addresses);
        let relays = match &self.taps {
            Some(taps) => taps.relays(&self.git, &self.registry),
            None => [self.registry.address(), self.git.address()],
        };
        for relay in relays.into_iter().chain(private) {
            arguments.extend(["--relay".to_owned(), relay]);
        }
        for image in &self.images {
            arguments.extend(["--image".to_owned(), text(image)]);
        }
        arguments.extend(["--max-cells".to_owned(), self.options.cells.to_string()]);
        arguments.extend(self.options.worker.iter().map(|word| (*word).to_owned()));
        let mut words: Vec<String> = variables
            .iter()
            .map(|(name, value)| format!("{name}={}", value.display()))
            .collect();
        words.push(text(&program("circle")?));
        words.extend(arguments);
        self.worker = Some(Child::start("env", words, &self.folder.path().join("worker.log"))?);
        Ok(())
    }

    /// What the worker has said so far.
    pub fn worker_log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("worker.log")).unwrap_or_default()
    }

    /// Asks the server to end and waits for it.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop_server(&mut self) -> Result<()> {
        match self.server.take() {
            Some(server) => end(server).await,
            None => Ok(()),
        }
    }

    /// Kills the server without warning.
    ///
    /// # Errors
    /// When there is none.
    pub async fn kill_server(&mut self) -> Result<()> {
        self.server.take().context("no server runs")?.kill().await?;
        Ok(())
    }

    /// Kills the worker without warning; its cells stay until a worker sweeps.
    ///
    /// # Errors
    /// When there is none.
    pub async fn kill_worker(&mut self) -> Result<()> {
        self.worker.take().context("no worker runs")?.kill().await?;
        Ok(())
    }

    /// Asks the worker to end and waits for it.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop_worker(&mut self) -> Result<()> {
        match self.worker.take() {
            Some(worker) => end(worker).await,
            None => Ok(()),
        }
    }

    /// Keeps a secret for every service.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn set_secret(&self, name: &str, value: &str) -> Result<()> {
        let secret: SecretSet = serde_json::from_value(serde_json::json!({
            "scope": { "kind": "workspace" }, "name": name, "value": value,
        }))?;
        self.client.set_secret(DEFAULT_WORKSPACE, &secret).await?;
        Ok(())
    }

    /// User name and password of the registry, where the story asks for them.
    pub fn registry_login() -> (&'static str, &'static str) {
        (REGISTRY_USER, REGISTRY_PASSWORD)
    }

    /// Tells Circle a password that is wrong.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn set_registry_password(&self, password: &str) -> Result<()> {
        let change = RegistryChange {
            password: Some(SecretValue::new(password)),
            ..RegistryChange::default()
        };
        self.client.change_registry(DEFAULT_WORKSPACE, "local", &change).await?;
        Ok(())
    }

    /// Tells Circle the right password again.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn restore_registry_password(&self) -> Result<()> {
        self.set_registry_password(REGISTRY_PASSWORD).await
    }

    async fn make_registry_known_in(&self, workspace: &str) -> Result<()> {
        let asks = self.options.registry_password;
        let wish = RegistryCreate {
            name: Slug::new("local")?,
            address: self.registry.address(),
            username: asks.then(|| REGISTRY_USER.to_owned()),
            password: asks.then(|| SecretValue::new(REGISTRY_PASSWORD)),
        };
        self.client.create_registry(workspace, &wish).await?;
        Ok(())
    }

    async fn start_swarm(&mut self) -> Result<()> {
        let init = InitProgram {
            program: program("circle")?,
            args: vec!["cell-init".into()],
        };
        let provider = ProcessProvider::open(ProcessConfig::new(self.folder.path().join("swarm"), init))?;
        let swarm = Swarm::start(&provider, vec![self.registry.address().parse()?]).await?;
        swarm.open_to_everybody()?;
        let wish = TargetCreate {
            name: Slug::new("swarm")?,
            swarm: SwarmEndpoint {
                endpoint: swarm.endpoint(),
                tls_bundle: None,
            },
        };
        self.client.create_target(DEFAULT_WORKSPACE, &wish).await?;
        let wish = EnvironmentCreate {
            name: Slug::new("production")?,
            target: Slug::new("swarm")?,
            protected_refs: vec!["refs/heads/main".into()],
            deadline_s: Some(60),
            stabilise_s: Some(1),
        };
        self.client.create_environment(DEFAULT_WORKSPACE, &wish).await?;
        self.swarm = Some((swarm, provider));
        Ok(())
    }

    fn server_log(&self) -> String {
        self.server.as_ref().map(Child::log_end).unwrap_or_default()
    }
}

impl Drop for Circle {
    /// A worker that was killed leaves mounted what its cells were kept on; no other worker comes to this folder to sweep.
    fn drop(&mut self) {
        let pool = self.folder.path().join("data/worker/cells/pool");
        let _ = std::process::Command::new("umount")
            .arg("--lazy")
            .arg(pool)
            .stderr(std::process::Stdio::null())
            .status();
    }
}

/// A client that will be replaced when the server is there.
fn unconnected(folder: &Path) -> Result<Client> {
    Ok(Client::new(
        Endpoint::Unix(folder.join("data/server/circle.sock")),
        None,
    )?)
}

/// The server runs as another user and must reach its folder.
fn open_for_others(folder: &Path) -> Result<()> {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder, mode).context("open the story's folder")
}

async fn end(mut child: Child) -> Result<()> {
    let pid = child.pid().context("it is gone already")?;
    kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGTERM)?;
    tokio::time::timeout(STOP_LIMIT, child.wait())
        .await
        .with_context(|| format!("it did not end: {}", child.log_end()))??;
    Ok(())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
