//! A service of a story: its repository, its hook, its runs.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::{Context, Result};
use circle_api::client::Client;
use circle_api::resources::{RunQuery, RunSummary, ServiceCreate, TriggerRequest};
use circle_core::names::Slug;
use circle_lab::Repository;

use crate::run::StoryRun;
use crate::until::until;

/// Longest wait from a push to its run.
const RUN_APPEARS: Duration = Duration::from_secs(30);

/// One service with a repository that reports its pushes.
#[derive(Debug)]
pub struct StoryService {
    client: Client,
    workspace: String,
    name: Slug,
    repository: Repository,
}

impl StoryService {
    pub(crate) async fn create(
        client: &Client,
        (workspace, name): (&str, &str),
        (repository, url): (Repository, &str),
    ) -> Result<Self> {
        let name = Slug::new(name)?;
        let wish: ServiceCreate = serde_json::from_value(serde_json::json!({
            "name": name,
            "repository": url,
            "image": { "registry": "local", "path": name },
        }))?;
        let created = client
            .create_service(workspace, &wish)
            .await
            .context("create the service")?;
        let hook = repository.bare().join("hooks/post-receive");
        std::fs::write(&hook, created.hook.post_receive.expose())?;
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o700))?;
        Ok(Self {
            client: client.clone(),
            workspace: workspace.to_owned(),
            name,
            repository,
        })
    }

    /// The service's name.
    pub fn name(&self) -> &Slug {
        &self.name
    }

    /// The repository, for what a story does to it by hand.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Writes a file of the work tree.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> Result<()> {
        Ok(self.repository.write(path, content)?)
    }

    /// Commits everything, pushes it to a branch and waits for the run of that push.
    ///
    /// # Errors
    /// When no run comes of it.
    pub async fn push(&self, branch: &str) -> Result<StoryRun> {
        self.repository.commit("Change it").await?;
        self.push_ref(branch).await
    }

    /// Pushes what is committed, or the same again under another branch, and waits for the run.
    ///
    /// # Errors
    /// When no run comes of it.
    pub async fn push_ref(&self, branch: &str) -> Result<StoryRun> {
        self.push_full(&format!("refs/heads/{branch}")).await
    }

    /// The same with a full ref, such as `refs/tags/v1`.
    ///
    /// # Errors
    /// When no run comes of it.
    pub async fn push_full(&self, full_ref: &str) -> Result<StoryRun> {
        if self
            .repository
            .git(&["rev-parse", "--verify", "--quiet", "HEAD"])
            .await
            .is_err()
        {
            self.repository.commit("Begin").await?;
        }
        let commit = self.repository.git(&["rev-parse", "HEAD"]).await?;
        self.repository.push(full_ref).await?;
        let run = until("a run of the push", RUN_APPEARS, || self.newest(full_ref, &commit)).await?;
        Ok(StoryRun::new(self.client.clone(), run.id))
    }

    /// Asks for a run of a branch by hand.
    ///
    /// # Errors
    /// When the server refuses or makes no run.
    pub async fn trigger_branch(&self, branch: &str) -> Result<StoryRun> {
        self.trigger(serde_json::json!({ "service": self.name, "branch": branch }))
            .await
    }

    /// Asks for a run of a commit by hand.
    ///
    /// # Errors
    /// When the server refuses or makes no run.
    pub async fn trigger_commit(&self, branch: &str, commit: &str) -> Result<StoryRun> {
        self.trigger(serde_json::json!({ "service": self.name, "branch": branch, "commit": commit }))
            .await
    }

    /// The runs of this service, newest first.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn runs(&self) -> Result<Vec<RunSummary>> {
        let query = RunQuery {
            service: Some(self.name.clone()),
            ..RunQuery::default()
        };
        Ok(self.client.runs(&self.workspace, &query).await?.items)
    }

    async fn trigger(&self, wish: serde_json::Value) -> Result<StoryRun> {
        let before = self.runs().await?.len();
        let wish: TriggerRequest = serde_json::from_value(wish)?;
        if let Some(run) = self.client.trigger(&self.workspace, &wish).await?.run {
            return Ok(StoryRun::new(self.client.clone(), run.id));
        }
        let run = until("a run of the trigger", RUN_APPEARS, || async {
            let runs = self.runs().await.map_err(|error| error.to_string())?;
            if runs.len() > before {
                Ok(runs[0].clone())
            } else {
                Err(format!("{} runs", runs.len()))
            }
        })
        .await?;
        Ok(StoryRun::new(self.client.clone(), run.id))
    }

    async fn newest(&self, full_ref: &str, commit: &str) -> Result<RunSummary, String> {
        let runs = self.runs().await.map_err(|error| error.to_string())?;
        let wanted = |run: &&RunSummary| run.git_ref == full_ref && run.commit.as_deref() == Some(commit);
        runs.iter()
            .find(wanted)
            .cloned()
            .ok_or_else(|| format!("{} other runs", runs.len()))
    }
}
