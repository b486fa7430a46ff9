//! What people get wrong, and what Circle says to it: one run each, ended as failed, with a sentence that names the cause.

use anyhow::Result;
use circle_test::{Circle, Options};

/// A pipeline that only runs commands in the small image.
fn commands(lines: &[&str]) -> String {
    let list: String = lines.iter().map(|line| format!("    - {line}\n")).collect();
    format!("version: 1\nintegration:\n  image: circle/busybox:1\n  commands:\n{list}")
}

#[tokio::test]
async fn mistakes_in_the_repository_become_readable_failures() -> Result<()> {
    let circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;

    shop.write("README", "nothing to run\n")?;
    let run = shop.push("main").await?;
    let said = run.fails("no_pipeline").await?;
    assert!(said.contains("caicloud.yml") && said.contains("Dockerfile"), "{said}");

    shop.write(
        "caicloud.yml",
        "version: 1\nintegration:\n  imgae: circle/busybox:1\n  commands: [true]\n",
    )?;
    let run = shop.push("main").await?;
    let said = run.fails("bad_pipeline").await?;
    assert!(said.contains("imgae") && said.contains("image"), "{said}");

    shop.write(
        "caicloud.yml",
        "version: 1\nintegration:\n  image: circle/nowhere:9\n  commands: [\"true\"]\n",
    )?;
    let run = shop.push("main").await?;
    let said = run.fails("image_unavailable").await?;
    assert!(said.contains("circle/nowhere:9"), "{said}");

    shop.write(
        "caicloud.yml",
        commands(&["echo one", "echo two; exit 7", "echo three"]),
    )?;
    let run = shop.push("main").await?;
    let said = run.fails("command").await?;
    assert!(said.contains("exited with code 7"), "{said}");
    let log = run.log("integration").await?;
    assert!(log.contains("two") && !log.contains("three"), "{log}");

    let with_output = "version: 1\npre_build:\n  image: circle/busybox:1\n  commands: [\"true\"]\n  outputs: [missing.bin]\n\
                       build: {}\n";
    shop.write("caicloud.yml", with_output)?;
    shop.write("Dockerfile", "FROM circle/busybox:1\n")?;
    let run = shop.push("main").await?;
    let said = run.fails("output").await?;
    assert!(said.contains("missing.bin"), "{said}");

    shop.write("caicloud.yml", "version: 1\nbuild: {}\n")?;
    shop.write("Dockerfile", "FROM circle/busybox:1\nRUN true\nCOPPY a b\n")?;
    let run = shop.push("main").await?;
    let said = run.fails("build").await?;
    assert!(
        said.contains("Dockerfile:3") && said.contains("COPPY"),
        "the line and the word: {said}"
    );
    circle.stop().await
}

#[tokio::test]
async fn a_sidecar_that_never_gets_ready_is_named() -> Result<()> {
    let circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    let pipeline = "version: 1\nintegration:\n  image: circle/busybox:1\n  services:\n    db:\n      image: circle/busybox:1\n      \
                    command: [sh, -c, 'echo still thinking; sleep 600']\n      ready: {tcp: 5432, timeout: 2s}\n  \
                    commands: [\"true\"]\n";
    shop.write("caicloud.yml", pipeline)?;
    let run = shop.push("main").await?;
    let said = run.fails("sidecar").await?;
    assert!(said.contains("db") && said.contains("5432"), "{said}");

    let dies = pipeline.replace("echo still thinking; sleep 600", "echo out of space; exit 3");
    shop.write("caicloud.yml", dies)?;
    let run = shop.push("main").await?;
    let said = run.fails("sidecar").await?;
    assert!(said.contains("db") && said.contains("exited 3"), "{said}");
    let log = run.log("integration").await?;
    assert!(log.contains("out of space"), "the sidecar's own words: {log}");
    circle.stop().await
}

#[tokio::test]
async fn refs_and_commits_that_are_not_there_say_so() -> Result<()> {
    let circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", commands(&["echo here"]))?;
    shop.push("main").await?.succeeds().await?;

    let run = shop.trigger_branch("nowhere").await?;
    let said = run.fails("commit_not_found").await?;
    assert!(said.contains("nowhere"), "{said}");

    let gone = "0123456789abcdef0123456789abcdef01234567";
    let run = shop.trigger_commit("main", gone).await?;
    let said = run.fails("commit_not_found").await?;
    assert!(said.contains(&gone[..12]), "{said}");
    circle.stop().await
}

#[tokio::test]
async fn floods_binary_and_endless_lines_arrive_whole() -> Result<()> {
    let circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    let flood = [
        "seq 1 1000000",
        "head -c 52428800 /dev/zero | tr '\\0' x; echo",
        "printf '\\000\\377\\033[31m\\r\\n'",
        "echo the end",
    ];
    let quoted: Vec<String> = flood.iter().map(|line| format!("{line:?}")).collect();
    let quoted: Vec<&str> = quoted.iter().map(String::as_str).collect();
    shop.write("caicloud.yml", commands(&quoted))?;
    let run = shop.push("main").await?;
    run.succeeds().await?;
    let log = run.log_bytes("integration").await?;
    let mut expected: Vec<u8> = (1..=1_000_000)
        .flat_map(|n: u32| format!("{n}\n").into_bytes())
        .collect();
    expected.extend(std::iter::repeat_n(b'x', 52_428_800));
    expected.extend_from_slice(b"\n\x00\xff\x1b[31m\r\nthe end\n");
    assert_eq!(log.len(), expected.len());
    assert!(log == expected, "every byte, in order");
    circle.stop().await
}

#[tokio::test]
async fn two_pushes_at_once_are_two_runs_with_two_numbers() -> Result<()> {
    let circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", commands(&["echo $CIRCLE_BRANCH"]))?;
    shop.repository().commit("Begin").await?;
    let (one, two) = tokio::try_join!(shop.push_ref("one"), shop.push_ref("two"))?;
    one.succeeds().await?;
    two.succeeds().await?;
    let mut numbers = [one.number().await?, two.number().await?];
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);
    assert_eq!(one.log("integration").await?.trim(), "one");
    assert_eq!(two.log("integration").await?.trim(), "two");
    circle.stop().await
}
