//! The same with a real Gitea: `make test-real`.

use circle_api::resources::{
    ApproveRequest, DeliveryState, ForgeCreate, ForgeHookState, ForgeKind, ForgeLinkCreate, ForgeOauthBegin,
    ForgeOauthFinish, ForgeRepositoryQuery, RunQuery, RunSummary,
};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_api::worker::SecretValue;
use circle_core::forge::{self, Account};
use circle_core::names::CommitId;
use circle_core::trigger::Trust;
use reqwest::Method;
use serde_json::{Value, json};

use crate::forge_oauth::code_on;
use crate::forge_suite::{World, access, conforms};
use crate::polling_pulls::{look, poll};
use crate::support::gitea::Gitea;
use crate::support::{Circle, PIPELINE, Played, slug, until};
use crate::tenancy::browser::{Browser, manage};

async fn connected() -> (Circle, Gitea) {
    let (circle, gitea) = (Circle::start().await, Gitea::start().await);
    let wish = ForgeCreate {
        name: slug("ours"),
        kind: ForgeKind::Gitea,
        address: Some(gitea.address.clone()),
        token: SecretValue::new(&gitea.token),
    };
    let view = circle
        .api
        .create_forge(DEFAULT_WORKSPACE, &wish)
        .await
        .expect("connected");
    assert_eq!(view.account, "bot");
    (circle, gitea)
}

async fn link(circle: &Circle, repository: &str) {
    let wish = ForgeLinkCreate {
        repository: repository.into(),
        name: None,
        pipeline_path: None,
    };
    circle
        .api
        .link_repository(DEFAULT_WORKSPACE, "ours", &wish)
        .await
        .expect("linked");
}

/// Waits for the run of a commit.
async fn run_of(circle: &Circle, commit: &str) -> RunSummary {
    let look = || async {
        let runs = circle
            .api
            .runs(DEFAULT_WORKSPACE, &RunQuery::default())
            .await
            .expect("runs")
            .items;
        runs.into_iter()
            .filter(|run| run.commit.as_deref() == Some(commit))
            .collect::<Vec<_>>()
    };
    let found = until("a run of the commit", look, |runs| !runs.is_empty()).await;
    found.into_iter().next().expect("one")
}

