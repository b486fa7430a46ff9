//! Which requests there are. Whatever is not here does not reach the engine.

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::Refusal;
use super::rules::shown;

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    /// The path as the engine gets it, without a query.
    pub(super) path: String,
    pub(super) deed: Deed,
    /// What must not be Circle's own.
    pub(super) subject: Option<Subject>,
}

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// A container, by its name, its id or the beginning of it.
    Container(String),
    /// A command in a container, by its id.
    Exec(String),
}

impl Route {
    /// Names the container by its id instead.
    pub(super) fn name_container(&mut self, id: &str) {
        let mut parts: Vec<&str> = self.path.split('/').collect();
        let at = parts.iter().position(|part| *part == "containers").map(|at| at + 1);
        if let Some(name) = at.and_then(|at| parts.get_mut(at)) {
            *name = id;
        }
        self.path = parts.join("/");
    }
}

/// How a body is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// Streamed as it is.
    Pass,
    /// Left away: old engines would read host settings in it.
    Start,
    Top,
    Pull,
    Build,
    Create,
    Exec,
    Update,
    Network,
    /// A container joins a network or leaves it.
    Join,
    Volume,
}

/// Longest path; names of images have up to a few hundred characters.
const MAX_PATH_BYTES: usize = 2_048;

/// Finds what a request is.
pub(super) fn route(method: &Method, path: &str) -> Result<Route, Refusal> {
    let refused = || {
        Refusal::new(format!(
            "{method} {} is not among what `docker: true` gives",
            shown(path)
        ))
    };
    let decoded = percent_decode_str(path).decode_utf8().map_err(|_| refused())?;
    let odd = |c: char| c.is_control() || matches!(c, '%' | '\\' | '?' | '#');
    if decoded.len() > MAX_PATH_BYTES || decoded.contains(odd) {
        return Err(refused());
    }
    let all: Vec<&str> = decoded.strip_prefix('/').ok_or_else(refused)?.split('/').collect();
    if all.iter().any(|part| matches!(*part, "" | "." | "..")) {
        return Err(refused());
    }
    let parts = match all.split_first() {
        Some((first, rest)) if is_version(first) => rest,
        _ => &all[..],
    };
    let (deed, guarded) = known(method.as_str(), parts).ok_or_else(refused)?;
    let subject = guarded.map(|name| match parts.first() {
        Some(&"exec") => Subject::Exec(name.to_owned()),
        _ => Subject::Container(name.to_owned()),
    });
    let encoded: Vec<String> = all.iter().map(|part| encoded(part)).collect();
    Ok(Route {
        path: format!("/{}", encoded.join("/")),
        deed,
        subject,
    })
}

/// One path segment.
pub(super) fn encoded(part: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b':')
        .remove(b'@');
    utf8_percent_encode(part, KEPT).to_string()
}

fn is_version(part: &str) -> bool {
    let numbers = part.strip_prefix('v').and_then(|rest| rest.split_once('.'));
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(major, minor)| number(major) && number(minor))
}

