//! What is older than the operator wants is gone, and says so; what was decided is still known.

use circle_api::resources::{RerunRequest, RunView};

use crate::support::{Circle, Played, Repo, until};

const PIPELINE: &str = "pre_build:\n  image: busybox\n  commands: [make]\n  outputs: [out]\nbuild: {}\n";

/// A run with a log and outputs that has ended.
async fn ended(circle: &Circle, worker: &Played) -> RunView {
    let mut job = worker.claim(circle.trigger("shop").await).await;
    job.stage("checkout", None).await;
    let chunk = job.chunk("pre_build", (0, 0), b"made\n");
    assert_eq!(job.log(chunk).await.status(), 200);
    job.stage_with("pre_build", "a tar").await;
    job.fail("the build broke").await;
    circle.ended(job.run()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn old_outputs_and_logs_are_gone_and_the_run_is_known() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let worker = Played::enrol(&circle, "w", 1).await;
    let before = ended(&circle, &worker).await;
    let run = before.run.id;
    assert_eq!(
        circle.api.log_bytes(run, "pre_build", 0, 10).await.expect("a log"),
        b"made\n"
    );
    drop(circle.api.stage_output(run, "pre_build").await.expect("outputs"));

    let circle = circle.restart_tuned(|config| config.keep_days = 0).await;
    let look = || async { circle.api.stage_output(run, "pre_build").await.err() };
    let refused = until("the outputs are removed", look, Option::is_some).await;
    let sentence = refused.expect("an error").to_string();
    assert!(
        sentence.contains("the outputs of stage \"pre_build\" are gone: they are kept for 0 days"),
        "{sentence}"
    );
    let look = || async { circle.api.log_index(run).await.expect("an index").stages.len() };
    until("the log is removed", look, |stages| *stages == 0).await;

    let after = circle.run(run).await;
    assert_eq!((after.verdict, after.run.state), (before.verdict, before.run.state));
    let later = RerunRequest {
        from_stage: Some("build".into()),
        hold: false,
    };
    let refused = circle.api.rerun(run, &later).await.expect_err("nothing to begin from");
    assert!(refused.to_string().contains("pre_build"), "{refused}");
    circle
        .api
        .rerun(run, &RerunRequest::default())
        .await
        .expect("anew it can");
}
