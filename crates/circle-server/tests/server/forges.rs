//! Services that are linked to a forge: what it calls becomes a run, and what became of the run is told to it.

use circle_api::resources::{DeliveryState, ForgeCreate, ForgeLinkCreate, ServiceView};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_api::worker::SecretValue;
use circle_core::forge::ForgeKind;

use crate::support::forge::{Forge, TOKEN, Who};
use crate::support::{Circle, PIPELINE, Played, slug, until};

const KINDS: [ForgeKind; 3] = [ForgeKind::Gitea, ForgeKind::Github, ForgeKind::Gitlab];
const ALICE: Who = Who(7, "alice");
const SHOP: u64 = 42;

pub(crate) async fn connect(circle: &Circle, forge: &Forge) {
    let wish = ForgeCreate {
        name: slug("ours"),
        kind: forge.kind.into(),
        address: Some(forge.address.clone()),
        token: SecretValue::new(TOKEN),
    };
    let view = circle
        .api
        .create_forge(DEFAULT_WORKSPACE, &wish)
        .await
        .expect("connected");
    assert_eq!(
        (view.account.as_str(), view.address.as_str()),
        ("bot", forge.address.as_str())
    );
}

pub(crate) async fn link(circle: &Circle, repository: &str) -> ServiceView {
    let wish = ForgeLinkCreate {
        repository: repository.into(),
        name: None,
        pipeline_path: None,
    };
    circle
        .api
        .link_repository(DEFAULT_WORKSPACE, "ours", &wish)
        .await
        .expect("linked")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_to_a_linked_repository_is_run_and_told_back() {
    for kind in KINDS {
        let (circle, forge) = (Circle::start().await, Forge::start(kind).await);
        let repo = forge.repository(SHOP, "team/Shop", PIPELINE).await;
        connect(&circle, &forge).await;
        let service = link(&circle, "team/Shop").await;
        assert_eq!(service.name.as_str(), "shop");
        assert_eq!(forge.hook(SHOP).0, service.hook_url);
        assert_eq!(
            service.forge.as_ref().map(|forge| forge.repository.as_str()),
            Some("team/Shop")
        );
        let worker = Played::enrol(&circle, "w1", 1).await;
        let mut orders = worker.orders().await;

        let commit = repo
            .git(&["rev-parse", "HEAD"])
            .await
            .expect("a commit")
            .trim()
            .to_owned();
        let state = forge
            .settled(&circle, SHOP, &forge.push(SHOP, "refs/heads/main", &commit, ALICE))
            .await;
        let DeliveryState::Run { run } = state else {
            panic!("{kind:?}: {state:?}")
        };
        let look = || async { forge.facts().states("circle/shop") };
        until("the forge to hear of the run", look, |states| {
            states.first().is_some_and(|one| one == "pending")
        })
        .await;
        let mut job = worker.take(&mut orders).await;
        assert_eq!(job.assignment.facts.trigger.actor, format!("alice ({} 7)", kind.word()));
        let credential = job
            .assignment
            .clone_credential
            .as_ref()
            .expect("the token opens the clone");
        assert_eq!(
            (credential.origin.as_str(), credential.login.secret().expose()),
            (forge.address.as_str(), TOKEN)
        );
        job.succeed().await;
        circle.ended(run).await;

        let success = "success";
        until("the run's end at the forge", look, |states| {
            states.last().is_some_and(|one| one == success)
        })
        .await;
        let look = || async { forge.facts().states("circle/shop/build") };
        until("the stage's end at the forge", look, |states| {
            states.last().is_some_and(|one| one == success)
        })
        .await;
        let facts = forge.facts();
        let page = format!("{}/runs/{run}", circle.url);
        assert!(
            facts
                .posted
                .iter()
                .all(|posted| posted.page == page && posted.commit == commit),
            "{:?}",
            facts.posted
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_42_a_forges_address_leads_to_no_private_place() {
    let circle = Circle::start().await;
    for address in [
        "http://127.0.0.2:1",
        "http://[::1]:1",
        "http://169.254.169.254",
        "http://2130706434",
    ] {
        let wish = ForgeCreate {
            name: slug("theirs"),
            kind: circle_api::resources::ForgeKind::Gitea,
            address: Some(address.into()),
            token: SecretValue::new(TOKEN),
        };
        let refused = circle
            .api
            .create_forge(DEFAULT_WORKSPACE, &wish)
            .await
            .expect_err("refused")
            .to_string();
        assert!(refused.contains("--allow-outgoing"), "{address}: {refused}");
    }
}
