//! Calls of GitHub as others have published them: `make test-real` fetches them.

use axum::http::{HeaderMap, HeaderValue};
use circle_core::forge::ForgeKind;
use circle_server::forge::{What, read};
use serde_json::Value;

#[test]
#[ignore = "needs published examples: make test-real"]
fn real_github_calls_are_all_understood_or_passed_over() {
    let path = std::env::var("CIRCLE_WEBHOOK_EXAMPLES").expect("set by `make test-real`");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let events: Vec<Value> = serde_json::from_str(&text).expect("a list of events");
    let (mut calls, mut pushes, mut pulls, mut pings) = (0, 0, 0, 0);
    for event in &events {
        let name = event["name"].as_str().expect("a name");
        let mut headers = HeaderMap::new();
        headers.insert("x-github-event", HeaderValue::from_str(name).expect("a header"));
        for example in event["examples"].as_array().expect("examples") {
            let body = example.to_string();
            let notice = read(ForgeKind::Github, &headers, body.as_bytes());
            let notice = notice.unwrap_or_else(|error| panic!("{name}: {error}: {body}"));
            let id = example["repository"]["id"].as_u64().map(|id| id.to_string());
            assert_eq!(notice.repository, id, "{name}");
            match notice.what {
                What::Push { sender, .. } => {
                    assert_eq!(sender.login, example["sender"]["login"].as_str().expect("a login"));
                    pushes += 1;
                }
                What::Pull(pull) => {
                    assert_eq!(Some(pull.number), example["number"].as_u64());
                    assert_eq!(
                        pull.head,
                        example["pull_request"]["head"]["sha"].as_str().expect("a commit")
                    );
                    pulls += 1;
                }
                What::Ping => pings += 1,
                What::Unknown(said) => assert_eq!(said, name),
            }
            calls += 1;
        }
    }
    assert!(
        calls > 100 && pushes > 0 && pulls > 5 && pings > 0,
        "{calls} {pushes} {pulls} {pings}"
    );
}
