//! Security 1–9 for the calls of forges.

use circle_api::resources::{DeliveryQuery, DeliveryState, HookAccepted};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_core::forge::ForgeKind;
use serde_json::json;

use crate::forges::{connect, link};
use crate::support::forge::{Call, Forge, Member, Repo, Told, Who};
use crate::support::{Circle, PIPELINE, until};

const KINDS: [ForgeKind; 3] = [ForgeKind::Gitea, ForgeKind::Github, ForgeKind::Gitlab];
const ALICE: Who = Who(7, "alice");
const SHOP: u64 = 42;

/// A Circle that is linked to `team/shop` of a played forge; its commit.
async fn linked(kind: ForgeKind) -> (Circle, Forge, String) {
    let (circle, forge) = (Circle::start().await, Forge::start(kind).await);
    let repo = forge.repository(SHOP, "team/shop", PIPELINE).await;
    connect(&circle, &forge).await;
    link(&circle, "team/shop").await;
    let commit = repo
        .git(&["rev-parse", "HEAD"])
        .await
        .expect("a commit")
        .trim()
        .to_owned();
    (circle, forge, commit)
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_01_a_forges_call_with_a_wrong_or_missing_signature_is_refused() {
    for kind in KINDS {
        let (circle, forge, commit) = linked(kind).await;
        let call = forge.push(SHOP, "refs/heads/main", &commit, ALICE);
        let (url, secret) = forge.hook(SHOP);
        let wrong = forge
            .call_as(&circle, (&url, "another"), &call)
            .send()
            .await
            .expect("an answer");
        assert_eq!(wrong.status(), 401, "{kind:?}");
        let unsigned = circle
            .http
            .post(&url)
            .body(call.body.to_string())
            .send()
            .await
            .expect("an answer");
        assert_eq!(unsigned.status(), 401, "{kind:?}");
        // A service that is not there answers the same.
        let nowhere = url.replace("svc_", "svc_f");
        let other = forge
            .call_as(&circle, (&nowhere, &secret), &call)
            .send()
            .await
            .expect("an answer");
        assert_eq!(other.status(), 401, "{kind:?}");
        let deliveries = circle
            .api
            .deliveries(DEFAULT_WORKSPACE, &DeliveryQuery::default())
            .await
            .expect("a list");
        assert!(deliveries.items.is_empty(), "{deliveries:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_02_a_call_that_comes_twice_is_one_event() {
    let (circle, forge, commit) = linked(ForgeKind::Github).await;
    let call = forge.push(SHOP, "refs/heads/main", &commit, ALICE);
    let mut accepted: Vec<HookAccepted> = Vec::new();
    for delivery in ["one", "two"] {
        // What is not signed tells no calls apart.
        let request = forge.call(&circle, SHOP, &call).header("x-github-delivery", delivery);
        accepted.push(request.send().await.expect("an answer").json().await.expect("accepted"));
    }
    assert_eq!((accepted[0].duplicate, accepted[1].duplicate), (false, true));
    assert_eq!(accepted[0].delivery, accepted[1].delivery);
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_03_a_call_signed_for_one_repository_says_nothing_of_another() {
    for kind in KINDS {
        let (circle, forge, commit) = linked(kind).await;
        forge.facts().repos.push(Repo::of(43, "team/bank"));
        let call = forge.push(43, "refs/heads/main", &commit, ALICE);
        let state = forge.settled(&circle, SHOP, &call).await;
        let refused = matches!(&state, DeliveryState::Refused { why, .. } if why.contains("team/bank"));
        assert!(refused, "{kind:?}: {state:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_04_a_million_commits_deep_json_and_thirty_megabytes_are_bounded() {
    let (circle, forge, commit) = linked(ForgeKind::Github).await;
    let (url, secret) = forge.hook(SHOP);
    let large = Call {
        event: "push",
        body: json!("x".repeat(30 << 20)),
    };
    // The server may close before everything was sent, which is as good as its answer.
    if let Ok(answer) = forge.call_as(&circle, (&url, &secret), &large).send().await {
        assert_eq!(answer.status(), 413);
    }
    // As many as fit: they are passed over unread, and the push is a push.
    let mut many = forge.push(SHOP, "refs/heads/main", &commit, ALICE);
    many.body["commits"] = vec![json!({"id": commit, "message": "m"}); 100_000].into();
    assert!(many.body.to_string().len() > 6 << 20);
    let state = forge.settled(&circle, SHOP, &many).await;
    assert!(matches!(state, DeliveryState::Run { .. }), "{state:?}");
    let body = forge.push(SHOP, "refs/heads/main", &commit, ALICE).body;
    let text = body
        .to_string()
        .replacen("[{", &format!("{}[{{", "[".repeat(100_000)), 1);
    let deep = forge.settled_raw(&circle, SHOP, ("push", &text)).await;
    assert!(matches!(deep, DeliveryState::Refused { .. }), "{deep:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_05_pings_unknown_events_and_what_changes_no_commit_are_ignored() {
    for kind in KINDS {
        let (circle, forge, commit) = linked(kind).await;
        let unknown = Call {
            event: "discussion_answered",
            body: json!({"zen": 1}),
        };
        let mut closed = pull(&forge, kind, &commit);
        if kind == ForgeKind::Gitlab {
            closed.body["object_attributes"]["action"] = "close".into();
        } else {
            closed.body["action"] = "closed".into();
        }
        let mut calls = vec![(closed, "was closed")];
        let gone = forge.push(SHOP, "refs/heads/main", &"0".repeat(40), ALICE);
        calls.push((gone, "deleted"));
        if kind == ForgeKind::Github {
            let ping = Call {
                event: "ping",
                body: json!({"zen": "Keep it logically awesome.", "hook_id": 1}),
            };
            calls.push((ping, "ping"));
        }
        for (call, why_not) in calls {
            let state = forge.settled(&circle, SHOP, &call).await;
            let ignored = matches!(&state, DeliveryState::Ignored { why } if why.contains(why_not));
            assert!(ignored, "{kind:?} {why_not}: {state:?}");
        }
        let state = forge.settled(&circle, SHOP, &unknown).await;
        assert!(!matches!(state, DeliveryState::Run { .. }), "{kind:?}: {state:?}");
    }
}

fn pull(forge: &Forge, kind: ForgeKind, head: &str) -> Call {
    let told = Told {
        action: if kind == ForgeKind::Gitlab { "open" } else { "opened" },
        number: 1,
        head,
        base: head,
        from: SHOP,
        author: ALICE,
        sender: ALICE,
    };
    forge.pull(SHOP, &told)
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_06_who_asked_is_whom_the_forge_authenticated() {
    for kind in KINDS {
        let (circle, forge, commit) = linked(kind).await;
        // The commit's author, the pusher's name and what they call themselves say "boss".
        let call = forge.push(SHOP, "refs/heads/main", &commit, Who(8, "bоss"));
        let DeliveryState::Run { run } = forge.settled(&circle, SHOP, &call).await else {
            panic!("a run")
        };
        let actor = circle.run(run).await.run.actor;
        assert_eq!(actor, format!("bоss ({} 8)", kind.word()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_07_a_call_that_comes_while_the_forge_does_not_answer_waits_for_it() {
    for kind in KINDS {
        let (circle, forge, commit) = linked(kind).await;
        forge.facts().repos[0].members.push(Member {
            id: ALICE.0,
            login: ALICE.1.into(),
            write: true,
        });
        let before = {
            let mut facts = forge.facts();
            facts.down = true;
            facts.asked.len()
        };
        let call = pull(&forge, kind, &commit);
        let answer = forge.call(&circle, SHOP, &call).send().await.expect("an answer");
        let accepted: HookAccepted = answer.json().await.expect("accepted");
        let look = || async { forge.facts().asked.clone() };
        until("the forge to be asked in vain", look, |asked| asked.len() > before).await;
        forge.facts().down = false;
        let look_at = || async {
            circle
                .api
                .delivery(accepted.delivery)
                .await
                .expect("the delivery")
                .state
        };
        let state = until("the delivery to become a run", look_at, |state| {
            *state != DeliveryState::Waiting
        })
        .await;
        let DeliveryState::Run { run } = state else {
            panic!("{kind:?}: {state:?}")
        };
        let view = circle.run(run).await;
        assert!(
            view.pull_request.is_some_and(|pull| !pull.stranger),
            "judged, not guessed"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_08_a_repository_is_its_id_whatever_it_is_called() {
    for kind in KINDS {
        let (circle, forge, commit) = linked(kind).await;
        let hook = forge.hook(SHOP);
        // Renamed: it is followed, and fetched from its new place.
        let renamed = forge.repository(44, "team/store", PIPELINE).await;
        {
            let mut facts = forge.facts();
            facts.repos.retain(|repo| repo.id != 44);
            facts.repos[0].full_name = "team/store".into();
        }
        let tip = renamed
            .git(&["rev-parse", "HEAD"])
            .await
            .expect("a commit")
            .trim()
            .to_owned();
        let state = forge
            .settled(&circle, SHOP, &forge.push(SHOP, "refs/heads/main", &tip, ALICE))
            .await;
        assert!(matches!(state, DeliveryState::Run { .. }), "{kind:?}: {state:?}");
        let service = circle
            .api
            .service(DEFAULT_WORKSPACE, "shop")
            .await
            .expect("the service");
        assert!(
            service.repository.ends_with("/team/store.git"),
            "{}",
            service.repository
        );
        // Made anew under the old name: another repository, and none of ours.
        forge.facts().repos.push(Repo::of(45, "team/shop"));
        let call = forge.push(45, "refs/heads/main", &commit, ALICE);
        let answer = forge
            .call_as(&circle, (&hook.0, &hook.1), &call)
            .send()
            .await
            .expect("an answer");
        let accepted: HookAccepted = answer.json().await.expect("accepted");
        let look = || async {
            circle
                .api
                .delivery(accepted.delivery)
                .await
                .expect("the delivery")
                .state
        };
        let state = until("the delivery", look, |state| *state != DeliveryState::Waiting).await;
        assert!(matches!(state, DeliveryState::Refused { .. }), "{kind:?}: {state:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_09_a_flood_of_one_repository_delays_no_other() {
    let (circle, forge, commit) = linked(ForgeKind::Gitea).await;
    let other = forge.repository(50, "team/other", PIPELINE).await;
    link(&circle, "team/other").await;
    let calls = (0..300).map(|at| {
        let mut call = forge.push(SHOP, "refs/heads/main", &commit, ALICE);
        call.body["at"] = at.into();
        forge.call(&circle, SHOP, &call)
    });
    let mut last = None;
    for call in calls {
        let answer = call.send().await.expect("an answer");
        last = Some(answer.json::<HookAccepted>().await.expect("accepted").delivery);
    }
    let tip = other
        .git(&["rev-parse", "HEAD"])
        .await
        .expect("a commit")
        .trim()
        .to_owned();
    let state = forge
        .settled(&circle, 50, &forge.push(50, "refs/heads/main", &tip, ALICE))
        .await;
    assert!(matches!(state, DeliveryState::Run { .. }), "{state:?}");
    let flood = circle
        .api
        .delivery(last.expect("the last"))
        .await
        .expect("the delivery");
    assert_eq!(flood.state, DeliveryState::Waiting, "the other one overtook the flood");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_no_document_holds_is_kept_read_and_replayed() {
    let (circle, forge, commit) = linked(ForgeKind::Github).await;
    let mut call = forge.push(SHOP, "refs/heads/main", &commit, ALICE);
    // Ids of commits do not shrink: 100,000 of them are above what a document holds, also compressed.
    let commits = (0..100_000_u128).map(|number| {
        let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, &number.to_be_bytes());
        json!({ "id": id.simple().to_string(), "message": "m" })
    });
    call.body["commits"] = commits.collect::<Vec<_>>().into();
    let bytes = call.body.to_string().len();
    assert!(bytes > 5 << 20, "{bytes}");
    let state = forge.settled(&circle, SHOP, &call).await;
    assert!(matches!(state, DeliveryState::Run { .. }), "{state:?}");
    let circle = circle.restart().await;
    let page = circle
        .api
        .deliveries(DEFAULT_WORKSPACE, &Default::default())
        .await
        .expect("deliveries");
    let delivery = page.items[0].id;
    let payload = circle.api.delivery_payload(delivery).await.expect("the payload");
    assert!(
        payload.cut && payload.body.contains("\"commits\""),
        "{}",
        payload.body.len()
    );
    let again = circle.api.replay(delivery).await.expect("replayed");
    assert_ne!(again.delivery, delivery);
    // It is among what a backup and retention know by its delivery.
    let blobs = circle.folder.path().join("server/blobs/sha256");
    assert_eq!(std::fs::read_dir(blobs).expect("blobs").count(), 1);
}
