//! Golden roots as a worker keeps them: what a trusted run left is where the next one begins, and nobody else can change it
//! or look into it.

mod support;

use std::fs;
use std::path::PathBuf;

use circle_api::worker::{RegistryAccess, SecretValue};
use circle_core::plan::{ImageBuild, Stage, Work};
use circle_lab::Credentials;
use circle_worker::PartEnd;
use support::rooted::{
    MAIN, WAITS, Who, Worker, building, cached, caching, docker, found_in, run_speaking, run_with_client, speaking,
    succeeded,
};
use support::{build, container, integration, job, post_build, push, stage};

const DOCKERFILE: &str =
    "FROM busybox:test\nRUN --mount=type=cache,target=/c echo seen >> /c/seen && date +%s%N > /made\n";

/// Leaves what nobody else may see in a layer and in a cache mount.
const MEMBERS: &str = "FROM busybox:test
RUN --mount=type=cache,target=/c echo private-mount > /c/seen && echo private-layer > /private-layer
";
/// The same cache mount, and the same step as the members' up to the file that it looks for.
const STRANGERS: &str = "FROM busybox:test
RUN --mount=type=cache,target=/c test -z \"$(ls -A /c)\" && test ! -e /private-layer
RUN --mount=type=cache,target=/c echo private-mount > /c/seen && echo private-layer > /private-layer
";

#[tokio::test]
async fn a_run_begins_from_what_the_last_one_left_with_its_layers_and_caches() {
    let worker = Worker::start(None).await;
    worker
        .bench
        .commit(&[("Dockerfile", DOCKERFILE), ("go.sum", "one")])
        .await;
    let stages = || vec![caching(&["echo run >> /cache/log", "cat /cache/log"]), building()];
    let (end, began, sink) = worker.run(Who::Main, 1, stages()).await;
    succeeded(&end, &sink);
    assert_ne!(began.root, MAIN, "there is none yet");
    let (end, began, sink) = worker.run(Who::Main, 2, stages()).await;
    succeeded(&end, &sink);
    assert_eq!((began.root.as_str(), began.generation), (MAIN, 1));
    assert!(sink.log("integration").contains("run\nrun\n"), "{}", sink.all());
    assert!(sink.log("build").contains("CACHED"), "{}", sink.all());

    worker.bench.commit(&[("go.sum", "two")]).await;
    let (end, began, sink) = worker.run(Who::Main, 3, stages()).await;
    succeeded(&end, &sink);
    assert_eq!(began.generation, 2);
    let log = sink.log("integration");
    assert!(
        log.contains("run\n") && !log.contains("run\nrun\n"),
        "another key is another cache: {log}"
    );
    worker.executor.shutdown().await;
}

#[tokio::test]
async fn sec_60_a_root_holds_no_tag_that_a_job_moved_and_no_image_that_the_run_did_not_use() {
    const IMAGES: [&str; 3] = ["images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"];
    let worker = Worker::start(None).await;
    worker.bench.commit(&[("README", "hello\n")]).await;
    let context = tempfile::tempdir().expect("a folder");
    fs::write(
        context.path().join("Dockerfile"),
        "FROM busybox:test\nRUN touch /moved\n",
    )
    .expect("a file");
    let path = context.path().display().to_string();
    let before = std::sync::Mutex::new(String::new());
    let (noted, context) = (&before, path.as_str());
    run_with_client(&worker, 1, |socket| async move {
        *noted.lock().expect("no panic") = docker(&socket, &IMAGES).await;
        docker(&socket, &["build", "-t", "busybox:test", "-t", "extra:1", context]).await;
        docker(&socket, &["tag", "extra:1", "extra:2"]).await;
        let moved = ["run", "--rm", "busybox:test", "ls", "/moved"];
        assert_eq!(docker(&socket, &moved).await, "/moved", "the tag was moved");
    })
    .await;

    let before = before.into_inner().expect("no panic");
    assert_eq!(before.lines().count(), 1, "the operator's image alone: {before}");
    let began = run_with_client(&worker, 2, |socket| async move {
        assert_eq!(
            docker(&socket, &IMAGES).await,
            before,
            "tags and images as the first run found them"
        );
        let looks = [
            "run",
            "--rm",
            "busybox:test",
            "sh",
            "-c",
            "ls /moved 2>&1 || echo the old image",
        ];
        assert!(docker(&socket, &looks).await.contains("the old image"));
    })
    .await;
    assert_eq!((began.root.as_str(), began.generation), (MAIN, 1));
    worker.executor.shutdown().await;
}

