//! From a wish to a plan: the commit, its pipeline file, the rules. What cannot be planned becomes a failed run.

use std::sync::Arc;

use circle_core::inputs::{Declared, InputFault, Values, defaults, settle, settle_standing, together};
use circle_core::names::{BranchName, CommitId, GitRef};
use circle_core::pipeline::{Diagnostic, MAX_FILE_BYTES, PipelineFile, RootFolder, parse, without_file};
use circle_core::plan::{is_skip, plan};
use circle_core::run::{Failure, FailureKind};
use circle_core::service::Service;
use circle_core::trigger::{Event, Trigger, Trust};
use circle_vcs::{FailureClass, GitFailure, Mirror};

use super::file_schedules;
use super::policy::rules;
use super::wish::Wish;
use crate::http::{ApiError, for_git};
use crate::limits::{DIAGNOSTICS_IN_MESSAGE, TITLE_CHARS};
use crate::runs::Planned;
use crate::server::Server;

/// Changed paths beyond this many count as unknown, so that every `paths` rule matches.
const MAX_CHANGED_PATHS: usize = 10_000;

/// What planning a wish gave.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A run is to be made; `log` is what the stage `plan` says.
    Run {
        trigger: Box<Trigger>,
        planned: Planned,
        log: String,
    },
    /// What was given by hand is not what the file takes; each with its field.
    Refused { faults: Vec<(String, String)> },
    /// The file's rules say that nothing runs.
    Skip { why: String },
    /// The repository does not answer now.
    Later { why: String },
}

/// Plans a wish. Only failures of the server itself are errors.
pub(super) async fn plan_wish(
    server: &Server,
    service: &Service,
    wish: &Wish,
    key: String,
) -> Result<Outcome, ApiError> {
    let mut trigger = trigger_of(wish, key);
    let credential = server.clone_credential(service).await?.map(for_git);
    let opened = server.repositories.mirror(service, credential).await;
    let source = match fetch(opened, service, wish, &mut trigger).await {
        Ok(source) => source,
        Err(failure) => return Ok(failed_fetch(trigger, failure)),
    };
    let file = match source {
        Ok(file) => file,
        Err((kind, findings)) => return Ok(refused(trigger, kind, &findings)),
    };
    file_schedules::settle(server, service, (&file, &trigger)).await?;
    let faults = match inputs_of(service, &file, wish) {
        Ok(inputs) => {
            trigger.inputs = inputs;
            Vec::new()
        }
        Err(faults) => faults.into_iter().map(in_its_field).collect(),
    };
    if !faults.is_empty() && matches!(wish.event, Event::Manual { .. }) {
        return Ok(Outcome::Refused { faults });
    }
    let rules = rules(server, (service, &trigger), &file).await?;
    match plan(&file, &trigger, &rules.policy) {
        Err(findings) if is_skip(&findings) => Ok(Outcome::Skip {
            why: sentence(&findings),
        }),
        // Nobody waits for an answer, so a run says it.
        _ if !faults.is_empty() => Ok(without_inputs(trigger, faults)),
        Ok(mut plan) => {
            rules.confine(&mut plan, service, &trigger);
            Ok(Outcome::Run {
                trigger: Box::new(trigger),
                planned: Planned::Ready(Box::new(plan)),
                log: String::new(),
            })
        }
        Err(findings) => Ok(refused(trigger, FailureKind::BadPipeline, &findings)),
    }
}

/// What the inputs of file and service are in this run.
fn inputs_of(service: &Service, file: &PipelineFile, wish: &Wish) -> Result<Values, Vec<InputFault>> {
    let declared = together(file.inputs(), &service.inputs)?.inputs;
    match &wish.event {
        Event::Manual { .. } => settle(&declared, &wish.inputs),
        Event::Schedule { .. } => settle_standing(&declared, &wish.inputs),
        Event::Push { .. } | Event::Tag { .. } | Event::PullRequest { .. } => Ok(defaults(&declared)),
    }
}

/// A fault of an input where a request has it.
pub(crate) fn in_its_field(fault: InputFault) -> (String, String) {
    (format!("inputs.{}", fault.name), fault.message)
}