async fn told(gitea: &Gitea, repository: &str, commit: &str, state: &str) {
    let look = || gitea.states(repository, commit);
    let own = ("circle/shop".to_owned(), state.to_owned());
    until("the commit's status", look, |states| states.contains(&own)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Gitea: make test-real"]
async fn real_gitea_a_push_is_run_and_its_commit_shows_it() {
    let (circle, mut gitea) = connected().await;
    gitea.person("alice").await;
    gitea.repository("shop").await;
    gitea.invite("shop", "alice").await;
    let all = circle
        .api
        .forge_repositories(DEFAULT_WORKSPACE, "ours", &ForgeRepositoryQuery::default())
        .await;
    let all = all.expect("repositories").items;
    assert_eq!(
        all.iter().map(|one| one.full_name.as_str()).collect::<Vec<_>>(),
        ["bot/shop"],
        "{all:?}"
    );
    assert_eq!(all[0].why_not, None);
    link(&circle, "bot/shop").await;
    let check = circle
        .api
        .check_forge(DEFAULT_WORKSPACE, "ours", false)
        .await
        .expect("checked");
    assert_eq!(check.hooks[0].state, ForgeHookState::Good, "{check:?}");

    let worker = Played::enrol(&circle, "w1", 1).await;
    let mut orders = worker.orders().await;
    let commit = gitea
        .push("alice", "bot/shop", "main", ("caicloud.yml", PIPELINE))
        .await;
    let run = run_of(&circle, &commit).await;
    assert!(run.actor.starts_with("alice (gitea "), "{}", run.actor);
    told(&gitea, "bot/shop", &commit, "pending").await;
    let mut job = worker.take(&mut orders).await;
    // Down at the run's end: what is to be told waits for it.
    gitea.stop().await;
    job.succeed().await;
    circle.ended(run.id).await;
    gitea.start_again().await;
    told(&gitea, "bot/shop", &commit, "success").await;
    let build = ("circle/shop/build".to_owned(), "success".to_owned());
    let look = || gitea.states("bot/shop", &commit);
    until("the stage's status", look, |states| states.contains(&build)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Gitea: make test-real"]
async fn real_gitea_pull_requests_of_members_and_strangers_are_told_apart() {
    let (circle, gitea) = connected().await;
    for name in ["alice", "mallory"] {
        gitea.person(name).await;
    }
    gitea.repository("shop").await;
    gitea.invite("shop", "alice").await;
    gitea
        .push("alice", "bot/shop", "main", ("caicloud.yml", PIPELINE))
        .await;
    link(&circle, "bot/shop").await;

    let members = gitea.push("alice", "bot/shop", "topic", ("a", "1")).await;
    let run = run_of(&circle, &members).await;
    let wish = json!({"head": "topic", "base": "main", "title": "Of a member"});
    gitea.ask_as("alice", Method::POST, "repos/bot/shop/pulls", wish).await;
    let pull = pull_of(&circle, &members).await;
    assert_ne!(pull.id, run.id);
    assert_eq!(trust(&circle, &pull).await, Trust::Member);

    gitea
        .ask_as("mallory", Method::POST, "repos/bot/shop/forks", json!({}))
        .await;
    let strangers = gitea.push("mallory", "mallory/shop", "topic", ("b", "2")).await;
    let wish = json!({"head": "mallory:topic", "base": "main", "title": "Of a stranger"});
    gitea
        .ask_as("mallory", Method::POST, "repos/bot/shop/pulls", wish)
        .await;
    let pull = pull_of(&circle, &strangers).await;
    assert_eq!(trust(&circle, &pull).await, Trust::Stranger);
}

async fn pull_of(circle: &Circle, commit: &str) -> RunSummary {
    let look = || async {
        let runs = circle
            .api
            .runs(DEFAULT_WORKSPACE, &RunQuery::default())
            .await
            .expect("runs")
            .items;
        let is_it = |run: &RunSummary| run.commit.as_deref() == Some(commit) && run.event == "pull_request";
        runs.into_iter().filter(is_it).collect::<Vec<_>>()
    };
    let found = until("a run of the pull request", look, |runs| !runs.is_empty()).await;
    found.into_iter().next().expect("one")
}

async fn trust(circle: &Circle, run: &RunSummary) -> Trust {
    let pull = circle.run(run.id).await.pull_request.expect("a pull request");
    if pull.stranger { Trust::Stranger } else { Trust::Member }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Gitea: make test-real"]
async fn real_gitea_keeps_what_the_port_promises() {
    let gitea = Gitea::start().await;
    let (alice, mallory) = (gitea.person("alice").await, gitea.person("mallory").await);
    let repository = gitea.repository("shop").await;
    gitea.repository("other").await;
    gitea.invite("shop", "alice").await;
    let file = ("a b.md".to_owned(), "content".to_owned());
    let main = gitea.push("alice", "bot/shop", "main", (&file.0, &file.1)).await;
    let head = gitea.push("alice", "bot/shop", "topic", ("c", "1")).await;
    let wish = json!({"head": "topic", "base": "main", "title": "A change"});
    let pull = gitea.ask_as("alice", Method::POST, "repos/bot/shop/pulls", wish).await;
    let number = pull["number"].as_u64().expect("a number");
    let label = json!({"name": "needs review", "color": "#ff0000"});
    let label = gitea.ask(Method::POST, "repos/bot/shop/labels", label).await;
    let path = format!("repos/bot/shop/issues/{number}/labels");
    gitea.ask(Method::POST, &path, json!({"labels": [label["id"]]})).await;
    let mut open = vec![number];
    for at in 0..52 {
        let branch = format!("more-{at}");
        let wish = json!({"new_branch_name": branch, "old_ref_name": "topic"});
        gitea.ask(Method::POST, "repos/bot/shop/branches", wish).await;
        let wish = json!({"head": branch, "base": "main", "title": "More"});
        let more = gitea.ask(Method::POST, "repos/bot/shop/pulls", wish).await;
        open.push(more["number"].as_u64().expect("a number"));
    }
    let closed = open.pop().expect("the last");
    let path = format!("repos/bot/shop/pulls/{closed}");
    gitea.ask(Method::PATCH, &path, json!({"state": "closed"})).await;
    let account = |id: u64, login: &str| Account {
        id: id.to_string(),
        login: login.into(),
    };
    let world = World {
        repository: repository.to_string(),
        full_name: "bot/shop".into(),
        commit: CommitId::new(main).expect("a commit"),
        member: account(alice, "alice"),
        stranger: account(mallory, "mallory"),
        count: 2,
        pull: (number, head, vec!["c".into()]),
        labels: vec!["needs review".into()],
        open,
        file,
    };
    conforms(
        access(forge::ForgeKind::Gitea, &gitea.address, &gitea.token).as_ref(),
        &world,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Gitea: make test-real"]
async fn real_gitea_is_linked_by_oauth_and_its_tokens_are_made_fresh() {
    let (circle, gitea) = (Circle::start().await, Gitea::start().await);
    gitea.repository("shop").await;
    let redirect = format!("{}/oauth/forge", circle.url);
    let app = json!({"name": "Circle", "redirect_uris": [redirect], "confidential_client": true});
    let app = gitea.ask(Method::POST, "user/applications/oauth2", app).await;
    let wish = ForgeOauthBegin {
        name: slug("ours"),
        kind: ForgeKind::Gitea,
        address: Some(gitea.address.clone()),
        client_id: app["client_id"].as_str().expect("an id").into(),
        client_secret: SecretValue::new(app["client_secret"].as_str().expect("a secret")),
    };
    let begun = circle
        .api
        .begin_forge_oauth(DEFAULT_WORKSPACE, &wish)
        .await
        .expect("begun");
    let back = gitea.lets_in("bot", &begun.authorize_url).await;
    assert!(back.starts_with(&redirect), "{back}");
    let page = circle
        .http
        .get(&back)
        .send()
        .await
        .expect("a page")
        .text()
        .await
        .expect("a text");
    let finish = ForgeOauthFinish {
        code: SecretValue::new(code_on(&page)),
    };
    let view = circle
        .api
        .finish_forge_oauth(DEFAULT_WORKSPACE, &finish)
        .await
        .expect("connected");
    assert_eq!(view.account, "bot");
    // Tokens of this Gitea end within seconds, and a refresh token works once: each use lives on the one before.
    for _ in 0..3 {
        let all = circle
            .api
            .forge_repositories(DEFAULT_WORKSPACE, "ours", &ForgeRepositoryQuery::default())
            .await;
        assert_eq!(all.expect("repositories").items.len(), 1);
    }
    link(&circle, "bot/shop").await;
    let commit = gitea.push("bot", "bot/shop", "main", ("caicloud.yml", PIPELINE)).await;
    run_of(&circle, &commit).await;
    told(&gitea, "bot/shop", &commit, "pending").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Gitea: make test-real"]
async fn real_gitea_says_who_signs_in() {
    let (circle, gitea) = (Circle::start().await, Gitea::start().await);
    gitea.person("alice").await;
    let redirect = format!("{}/sign-in/back/ours", circle.url);
    let app = json!({"name": "Circle", "redirect_uris": [redirect], "confidential_client": true});
    let app = gitea.ask(Method::POST, "user/applications/oauth2", app).await;
    let wish = |secret: &str| {
        json!({
            "name": "ours", "kind": "gitea", "address": gitea.address, "client_id": app["client_id"],
            "client_secret": secret, "create_accounts": true,
        })
    };
    let (status, said) = manage(&circle, Method::POST, "", wish("another")).await;
    assert_eq!(status, 401, "it knows its applications: {said}");
    let (status, said) = manage(
        &circle,
        Method::POST,
        "",
        wish(app["client_secret"].as_str().expect("a secret")),
    )
    .await;
    assert_eq!(status, 201, "{said}");
    // Each comes twice, and is the same account again.
    for name in ["alice", "bot", "alice", "bot"] {
        let mut browser = Browser::new(&circle);
        let there = browser.begin("ours", json!({ "purpose": "sign_in" })).await;
        let back = browser.sent_back(&gitea.lets_in(name, &there).await);
        let (status, said) = browser.finish("ours", &back).await;
        assert_eq!(status, 200, "{said}");
        assert_eq!(browser.whoami().await.as_deref(), Some(name));
        assert_eq!(browser.finish("ours", &back).await.0, 401, "once");
    }
    // The same as an OpenID Connect provider, whose id tokens Gitea signs: another provider is another person.
    let redirect = format!("{}/sign-in/back/openid", circle.url);
    let app = json!({"name": "Circle too", "redirect_uris": [redirect], "confidential_client": true});
    let app = gitea.ask(Method::POST, "user/applications/oauth2", app).await;
    let wish = json!({
        "name": "openid", "kind": "oidc", "address": gitea.address, "client_id": app["client_id"],
        "client_secret": app["client_secret"], "create_accounts": true,
    });
    let (status, said) = manage(&circle, Method::POST, "", wish).await;
    assert_eq!(status, 201, "{said}");
    let mut browser = Browser::new(&circle);
    let there = browser.begin("openid", json!({ "purpose": "sign_in" })).await;
    let back = browser.sent_back(&gitea.lets_in("alice", &there).await);
    let (status, said) = browser.finish("openid", &back).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(browser.whoami().await.as_deref(), Some("alice-2"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Gitea: make test-real"]
async fn real_gitea_pull_requests_of_forks_are_polled_without_a_hook() {
    let (circle, gitea) = connected().await;
    gitea.person("mallory").await;
    gitea.repository("shop").await;
    gitea.push("bot", "bot/shop", "main", ("caicloud.yml", PIPELINE)).await;
    link(&circle, "bot/shop").await;
    // As a forge that cannot call: nobody tells.
    for hook in gitea
        .ask(Method::GET, "repos/bot/shop/hooks", Value::Null)
        .await
        .as_array()
        .expect("a list")
    {
        let path = format!("repos/bot/shop/hooks/{}", hook["id"]);
        gitea.ask(Method::DELETE, &path, Value::Null).await;
    }
    poll(&circle, "shop").await;
    gitea
        .ask_as("mallory", Method::POST, "repos/bot/shop/forks", json!({}))
        .await;
    let first = gitea.push("mallory", "mallory/shop", "topic", ("b", "1")).await;
    let wish = json!({"head": "mallory:topic", "base": "main", "title": "Of a stranger"});
    let pull = gitea
        .ask_as("mallory", Method::POST, "repos/bot/shop/pulls", wish)
        .await;
    let number = pull["number"].as_u64().expect("a number");
    assert_eq!(look(&circle, "shop").await.open, Some(1));
    let run = pull_of(&circle, &first).await;
    assert_eq!(
        (trust(&circle, &run).await, run.actor.as_str()),
        (Trust::Stranger, "polling")
    );

    // It waits for somebody who looks at exactly this commit.
    let seen = circle.api.approval(run.id).await.expect("to look at");
    assert_eq!((seen.commit.as_str(), seen.pipeline_changed), (first.as_str(), false));
    let wish = ApproveRequest { commit: first.clone() };
    let approved = circle.api.approve(run.id, &wish).await.expect("approved");
    let approved = approved.run.expect("a run");
    assert_eq!(trust(&circle, &approved).await, Trust::Member);

    // The next commit is a stranger's again, and takes the place of both.
    let second = gitea.push("mallory", "mallory/shop", "topic", ("b", "2")).await;
    let shown = || async {
        let path = format!("repos/bot/shop/pulls/{number}");
        gitea.ask(Method::GET, &path, Value::Null).await["head"]["sha"].clone()
    };
    until("Gitea to show the commit", shown, |head| *head == json!(second)).await;
    look(&circle, "shop").await;
    let newest = pull_of(&circle, &second).await;
    assert_eq!(trust(&circle, &newest).await, Trust::Stranger);
    for older in [run.id, approved.id] {
        assert_eq!(circle.ended(older).await.run.state.word(), "cancelled");
    }
    let late = circle.api.approve(run.id, &wish).await.expect_err("it has moved on");
    assert!(late.to_string().contains("moved on"), "{late}");

    // Its end is told, and starts nothing.
    let path = format!("repos/bot/shop/pulls/{number}");
    gitea
        .ask_as("mallory", Method::PATCH, &path, json!({"state": "closed"}))
        .await;
    assert_eq!(look(&circle, "shop").await.open, Some(0));
    let deliveries = circle.api.deliveries(DEFAULT_WORKSPACE, &Default::default()).await;
    let newest = deliveries.expect("deliveries").items.into_iter().next().expect("one");
    let why = format!("pull request {number} was closed");
    assert_eq!(
        (newest.source.as_str(), newest.state),
        ("poll", DeliveryState::Ignored { why })
    );
    let runs = circle.runs().await.into_iter();
    assert_eq!(runs.filter(|run| run.event == "pull_request").count(), 3);
}