#[tokio::test]
async fn sec_60_a_success_that_the_server_did_not_accept_renews_nothing() {
    let worker = Worker::start(None).await;
    worker.bench.commit(&[("go.sum", "one")]).await;
    let stages = || vec![caching(&["test ! -e /cache/lost", "touch /cache/lost"])];
    let lost = worker.assignment(Who::Main, 1, stages());
    let (end, _, sink) = worker.run_and_tell(lost, false).await;
    succeeded(&end, &sink);
    let (end, began, sink) = worker.run(Who::Main, 2, stages()).await;
    succeeded(&end, &sink);
    assert_ne!(began.root, MAIN, "a lost run renewed the root: {}", worker.kept());
    assert!(
        !worker.kept().contains("\"order\":1,\"label\":\"shop"),
        "{}",
        worker.kept()
    );
    worker.executor.shutdown().await;
}

#[tokio::test]
async fn sec_60_a_branch_begins_warm_and_leaves_no_trace() {
    let worker = Worker::start(None).await;
    worker
        .bench
        .commit(&[("Dockerfile", DOCKERFILE), ("go.sum", "one")])
        .await;
    let good = || vec![caching(&["echo good >> /cache/log"]), building()];
    let (end, _, sink) = worker.run(Who::Main, 1, good()).await;
    succeeded(&end, &sink);
    let before = worker.generations();

    let attack = caching(&["cat /cache/log", "echo evil > /cache/log; echo evil > /cache/evil"]);
    worker
        .bench
        .commit(&[(
            "Dockerfile",
            "FROM busybox:test\nRUN --mount=type=cache,target=/c echo evil > /c/seen\n",
        )])
        .await;
    let (end, began, sink) = worker.run(Who::Branch, 2, vec![attack, building()]).await;
    succeeded(&end, &sink);
    assert_eq!(
        (began.root.as_str(), began.generation),
        (MAIN, 1),
        "a branch begins warm"
    );
    assert!(sink.log("integration").contains("good"), "{}", sink.all());
    assert_eq!(worker.generations(), before, "a branch renews nothing");

    let look = "FROM busybox:test\nRUN --mount=type=cache,target=/c cat /c/seen && ! grep evil /c/seen\n";
    worker.bench.commit(&[("Dockerfile", look)]).await;
    let looks = caching(&["test ! -e /cache/evil", "! grep evil /cache/log", "cat /cache/log"]);
    let (end, began, sink) = worker.run(Who::Main, 3, vec![looks, building()]).await;
    succeeded(&end, &sink);
    assert_eq!(began.generation, 1);
    assert!(sink.log("build").contains("seen"), "{}", sink.all());
    worker.executor.shutdown().await;
}

