//! Every route against every credential, and what secrets give away.

use std::collections::BTreeSet;

use circle_api::resources::{
    CancelRequest, EnvironmentCreate, ImageHome, PolicyChange, RegistryCreate, RerunRequest, SecretScope, SecretSet,
    ServiceCreate, SwarmEndpoint, TargetCreate, WorkloadBind, WorkspaceChange,
};
use circle_api::routes::{self, DEFAULT_WORKSPACE};
use circle_api::worker::{PROTOCOL_HEADER, PROTOCOL_VERSION, SecretValue};
use circle_core::names::VariableName;
use circle_core::scan_floor::ScanFloor;
use circle_server::{PUBLIC, WORKER_ROUTES, openapi};
use reqwest::Method;

use crate::support::{Circle, Played, Repo, slug};

/// Every route of the server: path with braces, method.
fn every_route() -> Vec<(String, Method)> {
    let api = serde_json::to_value(openapi()).expect("JSON");
    let mut all: Vec<(String, Method)> = Vec::new();
    for (path, item) in api["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("operations").keys() {
            if let Ok(method) = method.to_uppercase().parse::<Method>()
                && [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(&method)
            {
                all.push((path.clone(), method));
            }
        }
    }
    all.extend(
        WORKER_ROUTES
            .iter()
            .map(|(method, path)| ((*path).to_owned(), method.parse().expect("a method"))),
    );
    all.push((routes::RUN_LIVE.into(), Method::GET));
    all.push((routes::RUN_SHELL.into(), Method::GET));
    all.push(("/healthz".into(), Method::GET));
    all.push(("/readyz".into(), Method::GET));
    all.push((routes::OPENAPI.into(), Method::GET));
    all.extend(
        [
            "/",
            routes::RUN_PAGE,
            "/services",
            "/workers",
            "/sign-in",
            routes::LINK_PAGE,
        ]
        .map(|page| (page.to_owned(), Method::GET)),
    );
    all
}

