//! What runs are told by people and by the clock, and that their commands really see it, in a cell.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use circle_api::resources::RunSummary;
use circle_test::{Circle, Options, Said, StoryService, until};

/// From a schedule to its run: a pattern has minutes.
const DUE_LIMIT: Duration = Duration::from_secs(100);

const INPUTS: &str = "version: 1\n\
    inputs:\n  \
      version: {pattern: \"[0-9.]+\", required: true, description: What to release}\n  \
      copies: {type: number, min: 1, max: 9, default: 2}\n  \
      place: {type: choice, options: [qa, live], default: qa}\n\
    integration:\n  image: circle/busybox:1\n  environment: {WHERE: \"to-${CIRCLE_INPUT_PLACE}\"}\n  commands:\n    \
      - 'echo \"version=$CIRCLE_INPUT_VERSION copies=$CIRCLE_INPUT_COPIES where=$WHERE tone=$CIRCLE_INPUT_TONE event=$CIRCLE_EVENT\"'\n";

/// A service with these triggers, whose first push nobody waits for.
async fn shop(circle: &Circle, triggers: &str) -> Result<StoryService> {
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", format!("{INPUTS}triggers: [{triggers}]\n"))?;
    shop.repository().commit("Begin").await?;
    shop.repository().push("refs/heads/main").await?;
    Ok(shop)
}

async fn circle(circle: &Circle, line: &str) -> Result<Said> {
    circle.says(&line.split(' ').collect::<Vec<_>>()).await
}

/// The line that the job printed in a run that went well.
async fn printed(server: &Circle, run: &str) -> Result<String> {
    circle(server, &format!("show {run} --watch"))
        .await?
        .is(0, &["succeeded"])?;
    let log = circle(server, &format!("logs {run} --stage integration")).await?;
    let line = log.out.lines().find(|line| line.starts_with("version="));
    Ok(line.with_context(|| format!("the job's line: {log:?}"))?.to_owned())
}

#[tokio::test]
async fn what_is_told_by_hand_is_seen_by_the_command_and_a_wrong_value_starts_nothing() -> Result<()> {
    let server = Circle::start(Options::default()).await?;
    shop(&server, "{event: manual, stages: all}").await?;
    let listed = circle(&server, "trigger shop --inputs").await?;
    listed.is(0, &["version", "(must be given)", "qa, live", "the file"])?;

    let wrong = circle(&server, "trigger shop --set version=1.2;id --set place=moon").await?;
    wrong.is(
        2,
        &[
            "inputs.place: it takes one of: qa, live",
            "inputs.version: the whole of it must match [0-9.]+",
        ],
    )?;
    circle(&server, "trigger shop").await?.is(2, &["it must be given"])?;
    circle(&server, "runs").await?.is(0, &["no runs"])?;

    circle(&server, "trigger shop --set version=1.2 --set copies=3").await?;
    let line = printed(&server, "shop/1").await?;
    assert_eq!(line, "version=1.2 copies=3 where=to-qa tone= event=manual");
    circle(&server, "show shop/1").await?.is(0, &["input     copies = 3"])?;

    // What stands on the service: a default before the file's, and a name that the file does not know.
    circle(&server, "service inputs set shop copies --type number --default 4").await?;
    let tone = "service inputs set shop tone --type choice --option loud --option low --default low";
    circle(&server, tone).await?.is(0, &["loud, low", "the service"])?;
    circle(&server, "service inputs list shop")
        .await?
        .is(0, &["both", "the service", "the file"])?;
    circle(&server, "trigger shop --set version=1.3 --set tone=loud").await?;
    let line = printed(&server, "shop/2").await?;
    assert_eq!(line, "version=1.3 copies=4 where=to-qa tone=loud event=manual");

    // Both cannot be meant.
    circle(&server, "service inputs set shop place --type boolean").await?;
    let conflict = circle(&server, "trigger shop --set version=1.4").await?;
    conflict.is(2, &["inputs.place", "takes a choice", "remove it from the service"])?;
    circle(&server, "service inputs remove shop place").await?;
    circle(&server, "trigger shop --set version=1.4").await?.is(0, &[])?;
    printed(&server, "shop/3").await?;
    server.stop().await
}

#[tokio::test]
async fn the_clock_starts_runs_with_their_inputs_and_they_say_so() -> Result<()> {
    let server = Circle::start(Options::default()).await?;
    // What stands beside the file counts as a push.
    let rule = "{event: push, stages: all}, {event: schedule, cron: \"* * * * *\", stages: all}";
    let shop = shop(&server, rule).await?;
    let often = ["schedule", "add", "shop", "often", "--cron", "* * * * *"];
    let wrong = server.says(&[&often[..], &["--set", "place=moon"]].concat()).await?;
    wrong.is(2, &["inputs.place", "it takes one of: qa, live"])?;
    let given = ["--zone", "Asia/Shanghai", "--set", "version=3.1", "--set", "place=live"];
    let added = server.says(&[&often[..], &given[..]].concat()).await?;
    added.is(0, &["often runs next at"])?;

    let by = async |actor: &str| -> Result<RunSummary> {
        until(&format!("a run by {actor}"), DUE_LIMIT, || async {
            let runs = shop.runs().await.map_err(|error| format!("{error:#}"))?;
            let found = runs.iter().rev().find(|run| run.actor == actor).cloned();
            found.ok_or_else(|| format!("{} other runs", runs.len()))
        })
        .await
    };
    for (actor, line) in [
        (
            "schedule often",
            "version=3.1 copies=2 where=to-live tone= event=schedule",
        ),
        (
            "schedule * * * * * UTC",
            "version= copies=2 where=to-qa tone= event=schedule",
        ),
    ] {
        let run = by(actor).await?;
        ensure!(run.event == "schedule" && run.git_ref == "refs/heads/main", "{run:?}");
        let name = format!("shop/{}", run.number);
        assert_eq!(printed(&server, &name).await?, line);
        let shown = circle(&server, &format!("show {name}")).await?;
        shown.is(0, &[&format!("asked by  {actor} (schedule)")])?;
    }
    let listed = circle(&server, "schedule list shop").await?;
    listed.is(0, &["the file", "the service", "place=live version=3.1"])?;
    circle(&server, "schedule remove shop often").await?.is(0, &[])?;
    server.stop().await
}
