//! What goes wrong in a run, and what is said about it.

mod support;

use std::time::{Duration, Instant};

use circle_api::worker::{RegistryAccess, SecretValue};
use circle_core::names::{BranchName, CommitId};
use circle_core::plan::{Bind, Ready, Retry, RetryWhen, Work};
use circle_core::run::{FailureKind, StoredOutput, WorkerEvent};
use circle_lab::Credentials;
use sha2::{Digest, Sha256};
use support::{
    Bench, assignment, build, checkout, container, integration, job, output, pre_build, push, sidecar, stage,
};

fn built() -> circle_core::plan::Stage {
    stage("build", Work::Build { images: vec![build()] })
}

#[tokio::test]
async fn an_image_that_does_not_exist_is_named() {
    let bench = Bench::with_registry(None).await;
    bench.commit(&[("a", "b")]).await;
    let name = format!(
        "{}/no/such:image",
        bench.registry.as_ref().expect("a registry").address()
    );
    let mut wanted = job(&["true"]);
    wanted.container = container(&name);
    let ran = bench.run(vec![integration(vec![], wanted)]).await;
    let failure = ran.failure();
    assert_eq!(failure.kind, FailureKind::ImageUnavailable, "{failure:?}");
    assert!(
        failure.message.contains(&name) && failure.message.contains("no such image"),
        "{failure:?}"
    );
    assert_eq!(failure.stage.as_deref(), Some("integration"));
}

#[tokio::test]
async fn a_sidecar_that_is_never_ready_is_named() {
    let bench = Bench::new().await;
    bench.commit(&[("a", "b")]).await;
    let mut service = sidecar("db", "echo waiting for a disk; sleep 60", Ready::Tcp(5432));
    service.ready_timeout_s = 2;
    let ran = bench.run(vec![integration(vec![service], job(&["true"]))]).await;
    let failure = ran.failure();
    assert_eq!(failure.kind, FailureKind::Sidecar, "{failure:?}");
    for part in [
        "sidecar db was not ready within 2 s",
        "port 5432 did not accept",
        "waiting for a disk",
    ] {
        assert!(failure.message.contains(part), "{part}: {}", failure.message);
    }
}

#[tokio::test]
async fn a_sidecar_that_dies_is_the_reason() {
    let bench = Bench::new().await;
    bench.commit(&[("a", "b")]).await;
    let early = sidecar("db", "echo no config; exit 3", Ready::Tcp(5432));
    let ran = bench.run(vec![integration(vec![early], job(&["true"]))]).await;
    let failure = ran.failure();
    assert_eq!(failure.kind, FailureKind::Sidecar, "{failure:?}");
    assert!(
        failure.message.contains("db exited 3 before it was ready"),
        "{failure:?}"
    );
    assert!(failure.message.contains("no config"), "{failure:?}");

    let late = sidecar("db", "echo up; sleep 2; exit 137", Ready::Log("up".into()));
    let ran = bench
        .run(vec![integration(vec![late], job(&["sleep 4", "false"]))])
        .await;
    let failure = ran.failure();
    assert_eq!(failure.kind, FailureKind::Sidecar, "{failure:?}");
    assert!(
        failure.message.starts_with("db exited 137 before the test failed"),
        "{failure:?}"
    );
}

#[tokio::test]
async fn every_kind_of_readiness_is_waited_for() {
    let bench = Bench::new().await;
    bench.commit(&[("a", "b")]).await;
    let serve = "mkdir /w; sleep 1; echo hi > /w/ok; exec httpd -f -p 8080 -h /w";
    let services = vec![
        sidecar("tcp", serve, Ready::Tcp(8080)),
        sidecar(
            "http",
            serve,
            Ready::Http {
                port: 8080,
                path: "/ok".into(),
            },
        ),
        sidecar(
            "exec",
            "sleep 1; touch /ready; sleep 60",
            Ready::Exec(["test", "-f", "/ready"].map(str::to_owned).to_vec()),
        ),
        sidecar(
            "log",
            "sleep 1; echo accepting; sleep 60",
            Ready::Log("accepting".into()),
        ),
        sidecar("none", "sleep 60", Ready::Default),
    ];
    let commands = ["wget -q -O- http://tcp:8080/ok", "wget -q -O- http://http:8080/ok"];
    let ran = bench.run(vec![integration(services, job(&commands))]).await;
    let log = ran.succeeded().sink.log("integration");
    assert!(
        log.contains("log | accepting") && log.contains("none has neither a health check"),
        "{log}"
    );
}

