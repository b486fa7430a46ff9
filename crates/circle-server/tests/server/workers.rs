//! Security 53–59: what a worker may say, and of what.

use circle_api::worker::frames::Mark;
use circle_api::worker::{NumberedEvent, Order, PROTOCOL_HEADER, PROTOCOL_VERSION};
use circle_core::run::{StoredOutput, WorkerEvent};
use jiff::Timestamp;
use reqwest::Method;

use crate::support::{Circle, Options, PIPELINE, Played, Repo, facts};

async fn with_two_services() -> (Circle, Repo, Played) {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    // Two services, because runs of one branch go one after the other.
    for name in ["shop", "other"] {
        circle.service(name, repo.url()).await;
    }
    let worker = Played::enrol(&circle, "w1", 2).await;
    (circle, repo, worker)
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_53_a_worker_is_who_its_token_says() {
    let (circle, _repo, worker) = with_two_services().await;
    let run = circle.trigger("shop").await;
    let job = worker.claim(run).await;
    let listed = circle.api.workers(&Default::default()).await.expect("workers");
    assert_eq!(listed.items[0].runs, [run]);
    assert_eq!(listed.items[0].id, worker.enrolled.worker);
    // An administrator is no worker, and a worker is no administrator.
    let claim = circle
        .http
        .get(format!("{}/worker/v1/orders", circle.url))
        .bearer_auth(&circle.token);
    assert_eq!(
        claim
            .header(PROTOCOL_HEADER, PROTOCOL_VERSION)
            .send()
            .await
            .expect("an answer")
            .status(),
        401
    );
    let listing = circle
        .http
        .get(format!("{}/api/v1/workers", circle.url))
        .bearer_auth(worker.enrolled.token.expose());
    assert_eq!(listing.send().await.expect("an answer").status(), 401);
    drop(job);
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_54_a_worker_reaches_no_run_of_another() {
    let (circle, _repo, worker) = with_two_services().await;
    let other = Played::enrol(&circle, "w2", 1).await;
    let (mine, theirs) = (circle.trigger("shop").await, circle.trigger("other").await);
    let (mine, theirs) = (worker.claim(mine).await, other.claim(theirs).await);
    let stolen = theirs.run();
    assert_eq!(worker.try_claim(stolen).await.status(), 409);
    let event = NumberedEvent {
        sequence: 1,
        event: WorkerEvent::PartSucceeded,
    };
    let report = serde_json::json!({ "part": 0, "events": [event] });
    for (method, what, body) in [
        (Method::POST, "heartbeat", b"{}".to_vec()),
        (Method::POST, "events", report.to_string().into_bytes()),
        (Method::POST, "log", mine.chunk("checkout", (0, 0), b"lies").to_vec()),
        (Method::PUT, "outputs/pre_build", b"tar".to_vec()),
        (Method::GET, "outputs/pre_build", Vec::new()),
    ] {
        let request = mine
            .request_of(stolen, method, what)
            .header("content-type", "application/json");
        assert_eq!(
            request.body(body).send().await.expect("an answer").status(),
            409,
            "{what}"
        );
    }
    assert_eq!(circle.run(stolen).await.run.state.word(), "running");
}

/// There are no workers of users yet, so none can get what is not its owner's: only an administrator lets workers in, and
/// neither a worker nor the token of a run lets in another or takes a run by itself.
#[tokio::test(flavor = "multi_thread")]
async fn sec_55_nobody_but_an_administrator_lets_a_worker_in() {
    let (circle, _repo, worker) = with_two_services().await;
    let mine = worker.claim(circle.trigger("shop").await).await;
    let other = circle.trigger("other").await;
    let (worker_token, run_token) = (worker.enrolled.token.expose(), mine.assignment.run_token.expose());
    let enrolments = format!("{}/api/v1/workers/enrolments", circle.url);
    for (method, url) in [
        (Method::POST, enrolments),
        (Method::GET, format!("{}/api/v1/workers", circle.url)),
    ] {
        for token in ["", worker_token, run_token] {
            let request = circle.http.request(method.clone(), &url).bearer_auth(token);
            let answer = request.json(&serde_json::json!({})).send().await.expect("an answer");
            assert_eq!(answer.status(), 401, "{method} {url} with {token:.13}");
        }
    }
    for token in [worker_token, run_token, &circle.token] {
        let answer = Played::try_enrol(&circle, token, "mine", 1).await;
        assert_eq!(answer.status(), 401, "enrolled with {token:.13}");
    }
    let claim = format!("{}/worker/v1/runs/{other}/claim", circle.url);
    let claim = circle
        .http
        .post(claim)
        .header(PROTOCOL_HEADER, PROTOCOL_VERSION)
        .bearer_auth(run_token);
    let answer = claim
        .json(&serde_json::json!({ "part": 0 }))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 401, "the token of a run claimed another");
    assert_eq!(circle.run(other).await.run.state.word(), "queued");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_56_a_revoked_worker_is_out_at_once_and_its_run_goes_to_another() {
    let (circle, _repo, worker) = with_two_services().await;
    let run = circle.trigger("shop").await;
    let mut orders = worker.orders().await;
    let mut job = worker.take(&mut orders).await;
    circle.api.revoke_worker(worker.enrolled.worker).await.expect("revoked");
    let closed = loop {
        match orders.next().await {
            None => break true,
            Some(Order::Ping | Order::Offer { .. }) => {}
            Some(other) => panic!("{other:?}"),
        }
    };
    assert!(closed);
    assert_eq!(job.try_tell(WorkerEvent::PartSucceeded).await.status(), 409);
    let again = worker
        .request(Method::GET, "/worker/v1/orders")
        .send()
        .await
        .expect("an answer");
    assert_eq!(again.status(), 401);
    let other = Played::enrol(&circle, "w2", 1).await;
    let mut orders = other.orders().await;
    let mut second = other.take(&mut orders).await;
    assert_eq!((second.run(), second.assignment.attempt), (run, 2));
    second.succeed().await;
    assert_eq!(circle.ended(run).await.run.state.word(), "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_57_an_enrolment_token_works_once() {
    let circle = Circle::start().await;
    let enrolment = circle
        .api
        .enrol_worker(&Default::default())
        .await
        .expect("an enrolment");
    let tries = (0..8).map(|number| {
        let (circle, token, name) = (&circle, enrolment.token.expose(), format!("w{number}"));
        async move { Played::try_enrol(circle, token, &name, 1).await.status().as_u16() }
    });
    let mut answers = futures_util::future::join_all(tries).await;
    answers.sort_unstable();
    assert_eq!(answers, [200, 401, 401, 401, 401, 401, 401, 401]);
    // The file for the first worker is of no use any more either.
    assert!(!circle.folder.path().join("server/local-enrolment").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_58_a_lying_worker_changes_nothing() {
    let (circle, _repo, worker) = with_two_services().await;
    let run = circle.trigger("shop").await;
    let mut job = worker.claim(run).await;
    let at = Timestamp::now();
    // A success without its stages, an output that was never stored, a push to foreign places, a stage of no plan.
    let never = StoredOutput {
        digest: format!("sha256:{}", "0".repeat(64)),
        bytes: 1,
    };
    let stored = WorkerEvent::StageSucceeded {
        stage: "pre_build".into(),
        at,
        phases: Default::default(),
        output: Some(never),
    };
    let pushed = WorkerEvent::ImagePushed {
        name: "default".into(),
        repository: "evil.example.org/x".into(),
        digest: format!("sha256:{}", "0".repeat(64)),
        tags: vec![],
    };
    let foreign = WorkerEvent::StageStarted {
        stage: "other".into(),
        at,
        attempt: 1,
    };
    for lie in [WorkerEvent::PartSucceeded, stored, pushed, foreign] {
        let status = job
            .send(vec![NumberedEvent {
                sequence: 1,
                event: lie.clone(),
            }])
            .await
            .status();
        assert!(matches!(status.as_u16(), 400 | 409), "{lie:?}: {status}");
    }
    // A report out of order; then the same report twice, which is one.
    let started = WorkerEvent::StageStarted {
        stage: "checkout".into(),
        at,
        attempt: 1,
    };
    assert_eq!(
        job.send(vec![NumberedEvent {
            sequence: 7,
            event: started.clone()
        }])
        .await
        .status(),
        409
    );
    for _ in 0..2 {
        assert_eq!(
            job.send(vec![NumberedEvent {
                sequence: 1,
                event: started.clone()
            }])
            .await
            .status(),
            200
        );
    }
    // Oversized logs, cut frames, stages and attempts that are not its own.
    let cut = job
        .request(Method::POST, "log")
        .body(vec![0, 0, 0, 9, 1])
        .send()
        .await
        .expect("an answer");
    assert_eq!(cut.status(), 400);
    assert_eq!(job.log(job.chunk("nowhere", (0, 0), b"x")).await.status(), 400);
    assert_eq!(
        job.log(job.chunk("checkout", (0, 0), &vec![b'x'; 300 * 1024]))
            .await
            .status(),
        413
    );
    let mut other = worker.claim(circle.trigger("other").await).await;
    other.assignment.attempt = 9;
    assert_eq!(other.log(other.chunk("checkout", (0, 0), b"x")).await.status(), 400);
    assert_eq!(circle.run(run).await.run.state.word(), "running");
    job.sequence = 1;
    job.fail("done with lying").await;
    // A replay of what was said before the end.
    assert_eq!(
        job.send(vec![NumberedEvent {
            sequence: 1,
            event: started
        }])
        .await
        .status(),
        409
    );
    assert_eq!(circle.ended(run).await.run.state.word(), "failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_58_an_oversized_log_is_refused_and_costs_its_worker_alone() {
    let options = Options {
        log_bytes: 1 << 20,
        ..Options::default()
    };
    let (circle, repo) = (Circle::start_with(options).await, Repo::with(PIPELINE).await);
    for name in ["shop", "other"] {
        circle.service(name, repo.url()).await;
    }
    let worker = Played::enrol(&circle, "w1", 2).await;
    let (lying, honest) = (circle.trigger("shop").await, circle.trigger("other").await);
    let (lying, honest) = (worker.claim(lying).await, worker.claim(honest).await);
    let piece = vec![b'x'; 200_000];
    let (mut taken, mut refused) = (0, None);
    for number in 0..20_u64 {
        let chunk = lying.chunk("checkout", (number, number * 200_000), &piece);
        let answer = lying.log(chunk).await;
        if answer.status() != 200 {
            refused = Some(answer);
            break;
        }
        taken += piece.len();
    }
    let answer = refused.expect("an end");
    assert_eq!(answer.status(), 413);
    let problem: serde_json::Value = answer.json().await.expect("a problem");
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("it may have 1048576")),
        "{problem}"
    );
    assert!((1 << 20..=2 << 20).contains(&taken), "{taken} bytes were taken");
    // The same over several stages is no way around it, and the neighbour's log is its own.
    assert_eq!(lying.log(lying.chunk("build", (0, 0), &piece)).await.status(), 413);
    assert_eq!(honest.log(honest.chunk("checkout", (0, 0), &piece)).await.status(), 200);
    let index = circle.api.log_index(lying.run()).await.expect("an index");
    assert_eq!(index.stages.iter().map(|stage| stage.bytes).sum::<u64>(), taken as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_58_a_log_is_taken_once_and_in_order() {
    let (circle, _repo, worker) = with_two_services().await;
    let job = worker.claim(circle.trigger("shop").await).await;
    let mut body = job.mark(
        "checkout",
        0,
        Mark::Begin {
            group: 0,
            title: "fetch".into(),
        },
    );
    body.unsplit(job.chunk("checkout", (0, 0), b"one\n"));
    body.unsplit(job.mark(
        "checkout",
        4,
        Mark::End {
            group: 0,
            exit_code: Some(0),
            duration_ms: 5,
        },
    ));
    for expected in [4, 0] {
        let answer: serde_json::Value = job.log(body.clone()).await.json().await.expect("an answer");
        assert_eq!(answer["stored_bytes"], expected, "{answer}");
    }
    let hole = job.log(job.chunk("checkout", (5, 100), b"later")).await;
    assert_eq!(hole.status(), 409);
    let hole: serde_json::Value = hole.json().await.expect("a place");
    assert_eq!(
        (hole["stage"].as_str(), hole["expected_offset"].as_u64()),
        (Some("checkout"), Some(4))
    );
    let index = circle.api.log_index(job.run()).await.expect("an index");
    let stage = &index.stages[0];
    assert_eq!((stage.bytes, stage.lines, stage.groups.len()), (4, 1, 1));
    assert_eq!(
        (stage.groups[0].title.as_str(), stage.groups[0].exit_code),
        ("fetch", Some(0))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_59_an_old_protocol_is_refused_with_a_sentence() {
    let circle = Circle::start().await;
    let enrolment = circle
        .api
        .enrol_worker(&Default::default())
        .await
        .expect("an enrolment");
    let wish = circle_api::worker::Enrol {
        name: "old".into(),
        facts: facts(1),
    };
    let (older, newer) = (PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1);
    for version in [older.to_string(), newer.to_string(), "one".to_owned()] {
        let request = circle
            .http
            .post(format!("{}/worker/v1/enrol", circle.url))
            .header(PROTOCOL_HEADER, &version);
        let response = request
            .bearer_auth(enrolment.token.expose())
            .json(&wish)
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), 426);
        let problem: serde_json::Value = response.json().await.expect("a problem");
        let detail = problem["detail"].as_str().expect("a sentence").to_owned();
        let ours = format!("protocol {PROTOCOL_VERSION}");
        assert!(detail.contains(&ours) && detail.contains(&version), "{detail}");
    }
    // The token was not used up by it.
    assert_eq!(
        Played::try_enrol(&circle, enrolment.token.expose(), "new", 1)
            .await
            .status(),
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_reaches_the_worker_and_the_run_ends_when_it_says_so() {
    let (circle, _repo, worker) = with_two_services().await;
    let run = circle.trigger("shop").await;
    let mut orders = worker.orders().await;
    let mut job = worker.take(&mut orders).await;
    let asked = circle.api.cancel(run, &Default::default()).await.expect("taken");
    assert!(asked.cancelling);
    let order = loop {
        match orders.next().await {
            Some(Order::Ping) => {}
            other => break other,
        }
    };
    assert!(
        matches!(order, Some(Order::Cancel { run: told, .. }) if told == run),
        "{order:?}"
    );
    let beat = job
        .request(Method::POST, "heartbeat")
        .json(&serde_json::json!({}))
        .send()
        .await
        .expect("an answer");
    let beat: serde_json::Value = beat.json().await.expect("an answer");
    assert_eq!(beat["cancel"], "requested");
    job.tell(WorkerEvent::PartCancelled).await;
    assert_eq!(circle.ended(run).await.run.state.word(), "cancelled");
    let twice = circle
        .api
        .cancel(run, &Default::default())
        .await
        .expect_err("it has ended");
    assert_eq!(twice.status(), Some(409));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rerun_from_a_stage_takes_over_what_was_stored() {
    let (circle, _repo, worker) = with_two_services().await;
    let run = circle.trigger("shop").await;
    let mut job = worker.claim(run).await;
    job.stage("checkout", None).await;
    job.stage_with("pre_build", "a tar").await;
    job.fail("the build broke").await;
    let again = circle
        .api
        .rerun(
            run,
            &circle_api::resources::RerunRequest {
                from_stage: Some("build".into()),
                hold: false,
            },
        )
        .await;
    let again = again.expect("a rerun").id;
    let mut second = worker.claim(again).await;
    let reused: Vec<_> = second.assignment.reused.keys().cloned().collect();
    assert_eq!(reused, ["checkout", "pre_build"]);
    let got = second
        .request(Method::GET, "outputs/pre_build")
        .send()
        .await
        .expect("an answer");
    assert_eq!(got.bytes().await.expect("a tar").as_ref(), b"a tar");
    // People get the same, of the run that made it and of the one that took it over.
    for id in [run, again] {
        let kept = circle.run(id).await.stages.into_iter().filter_map(|stage| stage.output);
        assert_eq!(kept.map(|output| output.bytes).collect::<Vec<_>>(), [5]);
        let mut pieces = circle.api.stage_output(id, "pre_build").await.expect("outputs");
        assert_eq!(pieces.next().await.expect("a piece").as_deref(), Some(&b"a tar"[..]));
        assert_eq!(pieces.next().await.expect("the end"), None);
        let refused = circle.api.stage_output(id, "build").await.expect_err("none");
        assert_eq!(refused.status(), Some(404));
    }
    second.succeed().await;
    let view = circle.ended(again).await;
    assert_eq!(view.run.state.word(), "succeeded");
    assert_eq!(view.rerun_of.expect("a link").run, run);
    assert_eq!(circle.run(run).await.reruns[0].run, again);
    let from_end = circle_api::resources::RerunRequest {
        from_stage: Some("push".into()),
        hold: false,
    };
    let refused = circle
        .api
        .rerun(run, &from_end)
        .await
        .expect_err("build did not succeed");
    assert!(refused.to_string().contains("build"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_62_outputs_that_changed_on_the_disk_are_handed_to_nobody() {
    let (circle, _repo, worker) = with_two_services().await;
    let run = circle.trigger("shop").await;
    let mut job = worker.claim(run).await;
    job.stage("checkout", None).await;
    job.stage_with("pre_build", "what was built").await;
    let kept = circle.run(run).await.stages.into_iter().find_map(|stage| stage.output);
    let digest = kept.expect("outputs").digest;
    let hex = digest.strip_prefix("sha256:").expect("a digest");
    let file = circle
        .folder
        .path()
        .join("server/blobs/sha256")
        .join(&hex[..2])
        .join(hex);
    // As many bytes as before: the length alone tells nobody.
    std::fs::write(&file, "what was BUILT").expect("the blob");
    let fetched = job.request(Method::GET, "outputs/pre_build").send().await;
    let got = match fetched {
        Ok(answer) => answer.bytes().await.ok(),
        Err(_) => None,
    };
    assert_eq!(got, None, "a worker got what nobody had kept");
    let mut pieces = circle.api.stage_output(run, "pre_build").await.expect("the headers");
    let mut got = Vec::new();
    let end = loop {
        match pieces.next().await {
            Ok(Some(piece)) => got.extend_from_slice(&piece),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    assert!(
        end.is_err(),
        "people got {:?} as if it were whole",
        String::from_utf8_lossy(&got)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cell_of_a_delivery_may_be_started_before_its_run_is_offered() {
    let (circle, _repo, worker) = with_two_services().await;
    let mut orders = worker.orders().await;
    let run = circle.trigger("shop").await;
    let Some(Order::Expect { roots }) = orders.next_said().await else {
        panic!("the run was not announced");
    };
    assert_eq!(
        roots.reads.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["refs/heads/main"]
    );
    assert!(roots.renews.is_none(), "what is not planned yet renews nothing");
    let offered = orders.next_said().await;
    assert!(
        matches!(offered, Some(Order::Offer { run: offered, .. }) if offered == run),
        "{offered:?}"
    );
}
