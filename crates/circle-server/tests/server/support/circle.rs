//! The server under test.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use circle_api::client::{Client, Endpoint};
use circle_api::resources::{RunSummary, RunView, ServiceCreate, ServiceCreated, TriggerRequest};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_api::worker::SecretValue;
use circle_core::ids::RunId;
use circle_core::names::{BranchName, Slug};
use circle_core::queue::Priority;
use circle_server::{ListenConfig, Listeners, MailConfig, ServerConfig, serve};
use circle_store::records::{EmbeddedStore, Kind, NewDocument, Store, Stored};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::until::until;

/// What a test may set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) lease_ms: u64,
    /// What the log of a run may have.
    pub(crate) log_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lease_ms: 60_000,
            log_bytes: 1 << 30,
        }
    }
}

/// A running server with its folder.
pub(crate) struct Circle {
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) api: Client,
    pub(crate) http: reqwest::Client,
    pub(crate) folder: Arc<TempDir>,
    options: Options,
    shutdown: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Circle {
    pub(crate) async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub(crate) async fn start_with(options: Options) -> Self {
        Self::open(Arc::new(tempfile::tempdir().expect("a folder")), options).await
    }

    /// A server on a folder that was filled before.
    pub(crate) async fn start_on(folder: TempDir) -> Self {
        Self::open(Arc::new(folder), Options::default()).await
    }

    /// The same with other options.
    pub(crate) async fn start_on_with(folder: TempDir, options: Options) -> Self {
        Self::open(Arc::new(folder), options).await
    }

    /// One that sends mail.
    pub(crate) async fn start_with_mail(mail: MailConfig) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        Self::open_tuned(folder, Options::default(), |config| config.mail = Some(mail)).await
    }

    async fn open(folder: Arc<TempDir>, options: Options) -> Self {
        Self::open_tuned(folder, options, |_| {}).await
    }

    async fn open_tuned(folder: Arc<TempDir>, options: Options, tune: impl FnOnce(&mut ServerConfig)) -> Self {
        let tcp = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let listen = ListenConfig {
            socket: Some(folder.path().join("circle.sock")),
            tcp,
        };
        let listeners = Listeners::bind(&listen).await.expect("free sockets");
        let url = format!("http://{}", listeners.address().expect("a TCP address"));
        let mut config = ServerConfig::new(folder.path().join("server"), &url);
        (config.lease_ms, config.drain_ms) = (options.lease_ms, 2_000);
        config.log.run_bytes = options.log_bytes;
        // Forges and receivers of webhooks are played on this machine.
        config.allow_outgoing = vec!["127.0.0.1".parse().expect("an address")];
        tune(&mut config);
        let shutdown = CancellationToken::new();
        let ending = shutdown.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "the handle is kept and awaited when the test stops the server"
        )]
        let task = tokio::spawn(async move { serve(config, listeners, ending).await.expect("the server served") });
        let token = admin_token(folder.path()).await;
        let endpoint: Endpoint = url.parse().expect("an address");
        let api = Client::new(endpoint, Some(&SecretValue::new(&token))).expect("a client");
        until("the server", || async { api.health().await.is_ok() }, |up| *up).await;
        // The client has installed the cryptography that every other client needs.
        let http = reqwest::Client::new();
        Self {
            url,
            token,
            api,
            http,
            folder,
            options,
            shutdown,
            task: Some(task),
        }
    }

    /// Starts another server on the folder of this stopped one, and gives the sentence with which it ends.
    pub(crate) async fn refuses_to_start(&self) -> String {
        let listen = ListenConfig {
            socket: Some(self.folder.path().join("circle.sock")),
            tcp: None,
        };
        let listeners = Listeners::bind(&listen).await.expect("a free socket");
        let config = ServerConfig::new(self.folder.path().join("server"), &self.url);
        let served = serve(config, listeners, self.shutdown.child_token()).await;
        served.expect_err("it does not start").to_string()
    }

    /// Ends the server and starts another one on the same folder, at another address.
    pub(crate) async fn restart(mut self) -> Self {
        self.stop().await;
        Self::open(Arc::clone(&self.folder), self.options).await
    }

    /// The same, with other settings of mail.
    pub(crate) async fn restart_with_mail(self, mail: MailConfig) -> Self {
        self.restart_tuned(|config| config.mail = Some(mail)).await
    }

    /// The same, with any other settings.
    pub(crate) async fn restart_tuned(mut self, tune: impl FnOnce(&mut ServerConfig)) -> Self {
        self.stop().await;
        Self::open_tuned(Arc::clone(&self.folder), self.options, tune).await
    }

    /// The same server with one document written over while it was stopped.
    pub(crate) async fn changed(mut self, kind: Kind, id: &str, change: impl FnOnce(&mut serde_json::Value)) -> Self {
        self.stop().await;
        let store = EmbeddedStore::open(&self.folder.path().join("server/records")).expect("the server's store");
        let Stored { version, mut body, .. } = store.get(kind, id).await.expect("it is read").expect("it is there");
        change(&mut body);
        let id = id.to_owned();
        let replaced = store.replace(NewDocument { kind, id, body }, version).await;
        replaced.expect("it is written");
        drop(store);
        Self::open(Arc::clone(&self.folder), self.options).await
    }

    pub(crate) async fn stop(&mut self) {
        self.shutdown.cancel();
        if let Some(task) = self.task.take() {
            task.await.expect("the server ended well");
        }
    }

    pub(crate) async fn service(&self, name: &str, repository: &str) -> ServiceCreated {
        let wish = ServiceCreate {
            name: slug(name),
            repository: repository.into(),
            default_branch: None,
            pipeline_path: None,
            image: None,
            default_deploys: Vec::new(),
            queue_timeout_s: None,
            max_parallel: None,
            max_parallel_ref: None,
            poll_s: None,
        };
        self.service_as(wish).await
    }

    /// A service with settings of its own, as the API takes them.
    pub(crate) async fn service_with(&self, name: &str, repository: &str, settings: serde_json::Value) {
        let mut wish = serde_json::json!({ "name": name, "repository": repository });
        let (all, settings) = (wish.as_object_mut(), settings.as_object().cloned());
        all.expect("an object").extend(settings.unwrap_or_default());
        self.service_as(serde_json::from_value(wish).expect("settings")).await;
    }

    pub(crate) async fn service_as(&self, wish: ServiceCreate) -> ServiceCreated {
        self.api
            .create_service(DEFAULT_WORKSPACE, &wish)
            .await
            .expect("a service")
    }

    /// A run of the default branch, by hand.
    pub(crate) async fn trigger(&self, service: &str) -> RunId {
        self.trigger_branch(service, None).await
    }

    pub(crate) async fn trigger_branch(&self, service: &str, branch: Option<&str>) -> RunId {
        let branch = branch.map(|name| BranchName::new(name).expect("a branch"));
        let wish = TriggerRequest {
            service: slug(service),
            branch,
            tag: None,
            commit: None,
            reason: None,
            priority: None,
            inputs: Default::default(),
            idempotency_key: None,
        };
        let triggered = self.api.trigger(DEFAULT_WORKSPACE, &wish).await.expect("triggered");
        triggered.run.expect("a run").id
    }

    /// A run of a branch, as urgent as said.
    pub(crate) async fn trigger_as(&self, service: &str, branch: &str, priority: Priority) -> RunId {
        let mut wish = serde_json::json!({ "service": service, "branch": branch });
        wish["priority"] = serde_json::to_value(priority).expect("a word");
        let wish = serde_json::from_value(wish).expect("a wish");
        let triggered = self.api.trigger(DEFAULT_WORKSPACE, &wish).await.expect("triggered");
        triggered.run.expect("a run").id
    }

    pub(crate) async fn run(&self, run: RunId) -> RunView {
        self.api.run(run).await.expect("the run")
    }

    /// The newest runs of the workspace that is there from the beginning.
    pub(crate) async fn runs(&self) -> Vec<RunSummary> {
        let page = self.api.runs(DEFAULT_WORKSPACE, &Default::default()).await;
        page.expect("runs").items
    }

    pub(crate) async fn ended(&self, run: RunId) -> RunView {
        until("the run's end", || self.run(run), |view| view.verdict.is_some()).await
    }

    /// A GET of any path with the administrator's token.
    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.token);
        request.send().await.expect("an answer")
    }
}

impl Drop for Circle {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn admin_token(folder: &Path) -> String {
    let path = folder.join("server/admin-token");
    let read = || async { std::fs::read_to_string(&path).unwrap_or_default() };
    until("the administrator's token", read, |text| text.ends_with('\n'))
        .await
        .trim()
        .to_owned()
}

pub(crate) fn slug(name: &str) -> Slug {
    Slug::new(name).expect("a name")
}