#[tokio::test]
async fn a_command_that_fails_in_the_middle_ends_the_stage() {
    let bench = Bench::new().await;
    bench.commit(&[("a", "b")]).await;
    let mut wanted = job(&["echo one", "echo two; exit 7", "echo three"]);
    wanted.finally = vec!["echo and finally".into()];
    let ran = bench
        .run(vec![pre_build(wanted, vec![output("/workspace/never", "never")])])
        .await;
    let failure = ran.failure();
    assert_eq!(
        (failure.kind, failure.exit_code),
        (FailureKind::Command, Some(7)),
        "the code before the output: {failure:?}"
    );
    assert!(
        failure.message.contains("`echo two; exit 7` exited with code 7"),
        "{failure:?}"
    );
    let log = ran.sink.log("pre_build");
    assert!(
        log.contains("two\n") && !log.contains("three") && log.contains("and finally"),
        "{log}"
    );
    let groups = ran.sink.groups("pre_build");
    assert_eq!(
        groups[..2],
        [("echo one".into(), Some(0)), ("echo two; exit 7".into(), Some(7))],
        "{groups:?}"
    );
}

#[tokio::test]
async fn an_output_that_is_not_there_is_named() {
    let bench = Bench::new().await;
    bench.commit(&[("a", "b")]).await;
    let ran = bench
        .run(vec![pre_build(
            job(&["true"]),
            vec![output("/workspace/bin/shop", "bin/shop")],
        )])
        .await;
    let failure = ran.failure();
    assert_eq!(failure.kind, FailureKind::Output, "{failure:?}");
    assert!(
        failure.message.contains("/workspace/bin/shop is not there"),
        "{failure:?}"
    );
}

#[tokio::test]
async fn sec_34_a_link_out_of_the_workspace_is_no_output() {
    let bench = Bench::new().await;
    bench.commit(&[("a", "b")]).await;
    let commands = job(&["mkdir out", "ln -s /etc/passwd out/passwd"]);
    let ran = bench
        .run(vec![pre_build(commands, vec![output("/workspace/out", "out")])])
        .await;
    let failure = ran.failure();
    assert_eq!(failure.kind, FailureKind::Output, "{failure:?}");
    assert!(failure.message.contains("leaves the workspace"), "{failure:?}");
    let commands = job(&["mkdir out", "mkfifo out/pipe"]);
    let ran = bench
        .run(vec![pre_build(commands, vec![output("/workspace/out", "out")])])
        .await;
    assert!(ran.failure().message.contains("neither a file"), "{:?}", ran.failure());
}

#[tokio::test]
async fn sec_34_a_volume_stays_within_the_checkout_wherever_a_committed_link_leads() {
    let bench = Bench::new().await;
    let tree = bench.repository.tree().to_owned();
    for (link, target) in [
        ("folders", "/cell/folders"),
        ("run", "/run"),
        ("up", "../.."),
        ("inner", "data"),
    ] {
        std::os::unix::fs::symlink(target, tree.join(link)).expect("a link");
    }
    bench.commit(&[("data/word", "hello\n")]).await;
    let with_volume = |from: &str| {
        let mut wanted = job(&["cat /given/word"]);
        let (from, to) = (from.to_owned(), "/given".to_owned());
        wanted.container.volumes = vec![Bind {
            from,
            to,
            read_only: false,
        }];
        integration(vec![], wanted)
    };
    for from in ["folders", "run", "up", "missing"] {
        let ran = bench.run(vec![with_volume(from)]).await;
        let failure = ran.failure();
        assert_eq!(failure.kind, FailureKind::Refused, "{failure:?}");
        assert!(
            failure.message.contains(&format!("the volume {from} is refused")),
            "{failure:?}"
        );
    }
    let ran = bench.run(vec![with_volume("inner")]).await;
    assert_eq!(ran.succeeded().sink.log("integration"), "hello\n");
}

