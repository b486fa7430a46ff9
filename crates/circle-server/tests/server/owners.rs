//! Workers of workspaces: whose runs they get, and whose names they may take (security 55 and 57).

use circle_api::resources::{EnrolmentCreate, ServiceCreate, TriggerRequest, WorkspaceCreate};
use circle_api::worker::Order;
use circle_core::ids::RunId;
use circle_core::serving::Isolation;
use circle_store::records::Kind;
use reqwest::Method;

use crate::support::{Circle, PIPELINE, Played, Repo, slug, until};

/// A second workspace beside `default`, each with the service `shop`.
async fn with_two_workspaces() -> (Circle, Repo) {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let wish = WorkspaceCreate { name: slug("theirs") };
    circle.api.create_workspace(&wish).await.expect("a workspace");
    let wish = ServiceCreate {
        name: slug("shop"),
        repository: repo.url().into(),
        default_branch: None,
        pipeline_path: None,
        image: None,
        default_deploys: Vec::new(),
        queue_timeout_s: None,
        max_parallel: None,
        max_parallel_ref: None,
        poll_s: None,
    };
    circle.api.create_service("theirs", &wish).await.expect("a service");
    (circle, repo)
}

async fn trigger(circle: &Circle, workspace: &str) -> RunId {
    let wish = TriggerRequest {
        service: slug("shop"),
        branch: None,
        tag: None,
        commit: None,
        reason: None,
        priority: None,
        inputs: Default::default(),
        idempotency_key: None,
    };
    let triggered = circle.api.trigger(workspace, &wish).await.expect("triggered");
    triggered.run.expect("a run").id
}

