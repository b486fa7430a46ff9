//! What people ask to change is written down, and stays.

use circle_api::client::ApiError;
use circle_api::resources::TokenScope;
use circle_api::resources::people::{AuditQuery, AuditView};
use circle_store::records::Kind;
use reqwest::Method;
use serde_json::{Value, json};

use super::shop::Shop;
use crate::support::{Circle, until};

async fn ask(shop: &Shop, token: &str, method: Method, path: &str) -> (u16, String) {
    let url = format!("{}{path}", shop.circle.url);
    let request = shop.circle.http.request(method, url).bearer_auth(token);
    let request = request.json(&json!({ "name": "hub2", "address": "hub2.example.org" }));
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.text().await.expect("a body"))
}

fn told(page: &str) -> Vec<(String, String, u64)> {
    let page: Value = serde_json::from_str(page).expect("a page");
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let items = page["items"].as_array().expect("items").iter();
    items
        .map(|entry| {
            (
                text(entry, "action"),
                text(entry, "name"),
                entry["status"].as_u64().unwrap_or(0),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_52_who_asked_for_what_is_written_down_and_stays() {
    let shop = Shop::open().await;
    let (admin, viewer) = (
        shop.token("shop", TokenScope::Admin).await,
        shop.token("shop", TokenScope::Read).await,
    );
    let registries = "/api/v1/workspaces/shop/registries";
    assert_eq!(ask(&shop, &viewer, Method::POST, registries).await.0, 403);
    assert_eq!(ask(&shop, &admin, Method::POST, registries).await.0, 201);
    assert_eq!(
        ask(&shop, &admin, Method::DELETE, &format!("{registries}/hub2"))
            .await
            .0,
        204
    );
    let (status, page) = ask(&shop, &admin, Method::GET, "/api/v1/workspaces/shop/audit?actor=robot").await;
    assert_eq!(status, 200, "{page}");
    let entry = |action: &str, status| (action.to_owned(), "hub2".to_owned(), status);
    let all = [
        entry("remove_registry", 204),
        entry("create_registry", 201),
        entry("create_registry", 403),
    ];
    assert_eq!(told(&page), all);
    let filtered = "/api/v1/workspaces/shop/audit?action=remove_registry&limit=1";
    assert_eq!(told(&ask(&shop, &admin, Method::GET, filtered).await.1), all[..1]);
    // Reading leaves no trace, secrets leave no value, and the export has every entry in order.
    let (_, export) = ask(&shop, &admin, Method::GET, "/api/v1/workspaces/shop/audit/export").await;
    let lines: Vec<Value> = export
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert!(
        lines
            .iter()
            .all(|line| line["workspace"].is_string() && line["action"] != "list_workspace_audit")
    );
    assert!(lines.iter().any(|line| line["action"] == "set_secret"));
    assert!(!export.contains("long enough"), "{export}");
    assert_eq!(lines.last().expect("a line")["action"], "remove_registry");
    let other = shop.token("other", TokenScope::Admin).await;
    assert!(
        told(
            &ask(&shop, &other, Method::GET, "/api/v1/workspaces/other/audit?actor=robot")
                .await
                .1
        )
        .is_empty()
    );
    for method in [Method::DELETE, Method::PUT, Method::PATCH, Method::POST] {
        assert_eq!(ask(&shop, &shop.circle.token, method, "/api/v1/audit").await.0, 405);
    }
}

async fn audit_of(circle: &Circle) -> Vec<AuditView> {
    let page = circle.api.audit(&AuditQuery::default()).await.expect("the audit");
    page.items
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_52_entries_go_by_age_alone_and_the_oldest_first() {
    let circle = Circle::start().await;
    for name in ["one", "two", "three"] {
        circle.service(name, "https://git.example.org/shop.git").await;
    }
    let entries = audit_of(&circle).await;
    let [three, two, one] = entries.as_slice() else {
        panic!("three entries: {entries:?}");
    };
    let days_old = |days: i64| move |body: &mut Value| body["at"] = json!(now_ms() - days * 86_400_000);
    let circle = circle
        .changed(Kind::Audit, &one.id.to_string(), days_old(401))
        .await
        .changed(Kind::Audit, &two.id.to_string(), days_old(399))
        .await;
    let left = until("the old end is gone", || audit_of(&circle), |left| left.len() < 3).await;
    let ids: Vec<_> = left.iter().map(|entry| entry.id).collect();
    assert_eq!(
        ids,
        [three.id, two.id],
        "what is 399 days old stays, behind what is new"
    );
    let mut export = Vec::new();
    let take = |bytes: &[u8]| {
        export.extend_from_slice(bytes);
        Ok::<(), ApiError>(())
    };
    circle.api.audit_export(None, take).await.expect("an export");
    let lines: Vec<AuditView> = export
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("an entry"))
        .collect();
    assert_eq!(
        lines.iter().map(|entry| entry.id).collect::<Vec<_>>(),
        [two.id, three.id]
    );
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