#[tokio::test]
async fn sec_34_a_build_context_stays_within_the_checkout() {
    let bench = Bench::new().await;
    let tree = bench.repository.tree().to_owned();
    for (link, target) in [("programs", "/usr"), ("up", "../.."), ("inner", "data")] {
        std::os::unix::fs::symlink(target, tree.join(link)).expect("a link");
    }
    let dockerfile = "FROM busybox:test\nCOPY . /given\nRUN cat /given/word\n";
    bench
        .commit(&[("data/word", "hello\n"), ("data/Dockerfile", dockerfile)])
        .await;
    let with_context = |context: &str| {
        let mut image = build();
        image.context = context.to_owned();
        stage("build", Work::Build { images: vec![image] })
    };
    for context in ["programs", "up", "missing"] {
        let ran = bench.run(vec![with_context(context)]).await;
        let failure = ran.failure();
        assert_eq!(failure.kind, FailureKind::Refused, "{failure:?}");
        let said = format!("the context {context} of image default is refused");
        assert!(failure.message.contains(&said), "{failure:?}");
    }
    bench.run(vec![with_context("inner")]).await.succeeded();
}

#[tokio::test]
async fn outputs_keep_modes_and_are_all_that_later_stages_see() {
    let bench = Bench::new().await;
    bench.commit(&[("word", "hello\n")]).await;
    let commands = [
        "mkdir -p out/deep",
        "echo x > out/deep/run",
        "chmod 750 out/deep/run",
        "ln -s deep/run out/link",
        "echo y > scratch",
        "echo z > word",
    ];
    let later = [
        "stat -c %a:%u dist/deep/run",
        "cat dist/link",
        "test ! -e scratch",
        "cat word",
    ];
    let stages = vec![
        pre_build(job(&commands), vec![output("/workspace/out", "dist")]),
        support::post_build(job(&later)),
    ];
    let ran = bench.run(stages).await;
    assert_eq!(ran.succeeded().sink.log("post_build"), "750:0\nx\nhello\n");
}

#[tokio::test]
async fn sec_62_outputs_that_are_not_what_was_kept_are_not_taken_over() {
    let bench = Bench::new().await;
    bench.commit(&[("word", "hello\n")]).await;
    let stages = || {
        let kept = vec![output("/workspace/out", "dist")];
        let uses = support::post_build(job(&["cat dist"]));
        vec![checkout(), pre_build(job(&["echo right > out"]), kept), uses]
    };
    let first = bench.run_assignment(assignment(bench.repository.url(), stages())).await;
    let tar = first.succeeded().sink.kept("pre_build");
    let kept = StoredOutput {
        digest: format!("sha256:{}", hex::encode(Sha256::digest(&tar))),
        bytes: tar.len() as u64,
    };
    let mut again = assignment(bench.repository.url(), stages());
    again.reused.insert("pre_build".into(), Some(kept));
    let same = bench.run_assignment(again.clone()).await;
    assert_eq!(same.succeeded().sink.log("post_build"), "right\n");

    let wrong = String::from_utf8_lossy(&tar).replace("right", "wrong");
    std::fs::write(bench.folder.path().join("outputs/pre_build"), wrong).expect("the kept outputs");
    let damaged = bench.run_assignment(again).await;
    let failure = damaged.failure();
    assert_eq!(failure.kind, FailureKind::Infrastructure, "{failure:?}");
    let said = "the kept outputs of pre_build could not be had: they are not what was kept";
    assert!(failure.message.starts_with(said), "{failure:?}");
    assert_eq!(damaged.sink.log("post_build"), "", "a stage saw them");
}