fn of(workspace: &str) -> EnrolmentCreate {
    EnrolmentCreate {
        workspace: Some(workspace.into()),
        ..EnrolmentCreate::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_55_a_workspaces_worker_is_offered_its_own_runs_alone() {
    let (circle, _repo) = with_two_workspaces().await;
    let theirs = Played::enrol_for(&circle, &of("theirs"), "theirs", 4).await;
    let mut orders = theirs.orders().await;
    let foreign = trigger(&circle, "default").await;
    let own = trigger(&circle, "theirs").await;
    // The foreign run is older, and would have been offered first.
    let mut job = theirs.take(&mut orders).await;
    assert_eq!(job.run(), own);
    let view = circle.run(foreign).await;
    let waiting = view.waiting.expect("a reason");
    assert!(waiting.sentence.contains("no worker that may take it"), "{waiting:?}");
    job.succeed().await;

    // The instance's worker takes everybody's.
    let everybodys = Played::enrol(&circle, "everybodys", 4).await;
    let mut hears = everybodys.orders().await;
    assert_eq!(everybodys.take(&mut hears).await.run(), foreign);
    let listed = circle.api.workers(&Default::default()).await.expect("workers").items;
    let workspaces: Vec<bool> = listed.iter().map(|worker| worker.workspace.is_some()).collect();
    assert_eq!(workspaces, [false, true], "{listed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_55_a_foreign_run_is_not_there_for_a_workspaces_worker() {
    let (circle, _repo) = with_two_workspaces().await;
    let theirs = Played::enrol_for(&circle, &of("theirs"), "theirs", 4).await;
    let foreign = trigger(&circle, "default").await;
    let refused = theirs.try_claim(foreign).await;
    assert_eq!(refused.status(), 404, "a worker that guesses ids");
    assert_eq!(circle.run(foreign).await.run.state.word(), "queued");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_27_a_strangers_run_goes_where_cells_are_apart_whoever_enrolled_the_worker() {
    let (circle, _repo) = with_two_workspaces().await;
    let worker = Played::enrol(&circle, "docked", 4).await;
    let run = trigger(&circle, "default").await;
    let circle = circle
        .changed(Kind::Run, &run.to_string(), |body| {
            body["run"]["trigger"]["trust"] = "stranger".into();
        })
        .await;
    let shared = worker.at(&circle).with_cells(Isolation::Shared);
    let mut orders = shared.orders().await;
    let members = trigger(&circle, "theirs").await;
    // The stranger's is older, and would have been offered first.
    let mut job = shared.take(&mut orders).await;
    assert_eq!(job.run(), members);
    assert_eq!(shared.try_claim(run).await.status(), 404, "a worker that guesses ids");
    let waiting = circle.run(run).await.waiting.expect("a reason");
    assert!(waiting.sentence.contains("no worker that may take it"), "{waiting:?}");
    job.succeed().await;

    // The same worker, started with cells of its own machine's namespaces.
    drop(orders);
    let apart = shared.with_cells(Isolation::Apart);
    let mut hears = apart.orders().await;
    assert_eq!(apart.take(&mut hears).await.run(), run);
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_55_a_strangers_run_goes_to_the_instances_workers_alone() {
    let (circle, _repo) = with_two_workspaces().await;
    let theirs = Played::enrol_for(&circle, &of("theirs"), "theirs", 4).await;
    let run = trigger(&circle, "theirs").await;
    // There is no way yet to cause a stranger's run; the document says what a fork's pull request will say.
    let circle = circle
        .changed(Kind::Run, &run.to_string(), |body| {
            body["run"]["trigger"]["trust"] = "stranger".into();
        })
        .await;
    let theirs = theirs.at(&circle);
    let mut orders = theirs.orders().await;
    let own = trigger(&circle, "theirs").await;
    assert_eq!(theirs.try_claim(run).await.status(), 404);
    let everybodys = Played::enrol(&circle, "everybodys", 1).await;
    let mut hears = everybodys.orders().await;
    let mut job = everybodys.take(&mut hears).await;
    assert_eq!(
        job.run(),
        run,
        "the older run of the branch goes first, and to nobody's own machine"
    );
    job.fail("done").await;
    // What the members push goes on as ever.
    let offered = loop {
        match orders.next().await {
            Some(Order::Offer { run, .. }) => break run,
            Some(_) => {}
            None => panic!("the stream ended"),
        }
    };
    assert_eq!(offered, own);
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_55_a_worker_that_was_given_away_keeps_no_run() {
    let (circle, _repo) = with_two_workspaces().await;
    let theirs = Played::enrol_for(&circle, &of("theirs"), "theirs", 4).await;
    let job = theirs.claim(trigger(&circle, "theirs").await).await;
    assert_eq!(beat(&job).await, 200);
    let other = circle
        .api
        .workspaces(&Default::default())
        .await
        .expect("workspaces")
        .items;
    let default = other.iter().find(|workspace| workspace.name.as_str() == "default");
    let default = default.expect("the first workspace").id.to_string();
    let id = theirs.enrolled.worker.to_string();
    let circle = circle
        .changed(Kind::Worker, &id, |body| body["workspace"] = default.into())
        .await;
    let job = job.at(&theirs.at(&circle));
    assert_eq!(
        beat(&job).await,
        409,
        "it goes on with a run of a workspace that it left"
    );
}

async fn beat(job: &crate::support::Job) -> u16 {
    let beat = job.request(Method::POST, "heartbeat").json(&serde_json::json!({}));
    beat.send().await.expect("an answer").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_57_an_enrolment_token_takes_nobodys_name() {
    let (circle, _repo) = with_two_workspaces().await;
    let victim = Played::enrol_for(&circle, &of("theirs"), "builder", 1).await;
    let id = victim.enrolled.worker;
    // Neither another workspace's token nor the instance's nor its own workspace's.
    for wish in [of("default"), EnrolmentCreate::default(), of("theirs")] {
        let token = circle.api.enrol_worker(&wish).await.expect("a token").token;
        let refused = Played::try_enrol(&circle, token.expose(), "builder", 1).await;
        assert_eq!(refused.status(), 409, "{wish:?}");
        let problem: serde_json::Value = refused.json().await.expect("a problem");
        let detail = problem["detail"].as_str().expect("a sentence");
        assert!(detail.contains("--again"), "{detail}");
        // The token was not used up by the mistake.
        let name = format!("other-{}", wish.workspace.unwrap_or_default());
        assert_eq!(Played::try_enrol(&circle, token.expose(), &name, 1).await.status(), 200);
    }
    let again = |workspace: Option<&str>| EnrolmentCreate {
        workspace: workspace.map(str::to_owned),
        again: Some("builder".into()),
        ..EnrolmentCreate::default()
    };
    for foreign in [None, Some("default")] {
        let refused = circle.api.enrol_worker(&again(foreign)).await.expect_err("not theirs");
        assert_eq!(refused.status(), Some(404), "{refused}");
    }
    let token = circle
        .api
        .enrol_worker(&again(Some("theirs")))
        .await
        .expect("a token")
        .token;
    let wrong = Played::try_enrol(&circle, token.expose(), "somebody-else", 1).await;
    assert_eq!(wrong.status(), 409, "a token for one worker lets in another");
    let anew = Played::try_enrol(&circle, token.expose(), "builder", 1).await;
    assert_eq!(anew.status(), 200);
    let anew: circle_api::worker::Enrolled = anew.json().await.expect("enrolled");
    assert_eq!(anew.worker, id, "it is the same worker");
    let old = victim.request(Method::GET, "/worker/v1/orders").send().await;
    assert_eq!(old.expect("an answer").status(), 401, "the old token opens nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_takes_its_workers_along() {
    let (circle, _repo) = with_two_workspaces().await;
    let worker = Played::enrol_for(&circle, &of("theirs"), "theirs", 1).await;
    let refused = circle
        .api
        .remove_workspace("theirs")
        .await
        .expect_err("it has a service");
    assert_eq!(refused.status(), Some(409));
    circle.api.remove_service("theirs", "shop").await.expect("removed");
    circle.api.remove_workspace("theirs").await.expect("removed");
    let gone = || async {
        let orders = worker.request(Method::GET, "/worker/v1/orders").send().await;
        orders.expect("an answer").status().as_u16()
    };
    until("the worker's credential to end", gone, |status| *status == 401).await;
}
