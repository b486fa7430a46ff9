//! A run that is started on the page with inputs, in a real browser, beside a real Circle whose job sees them.

use anyhow::Result;
use circle_api::resources::{TokenCreate, TokenScope};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_test::{Circle, Options};

const PIPELINE: &str = "version: 1\n\
    inputs:\n  \
      version: {pattern: \"[0-9.]+\", required: true, description: What to release}\n  \
      copies: {type: number, min: 1, max: 9, default: 2}\n  \
      place: {type: choice, options: [qa, live], default: qa}\n  \
      dry_run: {type: boolean, default: false}\n\
    triggers: [{event: manual, stages: all}, {event: schedule, cron: \"0 4 1 1 *\", stages: all}]\n\
    integration:\n  image: circle/busybox:1\n  commands:\n    \
      - 'echo \"version=$CIRCLE_INPUT_VERSION copies=$CIRCLE_INPUT_COPIES place=$CIRCLE_INPUT_PLACE dry=$CIRCLE_INPUT_DRY_RUN tone=$CIRCLE_INPUT_TONE\"'\n";

#[tokio::test]
async fn a_developer_fills_in_what_a_run_is_told_and_looks_after_schedules() -> Result<()> {
    let circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    let repository = shop.repository();
    shop.write("caicloud.yml", "version: 1\ntriggers: [{event: manual}]\nbuild: {}\n")?;
    repository.commit("Begin").await?;
    repository.push("refs/tags/bare").await?;
    shop.write("caicloud.yml", PIPELINE)?;
    repository.commit("Ask for what is released").await?;
    repository.push("refs/heads/main").await?;
    for line in [
        "service inputs set shop copies --type number --default 4",
        "service inputs set shop tone --type choice --option loud --option low --default low",
        "service set shop --poll 1m",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        circle.says(&words).await?.is(0, &[])?;
    }
    let wish = TokenCreate {
        name: "vera".into(),
        valid_s: None,
        scope: Some(TokenScope::Read),
        workspace: Some(DEFAULT_WORKSPACE.into()),
    };
    let viewer = circle.client().create_token(&wish).await?.value;
    let variables = [
        ("CIRCLE_URL", circle.url()),
        ("CIRCLE_TOKEN", circle.token()?),
        ("VIEWER_TOKEN", viewer.expose().to_owned()),
    ];
    circle_lab::play("inputs", &variables).await?;
    circle.stop().await
}