#[tokio::test]
async fn a_syntax_error_of_the_dockerfile_is_shown_with_its_line() {
    let bench = Bench::new().await;
    bench.commit(&[("Dockerfile", "FROM busybox:test\nRUNN make\n")]).await;
    let ran = bench.run(vec![built()]).await;
    let failure = ran.failure();
    assert_eq!(failure.kind, FailureKind::Build, "{failure:?}");
    assert!(
        failure.message.starts_with("Dockerfile:2: unknown instruction: RUNN"),
        "{failure:?}"
    );
    assert!(failure.message.contains("2 | RUNN make"), "{failure:?}");
}

#[tokio::test]
async fn a_failing_step_of_a_build_is_shown_with_its_output() {
    let bench = Bench::new().await;
    bench
        .commit(&[("Dockerfile", "FROM busybox:test\nRUN echo broken here; exit 5\n")])
        .await;
    let ran = bench.run(vec![built()]).await;
    let failure = ran.failure();
    assert_eq!(
        (failure.kind, failure.exit_code),
        (FailureKind::Build, Some(5)),
        "{failure:?}"
    );
    assert!(ran.sink.log("build").contains("broken here"), "{}", ran.sink.all());
    assert!(
        ran.sink
            .groups("build")
            .iter()
            .any(|(title, code)| title.contains("exit 5") && *code == Some(1))
    );
}

#[tokio::test]
async fn build_secrets_arguments_targets_and_ignored_files_work() {
    let bench = Bench::new().await;
    let dockerfile = "FROM busybox:test AS base\nARG WORD\nRUN --mount=type=secret,id=TOKEN cat /run/secrets/TOKEN | wc -c > /length\n\
         RUN --mount=type=cache,target=/cache echo $WORD > /word\nFROM base AS wanted\nCOPY . /all\n\
         RUN ls /all; cat /word /length; test ! -e /run/secrets/TOKEN\nFROM base AS unwanted\nRUN false\n";
    bench
        .commit(&[
            ("Dockerfile", dockerfile),
            (".dockerignore", "*.key\n.git\n"),
            ("x.key", "k"),
            ("y.txt", "t"),
        ])
        .await;
    let mut image = build();
    image.target = Some("wanted".into());
    image.args.insert("WORD".into(), "${CIRCLE_SERVICE}!".into());
    image.labels.insert("run".into(), "${CIRCLE_RUN_NUMBER}".into());
    image.secrets = vec!["TOKEN".into()];
    let mut wanted = assignment(
        bench.repository.url(),
        vec![checkout(), stage("build", Work::Build { images: vec![image] })],
    );
    wanted
        .secrets
        .give("build/default", "TOKEN", SecretValue::new("seventeen-letters"));
    let ran = bench.run_assignment(wanted).await;
    let log = ran.succeeded().sink.log("build");
    assert!(log.contains("y.txt") && !log.contains("x.key"), "{log}");
    assert!(log.contains("shop!") && log.contains("17"), "{log}");
    assert!(!log.contains("seventeen-letters"), "{log}");
}

#[tokio::test]
async fn a_dockerfile_form_runs_only_what_its_last_stage_says() {
    let bench = Bench::new().await;
    let files = [
        (
            "build.Dockerfile",
            "FROM busybox:test\nRUN mkdir /out && echo built > /out/shop\n",
        ),
        (
            "run.Dockerfile",
            "FROM busybox:test\nWORKDIR /made\nCMD [\"sh\", \"-c\", \"echo ran > result\"]\n",
        ),
    ];
    bench.commit(&files).await;
    let form = |name: &str, dockerfile: &str, from: &str| {
        let mut image = build();
        image.dockerfile = dockerfile.into();
        let how = circle_core::plan::PreBuild::Dockerfile { build: Box::new(image) };
        stage(
            name,
            Work::PreBuild {
                how,
                outputs: vec![output(from, name)],
            },
        )
    };
    let stages = vec![
        form("one", "build.Dockerfile", "/out/shop"),
        form("two", "run.Dockerfile", "/made/result"),
        support::post_build(job(&["cat one two"])),
    ];
    let ran = bench.run(stages).await;
    assert_eq!(ran.succeeded().sink.log("post_build"), "built\nran\n");
}