#[tokio::test]
async fn sec_75_a_stranger_sees_no_private_image_and_no_cache_of_others() {
    let credentials = Credentials {
        username: "pusher".into(),
        password: "right-password".into(),
    };
    let worker = Worker::start(Some(&credentials)).await;
    let registry = worker.bench.registry.as_ref().expect("a registry").address();
    let private = format!("{registry}/shop/tool:1");
    worker.bench.commit(&[("Dockerfile", MEMBERS), ("go.sum", "one")]).await;
    let access = RegistryAccess {
        name: "local".into(),
        address: registry.clone(),
        username: Some("pusher".into()),
        password: Some(SecretValue::new("right-password")),
    };
    let trusted = |order, stages| {
        let mut wanted = worker.assignment(Who::Main, order, stages);
        wanted.registries = vec![access.clone()];
        wanted.image_home = Some(format!("{registry}/shop/tool"));
        wanted.push_confinement = vec![format!("{registry}/shop/tool")];
        wanted
    };
    let first = trusted(
        1,
        vec![
            caching(&["echo private-cache > /cache/private-name"]),
            building(),
            push(&["1"]),
        ],
    );
    let (end, _, sink) = worker.run_assignment(first).await;
    succeeded(&end, &sink);
    let mut pulls = job(&["cat /private-layer"]);
    pulls.container = container(&private);
    let second = trusted(2, vec![integration(vec![], pulls.clone()), building()]);
    let (end, began, sink) = worker.run_assignment(second).await;
    succeeded(&end, &sink);
    assert_eq!(began.root, MAIN);
    assert!(
        worker.kept().contains(&private),
        "the private image is in the root: {}",
        worker.kept()
    );

    // What members left lies in their root, in every place where a run could leave it ...
    let pool = worker.bench.folder.path().join("worker/cells/pool");
    let places = [
        "private-cache",
        "private-name",
        "private-mount",
        "private-layer",
        "shop/tool",
    ];
    for text in places {
        assert!(
            !found_in(&pool, false, text).is_empty(),
            "{text} is nowhere in the members' root"
        );
    }
    // ... and nowhere in the one that strangers begin from: no layer, image name, cache mount, cache or volume.
    for text in places {
        let base = found_in(&pool, true, text);
        assert!(base.is_empty(), "{text} is in {base:?}");
    }
    let looks = caching(&["ls -A /cache", "test -z \"$(ls -A /cache)\""]);
    worker.bench.commit(&[("Dockerfile", STRANGERS)]).await;
    let (end, began, sink) = worker.run(Who::Stranger, 3, vec![looks, building()]).await;
    succeeded(&end, &sink);
    assert_eq!(began.root, "base", "a stranger begins from what holds nothing private");
    assert!(
        !sink.log("build").contains("CACHED"),
        "a layer of others: {}",
        sink.all()
    );
    let mut wanted = worker.assignment(Who::Stranger, 4, vec![integration(vec![], pulls)]);
    wanted.registries = vec![RegistryAccess {
        username: None,
        password: None,
        ..access.clone()
    }];
    let (end, _, sink) = worker.run_assignment(wanted).await;
    let PartEnd::Failed(failure) = end else {
        panic!("a stranger had the private image: {}", sink.all())
    };
    assert!(failure.message.contains("wants a credential"), "{}", failure.message);
    worker.executor.shutdown().await;
}

/// A layer made of what lies in a cache mount: where something else lies there, the same words make another layer.
const KEPT: &str = "FROM busybox:test
RUN --mount=type=cache,target=/c test -s /c/seed || echo good > /c/seed
RUN --mount=type=cache,target=/c cp /c/seed /made
";
const SOWS: &str = "FROM busybox:test\nRUN --mount=type=cache,target=/c echo stranger-mount > /c/seed\n";
const LOOKS: &str = "FROM busybox:test
RUN --mount=type=cache,target=/c test \"$(cat /c/seed)\" = good && test \"$(ls /c)\" = seed
";

fn image(name: &str, dockerfile: &str) -> ImageBuild {
    ImageBuild {
        name: name.to_owned(),
        dockerfile: dockerfile.to_owned(),
        ..build()
    }
}

/// A job in the image that the Dockerfile made.
fn in_built_image(commands: &[&str]) -> Stage {
    let mut job = job(commands);
    job.container.image = "BUILT_IMAGE.default".to_owned();
    post_build(job)
}

