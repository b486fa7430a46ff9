//! Bodies and answers that GitHub invented and Gitea sends too. What is not named here is passed over unread, however much it is.

use circle_core::forge::Account;
use serde::Deserialize;

use super::PullRequest;
use super::labels::bounded;
use super::notice::{Notice, PullAction, PullNotice, Unreadable, What};

#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    git_ref: String,
    before: String,
    after: String,
    repository: Place,
    sender: Person,
}

#[derive(Deserialize)]
struct PullCall {
    action: String,
    number: u64,
    pull_request: Request,
    repository: Place,
    sender: Person,
}

#[derive(Deserialize)]
struct Request {
    head: Side,
    base: Side,
    user: Person,
    #[serde(default)]
    labels: Option<Vec<Label>>,
}

/// What the API answers about one.
#[derive(Deserialize)]
pub(super) struct Pull {
    number: u64,
    state: String,
    head: Side,
    base: Side,
    user: Option<Poster>,
    labels: Option<Vec<Label>>,
}

#[derive(Deserialize)]
struct Label {
    name: String,
}

/// Whoever is gone has no id, or one below zero.
#[derive(Deserialize)]
struct Poster {
    id: i64,
    login: String,
}

#[derive(Deserialize)]
struct Side {
    #[serde(rename = "ref")]
    branch: String,
    sha: String,
    repo: Option<Place>,
}

#[derive(Deserialize)]
struct Place {
    id: u64,
    #[serde(default)]
    full_name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Person {
    pub(super) id: u64,
    pub(super) login: String,
}

#[derive(Deserialize)]
struct Any {
    repository: Option<Place>,
}

pub(super) fn push(body: &[u8]) -> Result<Notice, Unreadable> {
    let push: Push = parsed(body)?;
    Ok(notice(
        Some(push.repository),
        What::Push {
            git_ref: push.git_ref,
            before: push.before,
            after: push.after,
            sender: push.sender.into(),
        },
    ))
}

pub(super) fn pull(body: &[u8]) -> Result<Notice, Unreadable> {
    let pull: PullCall = parsed(body)?;
    let request = pull.pull_request;
    Ok(notice(
        Some(pull.repository),
        What::Pull(PullNotice {
            action: action(&pull.action),
            number: pull.number,
            head: request.head.sha,
            base: Some(request.base.sha),
            into: request.base.branch,
            from: request.head.repo.map(|place| place.id.to_string()),
            author: request.user.into(),
            sender: Some(pull.sender.into()),
            labels: names(request.labels),
        }),
    ))
}

fn names(labels: Option<Vec<Label>>) -> Vec<String> {
    bounded(labels.into_iter().flatten().map(|label| label.name))
}

/// A ping, or what nothing is done about: only the repository is read, and that may be missing.
pub(super) fn other(body: &[u8], what: What) -> Result<Notice, Unreadable> {
    let any: Any = parsed(body)?;
    Ok(notice(any.repository, what))
}

fn notice(place: Option<Place>, what: What) -> Notice {
    let (repository, full_name) = match place {
        Some(place) => (Some(place.id.to_string()), place.full_name),
        None => (None, None),
    };
    Notice {
        repository,
        full_name,
        what,
    }
}

fn action(word: &str) -> PullAction {
    match word {
        "opened" | "reopened" => PullAction::Opened,
        "synchronize" | "synchronized" => PullAction::Synchronised,
        "closed" => PullAction::Closed,
        "labeled" | "unlabeled" | "label_updated" | "label_cleared" => PullAction::Labelled,
        _ => PullAction::Other,
    }
}

pub(super) fn parsed<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(body).map_err(|error| Unreadable(error.to_string()))
}

impl From<Pull> for PullRequest {
    fn from(pull: Pull) -> Self {
        let author = pull.user.map(|user| (user.id.to_string(), user.login));
        // Nobody has this id, so nobody may push.
        let (id, login) = author.unwrap_or_else(|| ("-1".into(), "ghost".into()));
        Self {
            number: pull.number,
            open: pull.state == "open",
            head: pull.head.sha,
            base: Some(pull.base.sha).filter(|sha| !sha.is_empty()),
            into: pull.base.branch,
            from: pull.head.repo.map(|place| place.id.to_string()),
            author: Account { id, login },
            labels: names(pull.labels),
        }
    }
}

impl From<Person> for Account {
    fn from(person: Person) -> Self {
        Self {
            id: person.id.to_string(),
            login: person.login,
        }
    }
}