/// The table. Long because it is one line for each kind of request.
fn known<'p>(method: &str, parts: &[&'p str]) -> Option<(Deed, Option<&'p str>)> {
    Some(match (method, parts) {
        ("GET" | "HEAD", ["_ping"]) | ("GET", ["version" | "info" | "events"] | ["system", "df"]) => (Deed::Pass, None),

        ("POST", ["containers", "create"]) => (Deed::Create, None),
        // One may look at Circle's own containers, but not at what their processes say and were given.
        ("GET", ["containers", "json"] | ["containers", _, "json" | "stats" | "changes"])
        | ("POST", ["containers", _, "wait"]) => (Deed::Pass, None),
        ("GET", ["containers", id, "top"]) => (Deed::Top, Some(id)),
        ("POST", ["containers", id, "start"]) => (Deed::Start, Some(id)),
        ("POST", ["containers", id, "exec"]) => (Deed::Exec, Some(id)),
        ("POST", ["containers", id, "update"]) => (Deed::Update, Some(id)),
        (
            "POST",
            [
                "containers",
                id,
                "stop" | "restart" | "kill" | "rename" | "pause" | "unpause" | "resize" | "attach",
            ],
        )
        | ("GET" | "HEAD" | "PUT", ["containers", id, "archive"])
        | ("GET", ["containers", id, "export" | "logs"])
        | ("DELETE", ["containers", id]) => (Deed::Pass, Some(id)),
        ("GET", ["exec", _, "json"]) => (Deed::Pass, None),
        ("POST", ["exec", id, "start" | "resize"]) => (Deed::Pass, Some(id)),

        ("GET", ["images", "json" | "search" | "get"] | ["images", .., "json" | "history" | "get"])
        | ("POST", ["images", "load" | "prune"] | ["images", .., "tag"])
        | ("DELETE", ["images", _, ..])
        | ("GET", ["distribution", .., "json"]) => (Deed::Pass, None),
        ("POST", ["images", "create"]) => (Deed::Pull, None),
        ("POST", ["build"]) => (Deed::Build, None),
        ("POST", ["session"] | ["build", "prune" | "cancel"]) => (Deed::Pass, None),

        ("POST", ["networks", _, "connect" | "disconnect"]) => (Deed::Join, None),
        ("POST", ["networks", "create"]) => (Deed::Network, None),
        ("GET", ["networks"] | ["networks", _]) | ("POST", ["networks", "prune"]) | ("DELETE", ["networks", _]) => {
            (Deed::Pass, None)
        }

        ("POST", ["volumes", "create"]) => (Deed::Volume, None),
        ("GET", ["volumes"] | ["volumes", _]) | ("POST", ["volumes", "prune"]) | ("DELETE", ["volumes", _]) => {
            (Deed::Pass, None)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::{Deed, Subject, route};

    fn deed(method: &str, path: &str) -> Option<Deed> {
        route(&Method::from_bytes(method.as_bytes()).expect("a method"), path)
            .ok()
            .map(|route| route.deed)
    }

    #[test]
    fn sec_30_what_is_not_listed_is_refused() {
        for (method, path) in [
            ("POST", "/swarm/init"),
            ("GET", "/v1.41/swarm"),
            ("POST", "/services/create"),
            ("POST", "/plugins/pull"),
            ("POST", "/v1.41/plugins/x/enable"),
            ("POST", "/secrets/create"),
            ("POST", "/grpc"),
            ("POST", "/commit"),
            ("POST", "/containers/prune"),
            ("POST", "/auth"),
            ("POST", "/images/a/b/push"),
            ("GET", "/containers/x/attach/ws"),
            ("POST", "/containers/x/checkpoints"),
            ("PATCH", "/containers/create"),
            ("POST", "/containers/create/"),
            ("POST", "//containers/create"),
            ("POST", "/containers/../swarm/init"),
            ("POST", "/containers/x%2f..%2f..%2fswarm/init"),
            ("POST", "/%2573warm/init"),
            ("GET", "/debug/pprof/"),
        ] {
            assert_eq!(deed(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn another_spelling_of_a_path_is_the_same_request() {
        for path in [
            "/containers/create",
            "/v1.41/containers/create",
            "/v1.24/%63ontainers/cr%65ate",
        ] {
            assert_eq!(deed("POST", path), Some(Deed::Create), "{path}");
        }
        let mut start = route(&Method::POST, "/v1.41/containers/my%20db/start").expect("known");
        assert_eq!(start.path, "/v1.41/containers/my%20db/start");
        assert_eq!(start.subject, Some(Subject::Container("my db".to_owned())));
        start.name_container("0a1b");
        assert_eq!(start.path, "/v1.41/containers/0a1b/start");
        let mut odd = route(&Method::DELETE, "/containers/containers").expect("known");
        odd.name_container("0a1b");
        assert_eq!(odd.path, "/containers/0a1b");
        assert_eq!(deed("GET", "/images/localhost:5000/a/b:1/json"), Some(Deed::Pass));
        assert_eq!(deed("DELETE", "/v1.41/images/sha256:0a"), Some(Deed::Pass));
    }
}