#[tokio::test]
async fn a_registry_that_is_down_or_refuses_is_told_apart() {
    let right = Credentials {
        username: "pusher".into(),
        password: "right-password".into(),
    };
    let mut bench = Bench::with_registry(Some(&right)).await;
    bench.commit(&[("Dockerfile", "FROM busybox:test\nRUN true\n")]).await;
    let address = bench.registry.as_ref().expect("a registry").address();
    let with_password = |password: &str| {
        let mut wanted = assignment(bench.repository.url(), vec![checkout(), built(), push(&["latest"])]);
        wanted.image_home = Some(format!("{address}/shop"));
        wanted.push_confinement = vec![format!("{address}/shop")];
        wanted.registries = vec![RegistryAccess {
            name: "local".into(),
            address: address.clone(),
            username: Some("pusher".into()),
            password: Some(SecretValue::new(password)),
        }];
        wanted
    };
    let (good, bad) = (with_password("right-password"), with_password("wrong-password"));
    bench.run_assignment(good.clone()).await.succeeded();
    let refused = bench.run_assignment(bad).await;
    let failure = refused.failure();
    assert_eq!(failure.kind, FailureKind::Push, "{failure:?}");
    assert!(
        failure
            .message
            .contains("refused the user name or password of the registry local"),
        "{failure:?}"
    );
    assert!(!failure.message.contains("wrong-password"), "{failure:?}");
    bench
        .registry
        .as_mut()
        .expect("a registry")
        .stop()
        .await
        .expect("it stops");
    let down = bench.run_assignment(good).await;
    let failure = down.failure();
    assert_eq!(failure.kind, FailureKind::Push, "{failure:?}");
    assert!(failure.message.contains("could not be reached"), "{failure:?}");
}

#[tokio::test]
async fn sec_73_pushes_stay_beneath_the_service_and_release_tags_never_move() {
    let bench = Bench::with_registry(None).await;
    let registry = bench.registry.as_ref().expect("a registry").address();
    bench
        .commit(&[("Dockerfile", "FROM busybox:test\nARG N\nRUN echo $N > /n\n")])
        .await;
    let with = |repository: Option<String>, tag: &str, argument: &str| {
        let mut image = build();
        image.args.insert("N".into(), argument.into());
        let mut last = push(&[tag]);
        if let Work::Push { images } = &mut last.work {
            images[0].repository = repository;
        }
        let mut wanted = assignment(
            bench.repository.url(),
            vec![checkout(), stage("build", Work::Build { images: vec![image] }), last],
        );
        wanted.image_home = Some(format!("{registry}/shop"));
        wanted.push_confinement = vec![format!("{registry}/shop")];
        wanted
    };
    let outside = bench
        .run_assignment(with(Some("other/web".into()), "latest", "1"))
        .await;
    let failure = outside.failure();
    assert_eq!(failure.kind, FailureKind::Refused, "{failure:?}");
    assert!(failure.message.contains("may push only beneath"), "{failure:?}");
    bench
        .run_assignment(with(Some("shop/web".into()), "v1.0.0", "1"))
        .await
        .succeeded();
    let moved = bench.run_assignment(with(Some("shop/web".into()), "v1.0.0", "2")).await;
    assert!(
        moved.failure().message.contains("release tags never move"),
        "{:?}",
        moved.failure()
    );
}

#[tokio::test]
async fn a_ref_or_commit_that_is_not_there_is_said_so() {
    let bench = Bench::new().await;
    bench.commit(&[("a", "b")]).await;
    let mut branch = assignment(bench.repository.url(), vec![checkout()]);
    branch.facts.trigger.git_ref = BranchName::new("nowhere").expect("a branch").full();
    let ran = bench.run_assignment(branch).await;
    assert_eq!(ran.failure().kind, FailureKind::CommitNotFound, "{:?}", ran.failure());
    let mut commit = assignment(bench.repository.url(), vec![checkout()]);
    commit.facts.trigger.commit = Some(CommitId::new("0123456789abcdef0123456789abcdef01234567").expect("a commit"));
    let ran = bench.run_assignment(commit).await;
    assert_eq!(ran.failure().kind, FailureKind::CommitNotFound, "{:?}", ran.failure());
}

