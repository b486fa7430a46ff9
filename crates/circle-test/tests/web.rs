//! The web page in a real browser, beside a real Circle.

use anyhow::{Context, Result};
use circle_api::resources::people::InvitationCreate;
use circle_api::routes::{DEFAULT_WORKSPACE, LINK_PAGE};
use circle_core::members::Role;
use circle_test::{Circle, Options};

fn pipeline(command: &str) -> String {
    let command = serde_json::Value::from(command);
    format!(
        "version: 1\ntriggers: [{{event: push, stages: all}}, {{event: manual, stages: all}}]\n\
         integration:\n  image: circle/busybox:1\n  commands: [{command}]\n"
    )
}

#[tokio::test]
async fn a_developer_watches_runs_in_a_browser() -> Result<()> {
    let circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    let first = pipeline("printf 'hello \\033[31m<script>window.stolen=1</script>\\n'; echo");
    let made = "pre_build: {image: 'circle/busybox:1', commands: [echo made > made], outputs: [made]}\n";
    shop.write("caicloud.yml", format!("{first}{made}"))?;
    shop.repository().commit("<b>Begin</b>").await?;
    let good = shop.push_ref("main").await?;
    good.succeeds().await?;
    shop.write("caicloud.yml", pipeline("seq 1 120000 | sed 's/^/line /'"))?;
    let long = shop.push("main").await?;
    long.succeeds().await?;
    shop.write("caicloud.yml", pipeline("echo about to fail; exit 3"))?;
    let bad = shop.push("main").await?;
    bad.fails("command").await?;
    // What the page starts by hand ticks until it is cancelled.
    shop.write(
        "caicloud.yml",
        pipeline("for i in $(seq 1 600); do echo tick $i; sleep 1; done"),
    )?;
    let ticking = shop.push("main").await?;
    ticking.reaches("integration").await?;
    ticking.cancel().await?;
    ticking.ends_as("cancelled").await?;

    let wish = InvitationCreate {
        role: Role::Developer,
        valid_s: None,
    };
    let invitation = circle.client().invite(DEFAULT_WORKSPACE, &wish).await?.link;
    let (_, behind) = invitation
        .expose()
        .split_once('#')
        .context("a link has something behind #")?;

    let variables = [
        ("CIRCLE_URL", circle.url()),
        ("CIRCLE_TOKEN", circle.token()?),
        ("INVITATION", format!("{}{LINK_PAGE}#{behind}", circle.url())),
        ("GOOD_RUN", good.id().to_string()),
        ("LONG_RUN", long.id().to_string()),
        ("BAD_RUN", bad.id().to_string()),
    ];
    circle_lab::play("runs", &variables).await?;
    circle.stop().await
}
