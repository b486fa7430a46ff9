//! What a run sees of the world: its own secrets, masked; nothing of the run before it.

use anyhow::Result;
use circle_test::{Circle, Options};

#[tokio::test]
async fn sec_16_a_secret_reaches_the_command_and_never_the_log() -> Result<()> {
    let circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    circle.set_secret("CDN_TOKEN", "correct-horse-battery").await?;
    let pipeline = "version: 1\npost_build:\n  image: circle/busybox:1\n  secrets: [CDN_TOKEN]\n  commands:\n    \
                    - printf 'correct-'; sleep 1; printf 'horse-battery\\n'\n    \
                    - echo \"$CDN_TOKEN\" | base64\n    - test \"${#CDN_TOKEN}\" = 21\n    - echo \"$CDN_TOKEN\" >&2; exit 3\n";
    shop.write("caicloud.yml", pipeline)?;
    let run = shop.push("main").await?;
    let said = run.fails("command").await?;
    let log = run.log("post_build").await?;
    for spelling in ["correct-horse-battery", "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5"] {
        assert!(!log.contains(spelling) && !said.contains(spelling), "{said}\n{log}");
    }
    assert!(said.contains('3'), "it came as far as the last command: {said}\n{log}");
    circle.stop().await
}

#[tokio::test]
async fn sec_31_the_next_run_sees_nothing_of_the_last() -> Result<()> {
    let circle = Circle::start(Options {
        cells: 1,
        ..Options::default()
    })
    .await?;
    let shop = circle.service("shop").await?;
    let leaves = "version: 1\nintegration:\n  image: circle/busybox:1\n  commands: [\"touch /workspace/left /tmp/left\", \
                  \"(sleep 1000 &) ; true\"]\nbuild: {}\n";
    shop.write("caicloud.yml", leaves)?;
    shop.write("Dockerfile", "FROM circle/busybox:1\nRUN touch /left\n")?;
    shop.push("main").await?.succeeds().await?;

    let looks = "version: 1\nintegration:\n  image: circle/busybox:1\n  commands:\n    - test ! -e /workspace/left\n    \
                 - test ! -e /tmp/left\n    - test -z \"$(ps | grep 'sleep 1000' | grep -v grep)\"\n    - ls /sys/class/net\n";
    shop.write("caicloud.yml", looks)?;
    shop.push("main").await?.succeeds().await?;
    circle.stop().await
}
