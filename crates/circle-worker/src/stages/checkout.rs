//! Checkout: the commit of the trigger, fetched by git inside the cell, as the user who is root in the containers and
//! without any right beyond, seeing nothing but the empty folder that it fills.

use std::path::PathBuf;

use async_trait::async_trait;
use circle_api::worker::{CloneCredential, CloneLogin};
use circle_cell::{Cell, Exit, InCell, Sight};
use circle_core::run::{Failure, FailureKind, WorkerEvent};
use circle_core::trigger::Trigger;
use circle_vcs::{
    Checkout, CommitFacts, Credential, FailureClass, GitFailure, GitStep, Helper, Login, RepositoryUrl, StepOutput,
    StepRunner, check_out,
};
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::execute::{Phase, StageRun, cell_failure};

/// Where git and ssh-agent lie in every cell.
const PROGRAMS: &str = "/usr/bin";
/// Most of a step's output that is kept.
const MAX_OUTPUT_BYTES: u64 = 256 * 1024;

pub(super) async fn run(stage: &mut StageRun<'_>, submodules: bool) -> Result<(), Failure> {
    let shared = stage.shared;
    let layer = shared
        .cell
        .new_layer(&shared.fresh_name("checkout"))
        .await
        .map_err(cell_failure("the checkout's folder"))?;
    let (facts, trigger) = (&shared.assignment.facts, &stage.carried.trigger);
    let url = RepositoryUrl::parse(&facts.repository)
        .map_err(|error| Failure::new(FailureKind::Refused, error.to_string()))?;
    let place = layer.folder().inside().to_owned();
    let mut runner = InCellGit {
        cell: shared.cell,
        sight: vec![place.clone()],
        place,
    };
    let helper = helper(stage, &url, &mut runner).await?;
    stage
        .log
        .say(&format!("circle: fetching {} of {url}", trigger.git_ref))
        .await;
    stage.clock.enter(Phase::Run);
    let way = &shared.cell.surroundings().proxy;
    let proxy = if url.as_str().starts_with("https:") {
        way.https.clone()
    } else {
        way.http.clone()
    };
    let known = known(trigger);
    let wish = Checkout {
        url: &url,
        git_ref: &trigger.git_ref,
        commit: trigger.commit.as_ref(),
        submodules,
        helper: helper.as_ref(),
        proxy: proxy.as_deref(),
        known: known.as_ref(),
    };
    let out = check_out(wish, &mut runner).await.map_err(failure)?;
    stage
        .log
        .say(&format!("circle: {} {}", out.commit.short(), out.title))
        .await;
    let title = Some(stage.log.masked(&out.title));
    let event = WorkerEvent::CheckedOut {
        commit: out.commit.clone(),
        commit_time: out.commit_time,
        title: title.clone(),
    };
    shared.sink.event(event).await;
    let trigger = &mut stage.carried.trigger;
    trigger.commit = Some(out.commit);
    trigger.commit_time = out.commit_time.or(trigger.commit_time);
    trigger.title = title;
    stage.carried.layers.insert(0, layer);
    Ok(())
}

/// What the server read of the commit when it planned the run.
fn known(trigger: &Trigger) -> Option<CommitFacts> {
    Some(CommitFacts {
        commit: trigger.commit.clone()?,
        commit_time: Some(trigger.commit_time?),
        title: trigger.title.clone()?,
    })
}

/// The program that opens the repository, when there is a credential for this very host.
async fn helper(
    stage: &StageRun<'_>,
    url: &RepositoryUrl,
    runner: &mut InCellGit<'_>,
) -> Result<Option<Helper>, Failure> {
    let Some(given) = &stage.shared.assignment.clone_credential else {
        return Ok(None);
    };
    if given.origin != url.origin() {
        let told = format!(
            "circle: the credential is for {}, not for {}: it is not used",
            given.origin,
            url.origin()
        );
        stage.log.say(&told).await;
        return Ok(None);
    }
    let cell = stage.shared.cell;
    let folder = cell
        .new_folder(&stage.shared.fresh_name("helper"))
        .await
        .map_err(cell_failure("a folder for git's helper"))?;
    let owner = cell.remapped_root();
    let helper = Helper::start(
        folder.host(),
        folder.inside(),
        &credential(given),
        Some((owner.uid, owner.gid)),
    )
    .map_err(|error| {
        let message = format!("git could not be given what opens the repository: {error}");
        Failure::new(FailureKind::Infrastructure, message)
    })?;
    runner.sight.push(folder.inside().to_owned());
    Ok(Some(helper))
}

fn credential(given: &CloneCredential) -> Credential {
    let secret = SecretString::from(given.login.secret().expose().to_owned());
    let login = match &given.login {
        CloneLogin::Password { username, .. } => Login::Password {
            username: username.clone(),
            password: secret,
        },
        CloneLogin::DeployKey { host_keys, .. } => Login::Key {
            private_key: secret,
            host_keys: host_keys.clone(),
        },
    };
    Credential {
        origin: given.origin.clone(),
        login,
    }
}

fn failure(error: GitFailure) -> Failure {
    let kind = match error.class {
        FailureClass::UnknownRef | FailureClass::CommitGone => FailureKind::CommitNotFound,
        FailureClass::Forbidden | FailureClass::HostKey => FailureKind::Refused,
        FailureClass::TooLarge => FailureKind::Bound,
        FailureClass::NoRepository | FailureClass::AuthRefused | FailureClass::Unreachable => {
            FailureKind::RepositoryUnavailable
        }
        FailureClass::Other => FailureKind::Infrastructure,
    };
    Failure::new(kind, error.sentence)
}

/// Runs git inside the cell.
struct InCellGit<'a> {
    cell: &'a Cell,
    place: PathBuf,
    sight: Vec<PathBuf>,
}

#[async_trait]
impl StepRunner for InCellGit<'_> {
    async fn run(&mut self, step: &GitStep) -> std::io::Result<StepOutput> {
        let mut argv = step.argv.clone();
        if let Some(program) = argv.first_mut() {
            *program = format!("{PROGRAMS}/{program}");
        }
        let mut command = InCell::new(Some(self.cell.remapped_root()), argv);
        command.environment = step
            .env
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        command.directory.clone_from(&self.place);
        command.sight = Sight::Only(self.sight.clone());
        let mut child = self.cell.exec(command).await.map_err(std::io::Error::other)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ended = tokio::time::timeout(step.limit, async {
            let (out, errors) = tokio::join!(bounded(stdout), bounded(stderr));
            (out, errors, child.wait().await)
        });
        let Ok((out, errors, exit)) = ended.await else {
            child.kill().await.map_err(std::io::Error::other)?;
            return Ok(StepOutput {
                timed_out: true,
                ..StepOutput::default()
            });
        };
        let code = match exit.map_err(std::io::Error::other)? {
            Exit::Code(code) => Some(code),
            Exit::Signal(_) => None,
        };
        let cut = [&out, &errors].iter().any(|text| text.len() as u64 >= MAX_OUTPUT_BYTES);
        Ok(StepOutput {
            code,
            stdout: out,
            stderr: errors,
            timed_out: false,
            cut,
        })
    }
}

/// Reads a stream to its end and keeps the head of it.
async fn bounded(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    if let Some(mut stream) = stream {
        // A stream that breaks ends; how git ended is told by its code.
        let _ = (&mut stream).take(MAX_OUTPUT_BYTES).read_to_end(&mut kept).await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
    kept
}
