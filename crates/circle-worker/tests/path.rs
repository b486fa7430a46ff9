//! The whole way of a run through a real cell.

mod support;

use circle_core::plan::{Ready, Work};
use circle_core::run::WorkerEvent;
use support::{
    Bench, assignment, build, checkout, container, integration, job, output, post_build, pre_build, push, sidecar,
    stage,
};

const DOCKERFILE: &str =
    "FROM busybox:test\nCOPY bin/shop /shop\nRUN cat /shop > /built && echo built it\nCMD [\"cat\", \"/built\"]\n";

#[tokio::test]
async fn a_commit_becomes_a_pushed_image() {
    let bench = Bench::with_registry(None).await;
    let commit = bench.commit(&[("Dockerfile", DOCKERFILE), ("word", "hello\n")]).await;
    let registry = bench.registry.as_ref().expect("a registry").address();
    let service = sidecar(
        "web",
        "mkdir /www && echo served > /www/index.html && httpd -f -p 8080 -h /www",
        Ready::Tcp(8080),
    );
    let mut last = job(&["cat /built", "echo $CIRCLE_IMAGE_DIGEST"]);
    last.container = container("BUILT_IMAGE");
    let stages = vec![
        checkout(),
        integration(vec![service], job(&["wget -q -O- http://web:8080/", "test -f word"])),
        pre_build(
            job(&["mkdir -p bin", "cat word > bin/shop", "chmod 750 bin/shop"]),
            vec![output("/workspace/bin/shop", "bin/shop")],
        ),
        stage("build", Work::Build { images: vec![build()] }),
        push(&["${CIRCLE_VERSION}", "latest"]),
        post_build(last),
    ];
    let mut assignment = assignment(bench.repository.url(), stages);
    assignment.image_home = Some(format!("{registry}/shop"));
    assignment.push_confinement = vec![format!("{registry}/shop")];
    let ran = bench.run_assignment(assignment).await;
    ran.succeeded();
    let sink = &ran.sink;
    assert!(sink.log("checkout").contains("Make it so"), "{}", sink.all());
    assert!(sink.log("integration").contains("served\n"), "{}", sink.all());
    assert!(sink.log("build").contains("built it"), "{}", sink.all());
    assert!(sink.log("post_build").starts_with("hello\nsha256:"), "{}", sink.all());
    let groups = sink.groups("integration");
    assert!(
        groups.contains(&("wget -q -O- http://web:8080/".into(), Some(0))),
        "{groups:?}"
    );
    let events = sink.events.lock().expect("events");
    let pushed = events.iter().find_map(|event| match event {
        WorkerEvent::ImagePushed { repository, tags, .. } => Some((repository.clone(), tags.clone())),
        _ => None,
    });
    assert_eq!(
        pushed,
        Some((
            format!("{registry}/shop"),
            vec![commit[..12].to_owned(), "latest".to_owned()]
        ))
    );
    for event in events.iter() {
        if let WorkerEvent::StageSucceeded { stage, phases, .. } = event {
            println!("{stage}: {phases:?}");
        }
    }
}

#[tokio::test]
async fn checkout_build_and_push_without_any_job() {
    let bench = Bench::with_registry(None).await;
    bench
        .commit(&[
            ("Dockerfile", "FROM busybox:test\nCOPY word /word\nRUN cat /word\n"),
            ("word", "hello\n"),
        ])
        .await;
    let registry = bench.registry.as_ref().expect("a registry").address();
    let stages = vec![
        checkout(),
        stage("build", Work::Build { images: vec![build()] }),
        push(&["latest"]),
    ];
    let mut assignment = assignment(bench.repository.url(), stages);
    assignment.image_home = Some(format!("{registry}/shop"));
    assignment.push_confinement = vec![format!("{registry}/shop")];
    let ran = bench.run_assignment(assignment).await;
    ran.succeeded();
    println!("{}", ran.sink.all());
}
