//! The table of routes and who may call them. A route that is missing here fails the test.

use serde_json::{Value, json};

/// The least that a route wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing: the body is the credential.
    Public,
    /// A signature, which no token is.
    Signature,
    /// Any credential of the API.
    Anybody,
    Viewer,
    Developer,
    Releaser,
    Admin,
    /// All of the server.
    Instance,
}

/// One row: what is asked, what it needs, and what whoever may is answered.
pub(super) struct Row {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) needs: Needs,
    pub(super) body: Option<Value>,
    pub(super) answered: u16,
}

fn row(method: &'static str, path: &'static str, needs: Needs, body: Option<Value>, answered: u16) -> Row {
    Row {
        method,
        path,
        needs,
        body,
        answered,
    }
}

fn get(path: &'static str, needs: Needs) -> Row {
    row("GET", path, needs, None, 200)
}

fn delete(path: &'static str, needs: Needs, answered: u16) -> Row {
    row("DELETE", path, needs, None, answered)
}

/// A body that nobody understands: whoever gets so far may.
fn refused(method: &'static str, path: &'static str, needs: Needs) -> Row {
    row(method, path, needs, Some(json!({ "nonsense": 1 })), 400)
}

/// In an order in which what is removed is not asked for later.
pub(super) fn table() -> Vec<Row> {
    let mut rows = reading();
    rows.extend(writing());
    rows.extend(people());
    rows.extend(removing());
    rows
}

fn reading() -> Vec<Row> {
    use Needs::{Admin, Anybody, Developer, Instance, Viewer};
    vec![
        get("/api/v1/server", Anybody),
        get("/api/v1/workspaces", Anybody),
        get("/api/v1/workers", Anybody),
        get("/api/v1/hosts", Anybody),
        get("/api/v1/hosts/{host}", Viewer),
        get("/metrics", Instance),
        get("/api/v1/tokens", Instance),
        get("/api/v1/server/master-keys", Instance),
        get("/api/v1/workspaces/{workspace}", Viewer),
        get("/api/v1/workspaces/{workspace}/services", Viewer),
        get("/api/v1/workspaces/{workspace}/services/{service}", Viewer),
        get(
            "/api/v1/workspaces/{workspace}/services/{service}/runs/{number}",
            Viewer,
        ),
        get("/api/v1/workspaces/{workspace}/services/{service}/inputs", Developer),
        get("/api/v1/workspaces/{workspace}/services/{service}/schedules", Viewer),
        get("/api/v1/workspaces/{workspace}/services/{service}/mail", Viewer),
        get("/api/v1/workspaces/{workspace}/services/{service}/webhooks", Admin),
        get("/api/v1/workspaces/{workspace}/services/{service}/notices", Developer),
        get("/api/v1/workspaces/{workspace}/registries", Viewer),
        get("/api/v1/workspaces/{workspace}/registries/{registry}", Viewer),
        get("/api/v1/workspaces/{workspace}/targets", Viewer),
        get("/api/v1/workspaces/{workspace}/targets/{target}", Viewer),
        get("/api/v1/workspaces/{workspace}/environments", Viewer),
        get("/api/v1/workspaces/{workspace}/environments/{environment}", Viewer),
        get(
            "/api/v1/workspaces/{workspace}/environments/{environment}/deployments",
            Viewer,
        ),
        get("/api/v1/workspaces/{workspace}/secrets", Developer),
        get("/api/v1/workspaces/{workspace}/secrets/{secret}", Developer),
        get("/api/v1/workspaces/{workspace}/audit", Admin),
        get("/api/v1/workspaces/{workspace}/audit/export", Admin),
        get("/api/v1/audit", Instance),
        get("/api/v1/audit/export", Instance),
        get("/api/v1/workspaces/{workspace}/forges", Viewer),
        // There is no such forge: whoever may is told so.
        row(
            "GET",
            "/api/v1/workspaces/{workspace}/forges/{forge}",
            Viewer,
            None,
            404,
        ),
        row(
            "GET",
            "/api/v1/workspaces/{workspace}/forges/{forge}/repositories",
            Admin,
            None,
            404,
        ),
        get("/api/v1/workspaces/{workspace}/deliveries", Viewer),
        get("/api/v1/workspaces/{workspace}/runs", Viewer),
        get("/api/v1/workspaces/{workspace}/events", Viewer),
        get("/api/v1/deliveries/{delivery}", Viewer),
        get("/api/v1/deliveries/{delivery}/payload", Developer),
        get("/api/v1/runs/{run}", Viewer),
        // It is of no pull request: whoever may is told so.
        row("GET", "/api/v1/runs/{run}/approval", Viewer, None, 409),
        get("/api/v1/runs/{run}/log", Viewer),
        get("/api/v1/runs/{run}/log/{stage}", Viewer),
        get("/api/v1/runs/{run}/log/{stage}/lines", Viewer),
        get("/api/v1/runs/{run}/outputs/{stage}", Viewer),
        get("/api/v1/runs/{run}/shells", Viewer),
        // The played worker is not connected: whoever may ask is told so.
        row("GET", "/api/v1/workers/{worker}/roots", Viewer, None, 409),
    ]
}