/// The path with something plausible between the slashes.
fn filled(path: &str) -> String {
    let id = "0".repeat(32);
    path.replace("{workspace}", "default")
        .replace("{run}", &format!("run_{id}"))
        .replace("{delivery}", &format!("dlv_{id}"))
        .replace("{shell}", &format!("shl_{id}"))
        .replace("{worker}", &format!("wrk_{id}"))
        .replace("{token}", &format!("tok_{id}"))
        .replace("{secret}", &format!("sec_{id}"))
        .replace("{number}", "1")
        .replace(['{', '}'], "")
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_47_every_route_refuses_without_a_token() {
    let circle = Circle::start().await;
    let worker = Played::enrol(&circle, "w", 1).await;
    let routes = every_route();
    assert!(routes.len() > 50, "only {} routes", routes.len());
    for (path, method) in routes {
        let is_public = PUBLIC.contains(&path.as_str());
        let url = format!("{}{}", circle.url, filled(&path));
        for token in ["", "circle_admin_0000", worker.enrolled.token.expose(), &circle.token] {
            let is_worker_route = path.starts_with("/worker/");
            // The right kind of token may pass; only the wrong kinds are asked here.
            let right = if is_worker_route {
                token == worker.enrolled.token.expose()
            } else {
                token == circle.token
            };
            if right {
                continue;
            }
            let mut request = circle
                .http
                .request(method.clone(), &url)
                .header(PROTOCOL_HEADER, PROTOCOL_VERSION);
            if !token.is_empty() {
                request = request.bearer_auth(token);
            }
            let status = request.send().await.expect("an answer").status().as_u16();
            // Where the body is the credential, an empty one is not understood.
            let by_body = [routes::SESSION, routes::LINKS].contains(&path.as_str()) && method == Method::POST;
            if by_body || path == routes::SIGN_IN_WAY {
                continue;
            }
            let open = is_public && !path.starts_with("/hooks/") && !is_worker_route;
            let expected = if open { 200 } else { 401 };
            assert_eq!(status, expected, "{method} {path} with the token {:.14}", token);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_51_tokens_are_hashed_and_end_at_once() {
    let circle = Circle::start().await;
    let wish = circle_api::resources::TokenCreate {
        name: "robot".into(),
        valid_s: Some(3_600),
        scope: None,
        workspace: None,
    };
    let created = circle.api.create_token(&wish).await.expect("a token");
    let with = |token: String| {
        let request = circle
            .http
            .get(format!("{}/api/v1/server", circle.url))
            .bearer_auth(token);
        async move { request.send().await.expect("an answer").status().as_u16() }
    };
    assert_eq!(with(created.value.expose().to_owned()).await, 200);
    circle.api.revoke_token(created.token.id).await.expect("revoked");
    assert_eq!(with(created.value.expose().to_owned()).await, 401);
    let tokens = circle.api.tokens(&Default::default()).await.expect("tokens");
    let last = circle
        .api
        .revoke_token(tokens.items[0].id)
        .await
        .expect_err("the last one");
    assert_eq!(last.status(), Some(409));
    // Neither value stands anywhere in the stores.
    for value in [created.value.expose(), &circle.token] {
        assert!(!holds(&circle.folder.path().join("server/records"), value.as_bytes()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_24_25_secrets_are_sealed_and_never_come_back() {
    let circle = Circle::start().await;
    let value = "correct-horse-battery-staple";
    let set = SecretSet {
        scope: SecretScope::Workspace,
        name: VariableName::new("TOKEN").expect("a name"),
        value: SecretValue::new(value),
        limits: None,
    };
    circle.api.set_secret(DEFAULT_WORKSPACE, &set).await.expect("set");
    circle.api.set_secret(DEFAULT_WORKSPACE, &set).await.expect("set again");
    let listed = circle
        .get("/api/v1/workspaces/default/secrets")
        .await
        .text()
        .await
        .expect("a list");
    assert!(listed.contains("TOKEN") && !listed.contains(value), "{listed}");
    assert!(!holds(&circle.folder.path().join("server/records"), value.as_bytes()));
    let key = std::fs::metadata(circle.folder.path().join("server/master-key")).expect("a key");
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&key.permissions()) & 0o777,
        0o600
    );
    let admin = std::fs::metadata(circle.folder.path().join("server/admin-token")).expect("a token");
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&admin.permissions()) & 0o777,
        0o600
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_71_72_a_scratch_branch_neither_deploys_nor_reads_the_environments_secrets() {
    let circle = Circle::start().await;
    let pipeline = "integration:\n  image: busybox\n  commands: [test]\n  secrets: [DEPLOY_KEY]\nbuild: {}\ndeploy:\n  - environment: production\n";
    let repo = Repo::with(pipeline).await;
    guarded(&circle, &repo).await;
    repo.inner.push("refs/heads/scratch").await.expect("pushed");
    let scratch = circle.ended(circle.trigger_branch("shop", Some("scratch")).await).await;
    let message = scratch.run.message.expect("a reason");
    assert!(message.contains("DEPLOY_KEY"), "{message}");
    // With a secret of that name for everybody, the branch gets that one, and deploys nothing.
    let common = SecretSet {
        scope: SecretScope::Workspace,
        name: VariableName::new("DEPLOY_KEY").expect("a name"),
        value: SecretValue::new("common-value"),
        limits: None,
    };
    circle.api.set_secret(DEFAULT_WORKSPACE, &common).await.expect("set");
    let worker = Played::enrol(&circle, "w", 4).await;
    let run = circle.trigger_branch("shop", Some("scratch")).await;
    let job = worker.claim(run).await;
    assert_eq!(job.secret("DEPLOY_KEY"), "common-value");
    assert!(job.assignment.plan.deploys.is_empty());
    assert!(
        circle
            .run(run)
            .await
            .warnings
            .iter()
            .any(|one| one.contains("production"))
    );
    let run = circle.trigger("shop").await;
    let job = worker.claim(run).await;
    assert_eq!(job.secret("DEPLOY_KEY"), "production-value");
    assert_eq!(job.assignment.plan.deploys.len(), 1);
    assert_eq!(job.assignment.push_confinement, ["registry.example.org/shop"]);
    assert_eq!(
        job.assignment.registries[0].password.as_ref().map(SecretValue::expose),
        Some("registry-password")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_73_a_file_cannot_push_outside_the_services_place() {
    let circle = Circle::start().await;
    let repo = Repo::with("build:\n  repository: main/bank\n").await;
    guarded(&circle, &repo).await;
    let view = circle.ended(circle.trigger("shop").await).await;
    let message = view.run.message.expect("a reason");
    assert!(
        message.contains("may not push") && message.contains("main/bank"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_27_a_members_run_is_given_the_networks_of_its_workspace_and_no_others() {
    let circle = Circle::start().await;
    let repo = Repo::with("build: {}\n").await;
    guarded(&circle, &repo).await;
    let worker = Played::enrol(&circle, "w", 1).await;
    let mut before = worker.claim(circle.trigger("shop").await).await;
    assert!(before.assignment.networks.is_empty());
    let range = |text: &str| text.parse().expect("a range");
    let opened = BTreeSet::from([range("10.1.2.0/24"), range("fd00:7::/64")]);
    let change = WorkspaceChange {
        policy: Some(PolicyChange {
            networks: Some(opened.clone()),
            ..PolicyChange::default()
        }),
        ..WorkspaceChange::default()
    };
    let changed = circle.api.change_workspace(DEFAULT_WORKSPACE, &change).await;
    changed.expect("a policy");
    before.fail("enough").await;
    let after = worker.claim(circle.trigger("shop").await).await;
    assert_eq!(after.assignment.networks.into_iter().collect::<BTreeSet<_>>(), opened);
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_74_no_file_no_rerun_and_no_waiting_run_passes_beneath_the_scan_floor() {
    let circle = Circle::start().await;
    let repo = Repo::with("build: {}\n").await;
    guarded(&circle, &repo).await;
    let floor = |scan_floor| {
        let policy = Some(PolicyChange {
            scan_floor: Some(scan_floor),
            ..PolicyChange::default()
        });
        WorkspaceChange {
            policy,
            ..WorkspaceChange::default()
        }
    };
    let ended = circle.trigger("shop").await;
    circle
        .api
        .cancel(ended, &CancelRequest::default())
        .await
        .expect("cancelled");
    let waiting = circle.trigger("shop").await;
    circle
        .api
        .change_workspace(DEFAULT_WORKSPACE, &floor(ScanFloor::High))
        .await
        .expect("a floor");

    let view = circle.ended(circle.trigger("shop").await).await;
    let message = view.run.message.expect("a reason");
    assert!(
        message.contains("not yet") && message.contains("floor `high`"),
        "{message}"
    );
    let refused = circle
        .api
        .rerun(ended, &RerunRequest::default())
        .await
        .expect_err("refused");
    assert_eq!(refused.status(), Some(409));
    assert!(refused.to_string().contains("no scanner"), "{refused}");
    // Planned before there was a floor: the worker is given no place to push to.
    let worker = Played::enrol(&circle, "w", 1).await;
    let job = worker.claim(waiting).await;
    assert_eq!(job.assignment.image_home, None);
    assert!(job.assignment.push_confinement.is_empty());

    circle
        .api
        .change_workspace(DEFAULT_WORKSPACE, &floor(ScanFloor::None))
        .await
        .expect("lifted");
    circle
        .api
        .rerun(ended, &RerunRequest::default())
        .await
        .expect("allowed again");
}

/// A service with a registry and an environment that only `main` may reach.
async fn guarded(circle: &Circle, repo: &Repo) {
    let api = &circle.api;
    let registry = RegistryCreate {
        name: slug("main"),
        address: "registry.example.org".into(),
        username: Some("pusher".into()),
        password: Some(SecretValue::new("registry-password")),
    };
    api.create_registry(DEFAULT_WORKSPACE, &registry)
        .await
        .expect("a registry");
    let swarm = SwarmEndpoint {
        endpoint: "unix:///nowhere.sock".into(),
        tls_bundle: None,
    };
    api.create_target(
        DEFAULT_WORKSPACE,
        &TargetCreate {
            name: slug("swarm"),
            swarm,
        },
    )
    .await
    .expect("a target");
    let environment = EnvironmentCreate {
        name: slug("production"),
        target: slug("swarm"),
        protected_refs: vec!["refs/heads/main".into()],
        deadline_s: None,
        stabilise_s: None,
    };
    api.create_environment(DEFAULT_WORKSPACE, &environment)
        .await
        .expect("an environment");
    let image = Some(ImageHome {
        registry: slug("main"),
        path: "shop".into(),
    });
    let wish = ServiceCreate {
        name: slug("shop"),
        repository: repo.url().into(),
        default_branch: None,
        pipeline_path: None,
        image,
        default_deploys: Vec::new(),
        queue_timeout_s: None,
        max_parallel: None,
        max_parallel_ref: None,
        poll_s: None,
    };
    circle.service_as(wish).await;
    let bind = WorkloadBind {
        workload: "shop".into(),
        url: None,
        create: None,
    };
    api.bind_workload(DEFAULT_WORKSPACE, ("production", "shop"), &bind)
        .await
        .expect("bound");
    let secret = SecretSet {
        scope: SecretScope::Environment {
            environment: slug("production"),
        },
        name: VariableName::new("DEPLOY_KEY").expect("a name"),
        value: SecretValue::new("production-value"),
        limits: None,
    };
    api.set_secret(DEFAULT_WORKSPACE, &secret).await.expect("set");
}

/// Whether a file of the folder holds these bytes.
pub(crate) fn holds(folder: &std::path::Path, bytes: &[u8]) -> bool {
    let files = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    files.filter(|path| path.is_file()).any(|path| {
        let content = std::fs::read(path).expect("a file");
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}
