//! What every route may answer besides what was asked: added to the description in one place, by what a route takes.

use circle_api::resources::PROBLEM_CONTENT_TYPE;
use circle_api::routes;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder};

use super::once;

/// What each status means, for those who read the description.
const MEANINGS: &[(&str, &str)] = &[
    ("400", "Not understood: `detail` says where"),
    ("401", "No valid credential"),
    ("403", "The role does not reach"),
    ("404", "There is no such thing, or one may not see it"),
    ("409", "In conflict with what is there"),
    ("412", "It is not what `If-Match` names: read it again"),
    ("413", "Larger than this address takes"),
    ("422", "Understood and refused: `errors` names each field"),
    ("429", "Too much at once"),
    ("503", "Not now: try again"),
    ("507", "The disk of the server is full"),
];

/// What takes `If-Match` and is changed otherwise than by PATCH.
const MATCHED: &[(&str, &str)] = &[
    (routes::SECRETS, "put"),
    (routes::SECRET, "delete"),
    (routes::FORGE, "put"),
    (routes::FORGE, "delete"),
    (routes::WORKLOAD, "put"),
    (routes::WORKLOAD, "delete"),
];

/// What is read only where something is so: a worker that is connected, a run of a stranger, an account.
const CONFLICTING_READS: &[&str] = &[routes::WORKER_ROOTS, routes::RUN_APPROVAL, routes::IDENTITIES];

/// Completes the description.
pub(super) fn complete(api: &mut OpenApi) {
    for (path, item) in &mut api.paths.paths {
        let is_edited = item.patch.is_some();
        for (method, operation) in operations(item) {
            let edits = is_edited && matches!(method, "patch" | "delete");
            let edits = edits || MATCHED.contains(&(path.as_str(), method));
            let mut all = statuses(path, method, has_query(operation));
            if edits {
                all.push("412");
                let meaning = "The `ETag` of what is to be changed, or `*`; refused with 412 when it is another";
                add_header(operation, "If-Match", meaning);
            }
            if method == "post" && path.starts_with("/api/") {
                let meaning = "The same key with the same call within 24 hours gets the first answer again";
                add_header(operation, once::KEY, meaning);
            }
            for status in all {
                let answers = &mut operation.responses.responses;
                answers.insert(status.into(), RefOr::T(problem(status)));
            }
        }
    }
}

/// The refusals of a route.
fn statuses(path: &str, method: &str, has_query: bool) -> Vec<&'static str> {
    // A hook's signature is a credential too.
    let mut all = vec!["400", "401", "429", "503", "507"];
    let writes = method != "get";
    if path.starts_with("/api/") || path == routes::METRICS {
        all.push("403");
    }
    if writes || path.contains('{') {
        all.push("404");
    }
    if writes || has_query {
        all.push("422");
    }
    if writes || CONFLICTING_READS.contains(&path) {
        all.push("409");
    }
    if writes {
        all.push("413");
    }
    all
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("get", &mut item.get),
        ("put", &mut item.put),
        ("post", &mut item.post),
        ("delete", &mut item.delete),
        ("patch", &mut item.patch),
    ];
    all.into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn has_query(operation: &Operation) -> bool {
    let mut parameters = operation.parameters.iter().flatten();
    parameters.any(|parameter| matches!(parameter, RefOr::T(one) if one.parameter_in == ParameterIn::Query))
}

fn problem(status: &str) -> Response {
    let meaning = MEANINGS.iter().find(|(known, _)| *known == status);
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new()
        .description(meaning.map_or("", |(_, meaning)| meaning))
        .content(PROBLEM_CONTENT_TYPE, content.build())
        .build()
}

fn add_header(operation: &mut Operation, name: &str, description: &str) {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let header = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(text));
    operation
        .parameters
        .get_or_insert_with(Vec::new)
        .push(RefOr::T(header.build()));
}
