//! Every route × everybody.

use std::collections::BTreeSet;

use circle_api::resources::TokenScope;

use super::shop::Shop;
use super::table::{Needs, Row, table};

/// Who asks, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Anonymous,
    WorkerToken,
    RunToken,
    /// The admin of another workspace.
    Stranger,
    Member(Needs),
    Administrator,
}

/// What a row answers to somebody.
fn expected(row: &Row, who: Who) -> u16 {
    let allowed = match (row.needs, who) {
        (Needs::Public, _) => return row.answered,
        (Needs::Signature, _) | (_, Who::Anonymous | Who::WorkerToken | Who::RunToken) => return 401,
        (_, Who::Administrator) | (Needs::Anybody, _) => true,
        (Needs::Instance, _) => return 403,
        // What one may not see is not there.
        (_, Who::Stranger) => return 404,
        (needs, Who::Member(role)) => role as u8 >= needs as u8,
    };
    if allowed { row.answered } else { 403 }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_47_every_route_answers_everybody_as_the_table_says() {
    let shop = Shop::open().await;
    let everybody = everybody(&shop).await;
    for row in table() {
        let path = shop.filled(row.path);
        // Where one answer removes what the next would ask for, the last who may is left out.
        let once = row.method == "DELETE" && row.answered == 204;
        for (who, token) in &everybody {
            if once && *who == Who::Administrator && row.needs != Needs::Instance {
                continue;
            }
            let method = row.method.parse().expect("a method");
            let mut request = shop.circle.http.request(method, format!("{}{path}", shop.circle.url));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            if let Some(body) = &row.body {
                request = request.json(body);
            }
            let response = request.send().await.expect("an answer");
            let status = response.status().as_u16();
            // Events have no end.
            let is_open = row.path.ends_with("/events") && status == 200;
            let said = if is_open {
                String::new()
            } else {
                response.text().await.expect("a body")
            };
            let wanted = expected(&row, *who);
            assert_eq!(status, wanted, "{} {path} by {who:?}: {said}", row.method);
        }
    }
}

async fn everybody(shop: &Shop) -> Vec<(Who, Option<String>)> {
    let run_token = shop.job.assignment.run_token.expose().to_owned();
    let worker_token = shop.worker.enrolled.token.expose().to_owned();
    let mut all = vec![
        (Who::Anonymous, None),
        (Who::WorkerToken, Some(worker_token)),
        (Who::RunToken, Some(run_token)),
        (Who::Stranger, Some(shop.token("other", TokenScope::Admin).await)),
    ];
    let members = [
        (Needs::Viewer, TokenScope::Read),
        (Needs::Developer, TokenScope::Run),
        (Needs::Releaser, TokenScope::Deploy),
        (Needs::Admin, TokenScope::Admin),
    ];
    for (role, scope) in members {
        all.push((Who::Member(role), Some(shop.token("shop", scope).await)));
    }
    all.push((Who::Administrator, Some(shop.circle.token.clone())));
    all
}

#[test]
fn sec_47_every_route_of_the_description_stands_in_the_table() {
    let api = serde_json::to_value(circle_server::openapi()).expect("JSON");
    let mut described = BTreeSet::new();
    for (path, item) in api["paths"].as_object().expect("paths") {
        let methods = item.as_object().expect("operations").keys();
        let methods = methods.filter(|name| ["get", "post", "put", "patch", "delete"].contains(&name.as_str()));
        described.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
    }
    let rows = table();
    let listed: BTreeSet<_> = rows.iter().map(|row| format!("{} {}", row.method, row.path)).collect();
    assert_eq!(listed.len(), rows.len(), "a route stands in the table twice");
    let missing: Vec<_> = described.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&described).collect();
    assert!(missing.is_empty(), "say who may call {missing:?}");
    assert!(gone.is_empty(), "these routes are no more: {gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_47_lists_hold_only_what_one_may_see() {
    let shop = Shop::open().await;
    let ask = async |token: &str, path: &str| {
        let request = shop
            .circle
            .http
            .get(format!("{}{path}", shop.circle.url))
            .bearer_auth(token);
        let page: serde_json::Value = request.send().await.expect("an answer").json().await.expect("a page");
        let items = page["items"].as_array().expect("items").clone();
        items
            .into_iter()
            .map(|one| one["name"].as_str().expect("a name").to_owned())
            .collect::<Vec<_>>()
    };
    let (own, other) = (
        shop.token("shop", TokenScope::Read).await,
        shop.token("other", TokenScope::Admin).await,
    );
    assert_eq!(ask(&own, "/api/v1/workspaces").await, ["shop"]);
    assert_eq!(ask(&other, "/api/v1/workspaces").await, ["other"]);
    assert_eq!(ask(&own, "/api/v1/workers").await, ["w"]);
    assert!(ask(&other, "/api/v1/workers").await.is_empty());
    assert_eq!(
        ask(&shop.circle.token, "/api/v1/workspaces").await,
        ["default", "other", "shop"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_30_an_admin_of_a_workspace_cannot_widen_what_reaches_the_host() {
    let shop = Shop::open().await;
    let admin = shop.token("shop", TokenScope::Admin).await;
    let ask = async |token: &str, path: &str, body: serde_json::Value| {
        let request = shop
            .circle
            .http
            .patch(format!("{}/api/v1/workspaces/shop{path}", shop.circle.url));
        let response = request.bearer_auth(token).json(&body).send().await.expect("an answer");
        response.status().as_u16()
    };
    let policy = serde_json::json!({ "policy": { "privileged": true } });
    assert_eq!(ask(&admin, "", policy.clone()).await, 403);
    assert_eq!(ask(&shop.circle.token, "", policy).await, 200);
    let socket = serde_json::json!({ "swarm": { "endpoint": "unix:///var/run/docker.sock" } });
    assert_eq!(ask(&admin, "/targets/cluster", socket.clone()).await, 403);
    assert_eq!(ask(&shop.circle.token, "/targets/cluster", socket).await, 200);
}