fn writing() -> Vec<Row> {
    use Needs::{Admin, Developer, Instance, Releaser, Signature, Viewer};
    vec![
        row(
            "POST",
            "/hooks/git/{workspace}/{service}",
            Signature,
            Some(json!({})),
            401,
        ),
        row("POST", "/api/v1/runs/{run}/live/ticket", Viewer, None, 201),
        refused("POST", "/api/v1/workspaces", Instance),
        refused("POST", "/api/v1/tokens", Instance),
        row("POST", "/api/v1/server/master-keys", Instance, None, 201),
        row("POST", "/api/v1/server/backup", Instance, None, 200),
        refused("PATCH", "/api/v1/workspaces/{workspace}", Admin),
        refused("POST", "/api/v1/workspaces/{workspace}/services", Admin),
        refused("PATCH", "/api/v1/workspaces/{workspace}/services/{service}", Admin),
        row(
            "POST",
            "/api/v1/workspaces/{workspace}/services/{service}/hook-secret",
            Admin,
            None,
            200,
        ),
        refused(
            "PUT",
            "/api/v1/workspaces/{workspace}/services/{service}/credential",
            Admin,
        ),
        refused("PUT", "/api/v1/workspaces/{workspace}/services/{service}/mail", Admin),
        refused(
            "POST",
            "/api/v1/workspaces/{workspace}/services/{service}/schedules",
            Developer,
        ),
        refused(
            "PATCH",
            "/api/v1/workspaces/{workspace}/services/{service}/schedules/{schedule}",
            Developer,
        ),
        refused(
            "POST",
            "/api/v1/workspaces/{workspace}/services/{service}/webhooks",
            Admin,
        ),
        // There is no such webhook: whoever may is told so.
        row(
            "POST",
            "/api/v1/workspaces/{workspace}/services/{service}/webhooks/{webhook}/ping",
            Admin,
            None,
            404,
        ),
        refused("POST", "/api/v1/workspaces/{workspace}/registries", Admin),
        refused("PATCH", "/api/v1/workspaces/{workspace}/registries/{registry}", Admin),
        refused("POST", "/api/v1/workspaces/{workspace}/targets", Admin),
        refused("PATCH", "/api/v1/workspaces/{workspace}/targets/{target}", Admin),
        refused("POST", "/api/v1/workspaces/{workspace}/environments", Admin),
        refused(
            "PATCH",
            "/api/v1/workspaces/{workspace}/environments/{environment}",
            Admin,
        ),
        refused(
            "PUT",
            "/api/v1/workspaces/{workspace}/environments/{environment}/workloads/{service}",
            Releaser,
        ),
        refused("PUT", "/api/v1/workspaces/{workspace}/secrets", Admin),
        refused("POST", "/api/v1/workspaces/{workspace}/forges", Admin),
        refused("PUT", "/api/v1/workspaces/{workspace}/forges/{forge}", Admin),
        refused("POST", "/api/v1/workspaces/{workspace}/forges/{forge}/services", Admin),
        refused("POST", "/api/v1/workspaces/{workspace}/forges/{forge}/check", Admin),
        refused("POST", "/api/v1/workspaces/{workspace}/oauth/forges", Admin),
        refused("PUT", "/api/v1/workspaces/{workspace}/oauth/forges", Admin),
        row("POST", "/hooks/forge/{service}", Signature, Some(json!({})), 401),
        refused("POST", "/api/v1/workspaces/{workspace}/runs", Developer),
        refused("POST", "/api/v1/runs/{run}/approve", Developer),
        row("POST", "/api/v1/deliveries/{delivery}/replay", Developer, None, 201),
        row("POST", "/api/v1/runs/{run}/rerun", Developer, Some(json!({})), 409),
        row("POST", "/api/v1/runs/{run}/cancel", Developer, Some(json!({})), 202),
        row(
            "POST",
            "/api/v1/workers/enrolments",
            Admin,
            Some(json!({ "workspace": "shop" })),
            201,
        ),
        row("POST", "/api/v1/workers/{worker}/drain", Admin, None, 202),
        row(
            "POST",
            "/api/v1/hosts",
            Admin,
            Some(json!({ "name": "lab2", "endpoint": "tcp://127.0.0.1:1", "cells": 1, "workspace": "shop" })),
            422,
        ),
        row(
            "PATCH",
            "/api/v1/hosts/{host}",
            Admin,
            Some(json!({ "draining": true })),
            200,
        ),
        row("POST", "/api/v1/hosts/{host}/check", Admin, None, 202),
        row(
            "POST",
            "/api/v1/workers/{worker}/roots/prune",
            Admin,
            Some(json!({})),
            409,
        ),
    ]
}

