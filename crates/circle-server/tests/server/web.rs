//! The page as it is served.

use reqwest::Response;

use crate::support::Circle;

/// The most that a first look loads, through gzip.
const FIRST_LOAD_BYTES: usize = 200_000;

async fn got(circle: &Circle, path: &str) -> Response {
    let url = format!("{}{path}", circle.url);
    circle.http.get(url).send().await.expect("an answer")
}

/// As a browser asks for what it shows.
async fn opened(circle: &Circle, path: &str) -> Response {
    let request = circle.http.get(format!("{}{path}", circle.url));
    let request = request.header("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    request
        .header("accept-encoding", "gzip")
        .send()
        .await
        .expect("an answer")
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    let value = answer.headers().get(name);
    value.map_or("", |value| value.to_str().expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_49_the_page_runs_nothing_but_its_own_files() {
    let circle = Circle::start().await;
    for path in [
        "/",
        "/runs/anything",
        "/services",
        "/workers",
        "/workspaces",
        "/sign-in",
        "/w/any",
        "/w/any/services",
        "/w/any/services/shop",
        "/w/any/forges",
        "/w/any/forges/ours",
        "/oauth/forge?code=x&state=y",
    ] {
        let page = opened(&circle, path).await;
        assert_eq!(page.status(), 200, "{path}: was the page built? `make web`");
        assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
        let policy = header(&page, "content-security-policy").to_owned();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_page_loads_is_there_and_nothing_else_is() {
    let circle = Circle::start().await;
    let html = got(&circle, "/").await.text().await.expect("a page");
    let script = html.split("src=\"").nth(1).and_then(|rest| rest.split('"').next());
    let asset = got(&circle, script.expect("the page loads a script")).await;
    assert_eq!(asset.status(), 200);
    assert!(header(&asset, "content-type").starts_with("text/javascript"));
    assert!(header(&asset, "cache-control").contains("immutable"));
    assert_eq!(header(&asset, "x-content-type-options"), "nosniff");
    for path in [
        "/assets/none.js",
        "/assets/..%2findex.html",
        "/assets/..%2f..%2fetc%2fpasswd",
        "/elsewhere",
    ] {
        let answer = got(&circle, path).await;
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(header(&answer, "content-type"), "application/problem+json", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_load_is_small() {
    let circle = Circle::start().await;
    let html = got(&circle, "/").await.text().await.expect("a page");
    let parts = html.split('"').filter(|text| text.starts_with("/assets/"));
    let mut bytes = opened(&circle, "/").await.bytes().await.expect("a page").len();
    for path in parts {
        let asset = opened(&circle, path).await;
        assert_eq!(header(&asset, "content-encoding"), "gzip", "{path}");
        bytes += asset.bytes().await.expect("an asset").len();
    }
    assert!(
        (20_000..FIRST_LOAD_BYTES).contains(&bytes),
        "{bytes} bytes of at most {FIRST_LOAD_BYTES}"
    );
}
