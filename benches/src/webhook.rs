//! Calls of forges: how long verifying and reading one takes, from a push of one commit to one of 2,048.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use circle_test::calls::{ForgeKind, read, verify};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue};
use serde_json::json;
use sha2::Sha256;

use crate::figures::{Report, ms, percentile};

/// Calls that are timed.
const TIMES: usize = 200;

/// Prints the times.
pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    for (commits, goal_ms) in [(1, 1), (2_048, 50)] {
        let body = push(commits);
        let secret = secrecy::SecretString::from("0123456789abcdef".repeat(4));
        let headers = signed(&body, &secret)?;
        let mut took = Vec::new();
        for _ in 0..TIMES {
            let begin = Instant::now();
            let good = verify(ForgeKind::Github, &headers, body.as_bytes(), &secret);
            let notice = read(ForgeKind::Github, &headers, body.as_bytes())?;
            took.push(begin.elapsed());
            ensure!(
                good && notice.repository.as_deref() == Some("42"),
                "the call was not understood"
            );
        }
        let p95 = percentile(&mut took, 95);
        let what = format!(
            "webhook of {commits} commits ({} KiB) verified and read, p95",
            body.len() / 1024
        );
        report.row(
            &what,
            &ms(p95),
            &format!("< {goal_ms} ms"),
            p95 < Duration::from_millis(goal_ms),
        );
    }
    Ok(())
}

/// As GitHub sends it, with some paths in every commit.
fn push(commits: usize) -> String {
    let id = "a".repeat(40);
    let paths: Vec<String> = (0..8)
        .map(|at| format!("crates/some-crate/src/some/module_{at}.rs"))
        .collect();
    let person = json!({"name": "Somebody", "email": "somebody@example.org", "username": "somebody"});
    let commit = json!({
        "id": id, "tree_id": id, "message": "Change something\n\nBecause of a reason that takes a line to tell.",
        "timestamp": "2026-01-02T03:04:05+00:00", "author": person, "committer": person, "added": [],
        "removed": [], "modified": paths,
    });
    json!({
        "ref": "refs/heads/main", "before": id, "after": id, "commits": vec![commit; commits],
        "repository": {"id": 42, "full_name": "team/shop"}, "sender": {"id": 7, "login": "somebody"},
    })
    .to_string()
}

fn signed(body: &str, secret: &secrecy::SecretString) -> Result<HeaderMap> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secrecy::ExposeSecret::expose_secret(secret).as_bytes())?;
    mac.update(body.as_bytes());
    let value = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    let mut headers = HeaderMap::new();
    headers.insert("x-github-event", HeaderValue::from_static("push"));
    headers.insert("x-hub-signature-256", HeaderValue::from_str(&value)?);
    Ok(headers)
}