fn removing() -> Vec<Row> {
    use Needs::{Admin, Developer, Instance, Releaser};
    vec![
        // There is no key of that name: whoever may is told so.
        row("DELETE", "/api/v1/server/master-keys/{key}", Instance, None, 404),
        delete("/api/v1/tokens/{token}", Instance, 204),
        delete("/api/v1/workers/{worker}", Admin, 204),
        delete("/api/v1/hosts/{host}", Admin, 202),
        delete("/api/v1/workspaces/{workspace}/secrets/{secret}", Admin, 204),
        delete(
            "/api/v1/workspaces/{workspace}/environments/{environment}/workloads/{service}",
            Releaser,
            200,
        ),
        delete("/api/v1/workspaces/{workspace}/environments/{environment}", Admin, 204),
        // There is none: whoever may is told so.
        delete(
            "/api/v1/workspaces/{workspace}/services/{service}/credential",
            Admin,
            404,
        ),
        delete(
            "/api/v1/workspaces/{workspace}/services/{service}/schedules/{schedule}",
            Developer,
            404,
        ),
        delete(
            "/api/v1/workspaces/{workspace}/services/{service}/webhooks/{webhook}",
            Admin,
            404,
        ),
        delete("/api/v1/workspaces/{workspace}/services/{service}", Admin, 204),
        delete("/api/v1/workspaces/{workspace}/registries/{registry}", Admin, 204),
        delete("/api/v1/workspaces/{workspace}/targets/{target}", Admin, 204),
        delete("/api/v1/workspaces/{workspace}/forges/{forge}", Admin, 404),
        delete("/api/v1/workspaces/{workspace}", Admin, 204),
    ]
}

fn people() -> Vec<Row> {
    use Needs::{Admin, Anybody, Instance, Public, Viewer};
    vec![
        get("/api/v1/sign-in", Public),
        refused("POST", "/api/v1/sign-in/{provider}", Public),
        refused("PUT", "/api/v1/sign-in/{provider}", Public),
        // A token of the server has no account, and no token unlinks.
        row("GET", "/api/v1/account/identities", Anybody, None, 409),
        delete("/api/v1/account/identities/{identity}", Anybody, 409),
        get("/api/v1/identity-providers", Instance),
        refused("POST", "/api/v1/identity-providers", Instance),
        // There is no such provider: whoever may is told so.
        row("GET", "/api/v1/identity-providers/{provider}", Instance, None, 404),
        refused("PATCH", "/api/v1/identity-providers/{provider}", Instance),
        row(
            "POST",
            "/api/v1/identity-providers/{provider}/check",
            Instance,
            None,
            404,
        ),
        delete("/api/v1/identity-providers/{provider}", Instance, 404),
        refused("POST", "/api/v1/session", Public),
        refused("POST", "/api/v1/links", Public),
        get("/api/v1/account", Anybody),
        // A token is no session and has no password.
        delete("/api/v1/session", Anybody, 409),
        delete("/api/v1/sessions", Anybody, 409),
        refused("PUT", "/api/v1/account/password", Anybody),
        get("/api/v1/users", Instance),
        refused("PATCH", "/api/v1/users/{user}", Instance),
        row("POST", "/api/v1/users/{user}/reset", Instance, None, 404),
        delete("/api/v1/users/{user}", Instance, 404),
        get("/api/v1/workspaces/{workspace}/members", Viewer),
        refused("PUT", "/api/v1/workspaces/{workspace}/members/{member}", Admin),
        delete("/api/v1/workspaces/{workspace}/members/{member}", Admin, 404),
        get("/api/v1/workspaces/{workspace}/invitations", Admin),
        refused("POST", "/api/v1/workspaces/{workspace}/invitations", Admin),
        delete("/api/v1/workspaces/{workspace}/invitations/{invitation}", Admin, 404),
    ]
}