#[tokio::test]
async fn sec_16_and_20_secrets_appear_nowhere() {
    let bench = Bench::new().await;
    bench.commit(&[("a", "b")]).await;
    let mut wanted = job(&[
        "printf '%s' \"${TOKEN%???????}\"; sleep 0.2; printf '%s\\n' \"${TOKEN#??????????}\"",
        "echo $TOKEN | base64; echo $TOKEN >&2; exit 3 # swordfish-secret",
    ]);
    wanted.secrets = vec!["TOKEN".into()];
    let mut run = assignment(bench.repository.url(), vec![checkout(), integration(vec![], wanted)]);
    run.secrets
        .give("integration", "TOKEN", SecretValue::new("swordfish-secret"));
    let ran = bench.run_assignment(run).await;
    let failure = ran.failure();
    let all = format!(
        "{}{failure:?}{:?}",
        ran.sink.all(),
        ran.sink.marks.lock().expect("marks")
    );
    assert!(
        !all.contains("swordfish-secret") && !all.contains("c3dvcmRmaXNoLXNlY3JldA"),
        "{all}"
    );
    assert!(all.contains("***"), "{all}");
}

#[tokio::test]
async fn large_binary_and_many_lines_arrive_whole() {
    let bench = Bench::new().await;
    bench.commit(&[("a", "b")]).await;
    let commands = [
        "head -c 50000000 /dev/zero | tr '\\0' x; echo",
        "printf '\\000\\377\\376\\033[31m'; head -c 1000 /dev/zero; echo",
        "seq 1 1000000",
    ];
    let ran = bench.run(vec![integration(vec![], job(&commands))]).await;
    let log = ran.succeeded().sink.bytes("integration");
    let lines: usize = (1..=1_000_000_u32).map(|number| number.to_string().len() + 1).sum();
    assert_eq!(log.len(), 50_000_001 + 8 + 1_001 + lines, "not one byte more or less");
    assert!(log.ends_with(b"999999\n1000000\n"));
}

#[tokio::test]
async fn time_and_silence_are_bounded() {
    let bench = Bench::new().await;
    bench.commit(&[("a", "b")]).await;
    let mut slow = integration(vec![], job(&["while true; do echo busy; sleep 1; done"]));
    slow.timeout_s = 5;
    let began = Instant::now();
    let ran = bench.run(vec![slow]).await;
    assert_eq!(ran.failure().kind, FailureKind::Bound, "{:?}", ran.failure());
    assert!(
        ran.failure().message.contains("longer than its 5 s"),
        "{:?}",
        ran.failure()
    );
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    let mut silent = assignment(
        bench.repository.url(),
        vec![checkout(), integration(vec![], job(&["sleep 60"]))],
    );
    silent.plan.silence_s = 4;
    let ran = bench.run_assignment(silent).await;
    assert!(
        ran.failure().message.contains("printed nothing for 4 s"),
        "{:?}",
        ran.failure()
    );
}

#[tokio::test]
async fn a_stage_is_tried_again_as_its_policy_says() {
    let bench = Bench::new().await;
    bench.commit(&[("a", "b")]).await;
    let mut flaky = integration(vec![], job(&["echo tried", "exit 1"]));
    flaky.retry = Retry {
        max: 2,
        when: RetryWhen::Always,
    };
    let ran = bench.run(vec![flaky]).await;
    assert_eq!(ran.failure().kind, FailureKind::Command);
    assert_eq!(
        ran.sink.log("integration").matches("tried").count(),
        2,
        "{}",
        ran.sink.all()
    );
    let events = ran.sink.events.lock().expect("events");
    let again: Vec<bool> = events
        .iter()
        .filter_map(|event| {
            if let WorkerEvent::StageFailed { again, .. } = event {
                Some(*again)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(again, [true, false]);
}