/// Another image under the base's tag, one more layer under that tag, and a volume.
async fn attack(socket: PathBuf) {
    let context = tempfile::tempdir().expect("a folder");
    let dockerfile = "FROM busybox:test\nRUN echo stranger-layer >> /stranger-layer\n";
    fs::write(context.path().join("Dockerfile"), dockerfile).expect("a file");
    let context = context.path().display().to_string();
    docker(&socket, &["build", "-t", "stranger:1", &context]).await;
    docker(&socket, &["tag", "stranger:1", "busybox:test"]).await;
    docker(&socket, &["build", "-t", "busybox:test", &context]).await;
    let write = [
        "run",
        "--rm",
        "-v",
        "stranger-volume:/v",
        "busybox:test",
        "sh",
        "-c",
        "echo stranger-volume > /v/stranger-volume; cat /stranger-layer",
    ];
    assert_eq!(docker(&socket, &write).await, "stranger-layer\nstranger-layer");
    assert_eq!(docker(&socket, &["volume", "ls", "-q"]).await, "stranger-volume");
}

/// What the protected branch finds at its engine afterwards.
async fn nothing_is_a_strangers(socket: PathBuf) {
    assert_eq!(docker(&socket, &["volume", "ls", "-q"]).await, "");
    let images = docker(&socket, &["images", "--format", "{{.Repository}}:{{.Tag}}"]).await;
    assert!(!images.contains("stranger"), "{images}");
    let top = docker(&socket, &["run", "--rm", "busybox:test", "ls", "/"]).await;
    assert!(!top.contains("stranger"), "{top}");
}

#[tokio::test]
async fn sec_60_a_stranger_that_attacks_all_it_reaches_changes_nothing_for_a_protected_branch() {
    let worker = Worker::start(None).await;
    worker.bench.commit(&[("Dockerfile", KEPT), ("go.sum", "one")]).await;
    let good = || {
        vec![
            building(),
            caching(&["echo good > /cache/log"]),
            in_built_image(&["cat /made"]),
        ]
    };
    let (end, _, sink) = worker.run(Who::Main, 1, good()).await;
    succeeded(&end, &sink);
    let (end, _, sink) = worker.run(Who::Main, 2, good()).await;
    succeeded(&end, &sink);
    let cached_steps = sink.log("build").matches("CACHED").count();
    assert!(cached_steps >= 2, "{}", sink.all());
    let before = worker.generations();

    // Steps of the protected branch's very words, which make something else; then all that a job with an engine can do.
    worker.bench.commit(&[("Sows", SOWS)]).await;
    let images = vec![image("sows", "Sows"), build()];
    let writes = "echo stranger-cache > /cache/log; touch /cache/stranger-cache";
    let stages = vec![
        stage("build", Work::Build { images }),
        integration(vec![], speaking(cached(&[writes, WAITS]))),
        in_built_image(&["cat /made"]),
    ];
    let wanted = worker.assignment(Who::Stranger, 3, stages);
    let (began, sink) = run_speaking(&worker, wanted, attack).await;
    assert_eq!(began.root, "base");
    assert!(sink.log("post_build").contains("stranger-mount"), "{}", sink.all());
    assert_eq!(worker.generations(), before, "a stranger renews nothing");

    fs::remove_file(worker.bench.repository.tree().join("Sows")).expect("it is there");
    worker.bench.commit(&[("Looks", LOOKS)]).await;
    let reads = [
        "test \"$(cat /cache/log)\" = good",
        "test \"$(ls /cache)\" = log",
        WAITS,
    ];
    let stages = vec![
        building(),
        stage(
            "looks",
            Work::Build {
                images: vec![image("looks", "Looks")],
            },
        ),
        integration(vec![], speaking(cached(&reads))),
        in_built_image(&["test \"$(cat /made)\" = good"]),
    ];
    let wanted = worker.assignment(Who::Main, 4, stages);
    let (began, sink) = run_speaking(&worker, wanted, nothing_is_a_strangers).await;
    assert_eq!((began.root.as_str(), began.generation), (MAIN, 2));
    let still = sink.log("build").matches("CACHED").count();
    assert_eq!(still, cached_steps, "the branch's own steps are there: {}", sink.all());
    assert!(!worker.kept().contains("\"order\":3,"), "{}", worker.kept());
    let pool = worker.bench.folder.path().join("worker/cells/pool");
    for is_base in [true, false] {
        let found = found_in(&pool, is_base, "stranger-");
        assert!(found.is_empty(), "{found:?}");
    }
    worker.executor.shutdown().await;
}
