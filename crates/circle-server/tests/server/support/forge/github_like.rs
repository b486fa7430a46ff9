//! The API of GitHub (`/api/v3`, by id) and Gitea (`/api/v1`, by name), as far as it is the same.

use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use circle_core::forge::ForgeKind;
use serde_json::{Value, json};

use super::BOT;
use super::dialect::{Asked, json as answered, missing};
use super::facts::{Facts, Posted, Pull, Repo};

pub(super) fn answer(facts: &mut Facts, asked: &Asked, kind: ForgeKind) -> Response {
    let segments = asked.segments();
    let size = if kind == ForgeKind::Github { "per_page" } else { "limit" };
    match segments[..] {
        ["user"] => answered(json!({"id": BOT.0, "login": BOT.1})),
        ["user", "repos"] => asked.page(facts.repos.iter().map(|repo| shown(repo, kind)).collect(), size),
        ["repositories", id] => one(
            facts,
            |repo| repo.id.to_string() == id,
            |repo| answered(shown(repo, kind)),
        ),
        ["repositories", id, ref rest @ ..] if kind == ForgeKind::Github => {
            let Some(at) = facts.repos.iter().position(|repo| repo.id.to_string() == id) else {
                return missing();
            };
            within(facts, at, rest, asked, kind)
        }
        ["repos", owner, name, ref rest @ ..] if kind == ForgeKind::Gitea || rest.is_empty() => {
            let is_it = |repo: &Repo| repo.owner_and_name() == (owner, name);
            let Some(at) = facts.repos.iter().position(is_it) else {
                return missing();
            };
            within(facts, at, rest, asked, kind)
        }
        _ => missing(),
    }
}

fn one(facts: &Facts, is_it: impl Fn(&Repo) -> bool, then: impl Fn(&Repo) -> Response) -> Response {
    facts.repos.iter().find(|repo| is_it(repo)).map_or_else(missing, then)
}

fn within(facts: &mut Facts, at: usize, rest: &[&str], asked: &Asked, kind: ForgeKind) -> Response {
    let size = if kind == ForgeKind::Github { "per_page" } else { "limit" };
    let Facts {
        repos,
        posted,
        last_hook,
        ..
    } = facts;
    let repo = &mut repos[at];
    match (asked.method.clone(), rest) {
        (Method::GET, []) => answered(shown(repo, kind)),
        (_, ["hooks", id @ ..]) if !repo.admin => {
            let _ = id;
            (StatusCode::FORBIDDEN, "{\"message\":\"Must have admin rights\"}").into_response()
        }
        (Method::GET, ["hooks"]) => asked.page(repo.hooks.iter().map(hook).collect(), size),
        (Method::POST, ["hooks"]) => {
            *last_hook += 1;
            repo.hooks.push((*last_hook, asked.body.clone()));
            (StatusCode::CREATED, "{}").into_response()
        }
        (Method::PATCH, ["hooks", id]) => match repo.hooks.iter_mut().find(|(known, _)| known.to_string() == *id) {
            Some((_, known)) => {
                let (known, new) = (known.as_object_mut(), asked.body.as_object());
                known.expect("an object").extend(new.cloned().unwrap_or_default());
                answered(json!({}))
            }
            None => missing(),
        },
        (Method::DELETE, ["hooks", id]) => {
            repo.hooks.retain(|(known, _)| known.to_string() != *id);
            StatusCode::NO_CONTENT.into_response()
        }
        (Method::POST, ["statuses", commit]) => {
            let text = |name: &str| asked.body[name].as_str().unwrap_or_default().to_owned();
            posted.push(Posted {
                repository: repo.id,
                commit: (*commit).to_owned(),
                name: text("context"),
                state: text("state"),
                text: text("description"),
                page: text("target_url"),
            });
            (StatusCode::CREATED, "{}").into_response()
        }
        (Method::GET, ["contents" | "raw", path @ ..]) => match repo.files.get(&path.join("/")) {
            Some(content) => content.clone().into_response(),
            None => missing(),
        },
        (Method::GET, ["pulls"]) if asked.query.get("state").is_some_and(|state| state == "open") => {
            asked.page(repo.listed().map(|pull| proposed(repo, pull)).collect(), size)
        }
        (Method::GET, ["pulls", number]) => match number.parse().ok().and_then(|number: u64| repo.pulls.get(&number)) {
            Some(pull) => answered(proposed(repo, (number.parse().unwrap_or_default(), pull))),
            None => missing(),
        },
        (Method::GET, ["pulls", number, "files"]) => {
            let pull = number.parse().ok().and_then(|number: u64| repo.pulls.get(&number));
            let files = pull.map(|pull| pull.files.clone()).unwrap_or_default();
            let shown = |(new, old): (String, Option<String>)| json!({"filename": new, "previous_filename": old});
            asked.page(files.into_iter().map(shown).collect(), size)
        }
        (Method::GET, ["collaborators", login, "permission"]) => {
            let known = repo.members.iter().find(|member| member.login == *login);
            let Some(member) = known else { return missing() };
            let word = if member.write { "write" } else { "read" };
            answered(json!({"permission": word, "user": {"id": member.id, "login": member.login}}))
        }
        _ => missing(),
    }
}

fn proposed(repo: &Repo, (number, pull): (u64, &Pull)) -> Value {
    let labels: Vec<Value> = pull.labels.iter().map(|name| json!({"name": name})).collect();
    json!({
        "number": number, "state": if pull.open { "open" } else { "closed" },
        "user": {"id": pull.author.0, "login": pull.author.1}, "labels": labels,
        "head": {"ref": "topic", "sha": pull.head, "repo": {"id": pull.from, "full_name": "x/y"}},
        "base": {"ref": "main", "sha": "", "repo": {"id": repo.id, "full_name": repo.full_name}},
    })
}

fn shown(repo: &Repo, _: ForgeKind) -> Value {
    json!({
        "id": repo.id, "full_name": repo.full_name, "default_branch": "main", "private": true,
        "archived": repo.archived, "empty": false,
        "permissions": {"admin": repo.admin, "push": true, "pull": true},
    })
}

fn hook((id, body): &(u64, Value)) -> Value {
    let mut shown = body.clone();
    shown["id"] = (*id).into();
    // Nobody is shown the secret again.
    if let Some(config) = shown["config"].as_object_mut() {
        config.remove("secret");
    }
    shown
}