fn told(faults: impl IntoIterator<Item = (String, String)>) -> Vec<String> {
    let sentence = |(field, why)| format!("{field}: {why}");
    faults.into_iter().map(sentence).collect()
}

fn without_inputs(trigger: Trigger, faults: Vec<(String, String)>) -> Outcome {
    let told = told(faults);
    let failure = Failure::new(FailureKind::BadPipeline, told.join("; ")).in_stage(crate::runs::PLAN_STAGE);
    Outcome::Run {
        trigger: Box::new(trigger),
        planned: Planned::Failed(failure),
        log: format!("{}\n", told.join("\n")),
    }
}

fn trigger_of(wish: &Wish, key: String) -> Trigger {
    Trigger {
        event: wish.event.clone(),
        git_ref: wish.git_ref.clone(),
        commit: wish.commit.clone(),
        commit_time: None,
        title: None,
        actor: cut(&wish.actor),
        trust: wish.trust,
        key,
        changed_paths: None,
        inputs: Default::default(),
    }
}

type FileOrFindings = Result<PipelineFile, (FailureKind, Vec<Diagnostic>)>;

/// Fetches the commit, fills in what is known of it, and reads its file.
async fn fetch(
    opened: Result<Arc<Mirror>, GitFailure>,
    service: &Service,
    wish: &Wish,
    trigger: &mut Trigger,
) -> Result<FileOrFindings, GitFailure> {
    let mirror = opened?;
    let commit = commit_of(&mirror, &wish.git_ref, wish.commit.as_ref()).await?;
    // Three looks at the mirror that do not wait for each other: all of it lies between a push and its first command.
    let (facts, changed_paths, file) = tokio::join!(
        mirror.facts(&commit),
        changed_paths(&mirror, wish, &commit),
        read(&mirror, service, &commit),
    );
    let facts = facts?;
    trigger.commit_time = facts.commit_time;
    trigger.title = Some(cut(&facts.title));
    trigger.changed_paths = changed_paths;
    trigger.commit = Some(commit);
    match (file?, proposed_to(wish)) {
        (Ok(file), Some(into)) => {
            let base = base_file(&mirror, service, into).await?;
            Ok(Ok(file.with_rules_of(base.as_ref())))
        }
        (file, _) => Ok(file),
    }
}

/// The commit that is meant, once it is there.
async fn commit_of(mirror: &Mirror, git_ref: &GitRef, commit: Option<&CommitId>) -> Result<CommitId, GitFailure> {
    match commit {
        Some(commit) => {
            mirror.fetch_commit(git_ref, commit).await?;
            Ok(commit.clone())
        }
        None => mirror.fetch(git_ref).await,
    }
}

/// What a run may be given at a commit, or at a ref's newest, by file and service.
pub(crate) async fn declared_inputs(
    server: &Server,
    service: &Service,
    (git_ref, commit): (&GitRef, Option<&CommitId>),
) -> Result<(CommitId, Declared), ApiError> {
    let credential = server.clone_credential(service).await?.map(for_git);
    let read = async {
        let mirror = server.repositories.mirror(service, credential).await?;
        let commit = commit_of(&mirror, git_ref, commit).await?;
        let file = read(&mirror, service, &commit).await?;
        Ok((commit, file))
    };
    let (commit, file) = read
        .await
        .map_err(|failure: GitFailure| ApiError::Conflict(failure.sentence))?;
    let file = file.map_err(|(_, findings)| ApiError::Conflict(sentence(&findings)))?;
    let declared = together(file.inputs(), &service.inputs);
    let declared =
        declared.map_err(|faults| ApiError::Conflict(told(faults.into_iter().map(in_its_field)).join("; ")))?;
    Ok((commit, declared))
}

/// Where something goes that a stranger proposes, also when it was approved: the rules of that branch count, not its own.
fn proposed_to(wish: &Wish) -> Option<&BranchName> {
    match &wish.event {
        Event::PullRequest { into, approved_by, .. } => {
            (wish.trust == Trust::Stranger || approved_by.is_some()).then_some(into)
        }
        _ => None,
    }
}

