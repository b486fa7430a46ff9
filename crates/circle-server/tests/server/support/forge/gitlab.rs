//! The API of GitLab (`/api/v4`).

use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::BOT;
use super::dialect::{Asked, json as answered, missing};
use super::facts::{Facts, Posted, Pull, Repo};

pub(super) fn answer(facts: &mut Facts, asked: &Asked) -> Response {
    let segments = asked.segments();
    match segments[..] {
        ["user"] => answered(json!({"id": BOT.0, "username": BOT.1})),
        ["projects"] => asked.page(facts.repos.iter().map(shown).collect(), "per_page"),
        ["projects", id, ref rest @ ..] => {
            let is_it = |repo: &Repo| repo.id.to_string() == id || repo.full_name == id;
            match facts.repos.iter().position(is_it) {
                Some(at) => within(facts, at, rest, asked),
                None => missing(),
            }
        }
        _ => missing(),
    }
}

fn within(facts: &mut Facts, at: usize, rest: &[&str], asked: &Asked) -> Response {
    let Facts {
        repos,
        posted,
        last_hook,
        ..
    } = facts;
    let repo = &mut repos[at];
    match (asked.method.clone(), rest) {
        (Method::GET, []) => answered(shown(repo)),
        (_, ["hooks", ..]) if !repo.admin => (StatusCode::FORBIDDEN, "{\"message\":\"403 Forbidden\"}").into_response(),
        (Method::GET, ["hooks"]) => asked.page(repo.hooks.iter().map(hook).collect(), "per_page"),
        (Method::POST, ["hooks"]) => {
            *last_hook += 1;
            repo.hooks.push((*last_hook, asked.body.clone()));
            (StatusCode::CREATED, "{}").into_response()
        }
        (Method::PUT, ["hooks", id]) => match repo.hooks.iter_mut().find(|(known, _)| known.to_string() == *id) {
            Some((_, known)) => {
                *known = asked.body.clone();
                answered(json!({}))
            }
            None => missing(),
        },
        (Method::DELETE, ["hooks", id]) => {
            repo.hooks.retain(|(known, _)| known.to_string() != *id);
            StatusCode::NO_CONTENT.into_response()
        }
        (Method::POST, ["statuses", commit]) => post(repo.id, commit, asked, posted),
        (Method::GET, ["repository", "files", path, "raw"]) => match repo.files.get(*path) {
            Some(content) => content.clone().into_response(),
            None => missing(),
        },
        (Method::GET, ["merge_requests"]) if asked.query.get("state").is_some_and(|state| state == "opened") => {
            asked.page(repo.listed().map(proposed).collect(), "per_page")
        }
        (Method::GET, ["merge_requests", number]) => {
            match number.parse().ok().and_then(|number: u64| repo.pulls.get(&number)) {
                Some(pull) => answered(proposed((number.parse().unwrap_or_default(), pull))),
                None => missing(),
            }
        }
        (Method::GET, ["merge_requests", number, "diffs"]) => {
            let pull = number.parse().ok().and_then(|number: u64| repo.pulls.get(&number));
            let files = pull.map(|pull| pull.files.clone()).unwrap_or_default();
            let shown = |(new, old): (String, Option<String>)| json!({"old_path": old.as_ref().unwrap_or(&new), "new_path": new});
            asked.page(files.into_iter().map(shown).collect(), "per_page")
        }
        (Method::GET, ["members", "all", id]) => {
            match repo.members.iter().find(|member| member.id.to_string() == *id) {
                Some(member) => answered(json!({"access_level": if member.write { 30 } else { 20 }})),
                None => missing(),
            }
        }
        _ => missing(),
    }
}

fn proposed((number, pull): (u64, &Pull)) -> Value {
    json!({
        "iid": number, "state": if pull.open { "opened" } else { "closed" }, "sha": pull.head,
        "author": {"id": pull.author.0, "username": pull.author.1}, "labels": pull.labels,
        "source_project_id": pull.from, "target_branch": "main",
    })
}

/// GitLab refuses a status that is set already.
fn post(repository: u64, commit: &str, asked: &Asked, posted: &mut Vec<Posted>) -> Response {
    let text = |name: &str| asked.body[name].as_str().unwrap_or_default().to_owned();
    let new = Posted {
        repository,
        commit: commit.to_owned(),
        name: text("name"),
        state: text("state"),
        text: text("description"),
        page: text("target_url"),
    };
    let last = posted
        .iter()
        .rev()
        .find(|known| known.name == new.name && known.commit == new.commit);
    if last.is_some_and(|last| last.state == new.state) {
        let why = format!(
            "{{\"message\":\"Cannot transition status via :x from :{}\"}}",
            new.state
        );
        return (StatusCode::BAD_REQUEST, why).into_response();
    }
    posted.push(new);
    (StatusCode::CREATED, "{}").into_response()
}

fn shown(repo: &Repo) -> Value {
    json!({
        "id": repo.id, "path_with_namespace": repo.full_name, "default_branch": "main", "visibility": "private",
        "archived": repo.archived,
        "permissions": {"project_access": {"access_level": if repo.admin { 40 } else { 30 }}, "group_access": null},
    })
}

fn hook((id, body): &(u64, Value)) -> Value {
    let mut shown = body.clone();
    shown["id"] = (*id).into();
    shown["alert_status"] = "executable".into();
    if let Some(hook) = shown.as_object_mut() {
        hook.remove("token");
    }
    shown
}