/// `None` when the branch has no file, or one with errors: then the rules count that count without any.
async fn base_file(mirror: &Mirror, service: &Service, into: &BranchName) -> Result<Option<PipelineFile>, GitFailure> {
    let base = mirror.fetch(&into.full()).await?;
    let bytes = mirror.read_file(&base, &service.pipeline_path, MAX_FILE_BYTES).await?;
    Ok(bytes.and_then(|bytes| parse(&service.pipeline_path, &bytes).0))
}

/// Unknown paths match every rule, so a failure here only runs more than needed.
async fn changed_paths(mirror: &Mirror, wish: &Wish, commit: &CommitId) -> Option<Vec<String>> {
    let before = wish.before.as_ref()?;
    let changed = mirror.changed_paths(before, commit, MAX_CHANGED_PATHS);
    changed.await.unwrap_or(None)
}

async fn read(mirror: &Mirror, service: &Service, commit: &CommitId) -> Result<FileOrFindings, GitFailure> {
    let name = &service.pipeline_path;
    // One byte more than allowed, so that the parser itself says that the file is too large.
    let file = match mirror.read_file(commit, name, MAX_FILE_BYTES + 1).await {
        Err(failure) if failure.class == FailureClass::TooLarge => Some(vec![b' '; MAX_FILE_BYTES + 1]),
        other => other?,
    };
    let Some(bytes) = file else {
        let root = RootFolder {
            has_dockerfile: mirror.has_file(commit, "Dockerfile").await?,
        };
        return Ok(without_file(root).map_err(|findings| (FailureKind::NoPipeline, findings)));
    };
    let (file, findings) = parse(name, &bytes);
    Ok(file.ok_or((FailureKind::BadPipeline, findings)))
}

fn failed_fetch(trigger: Trigger, failure: GitFailure) -> Outcome {
    let kind = match failure.class {
        FailureClass::Unreachable => return Outcome::Later { why: failure.sentence },
        FailureClass::UnknownRef | FailureClass::CommitGone => FailureKind::CommitNotFound,
        FailureClass::TooLarge => FailureKind::Bound,
        FailureClass::NoRepository
        | FailureClass::AuthRefused
        | FailureClass::Forbidden
        | FailureClass::HostKey
        | FailureClass::Other => FailureKind::RepositoryUnavailable,
    };
    let log = format!("{}\n", failure.sentence);
    let planned = Planned::Failed(Failure::new(kind, failure.sentence).in_stage(crate::runs::PLAN_STAGE));
    Outcome::Run {
        trigger: Box::new(trigger),
        planned,
        log,
    }
}

/// The run of a repository that did not answer to the end.
pub(super) fn gave_up(wish: &Wish, key: String, why: &str) -> Outcome {
    let sentence = format!("{why}; it was tried again and again without success");
    let planned = Planned::Failed(
        Failure::new(FailureKind::RepositoryUnavailable, sentence.clone()).in_stage(crate::runs::PLAN_STAGE),
    );
    Outcome::Run {
        trigger: Box::new(trigger_of(wish, key)),
        planned,
        log: format!("{sentence}\n"),
    }
}

fn refused(trigger: Trigger, kind: FailureKind, findings: &[Diagnostic]) -> Outcome {
    let failure = Failure::new(kind, sentence(findings)).in_stage(crate::runs::PLAN_STAGE);
    let log = findings
        .iter()
        .map(|one| format!("{one}\n    {}\n", one.excerpt))
        .collect();
    Outcome::Run {
        trigger: Box::new(trigger),
        planned: Planned::Failed(failure),
        log,
    }
}

/// The first findings; all of them stand in the log.
fn sentence(findings: &[Diagnostic]) -> String {
    let errors: Vec<_> = findings.iter().filter(|one| one.is_error()).collect();
    let mut text: Vec<String> = errors
        .iter()
        .take(DIAGNOSTICS_IN_MESSAGE)
        .map(ToString::to_string)
        .collect();
    if errors.len() > DIAGNOSTICS_IN_MESSAGE {
        text.push(format!(
            "{} more stand in the log of the stage plan",
            errors.len() - DIAGNOSTICS_IN_MESSAGE
        ));
    }
    text.join("; ")
}

/// Foreign text as it is kept: one line of bounded length.
pub(super) fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TITLE_CHARS).collect()
}
