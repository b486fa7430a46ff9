//! Runs that the clock starts. The clock is played: a schedule's next due time is written into the past while the server is down.

use circle_api::client::ApiError;
use circle_api::resources::starting::{ScheduleChange, ScheduleCreate, ScheduleSource, ScheduleView};
use circle_api::resources::{DeliveryState, DeliveryView, HookCreated, RunState, RunSummary};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_core::ids::ScheduleId;
use circle_store::records::Kind;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::support::{Circle, Hook, PIPELINE, Repo, slug, until};

const WITH_RULE: &str = "triggers:
  - {event: push}
  - {event: schedule, cron: \"0 3 * * *\", zone: Asia/Shanghai, stages: [pre_build]}
pre_build: {image: busybox, commands: [make], outputs: [out]}
build: {}
";

fn wish(name: &str, cron: &str) -> ScheduleCreate {
    ScheduleCreate {
        name: slug(name),
        cron: cron.to_owned(),
        zone: None,
        branch: None,
        inputs: Default::default(),
    }
}

async fn schedules(circle: &Circle) -> Vec<ScheduleView> {
    circle
        .api
        .schedules(DEFAULT_WORKSPACE, "shop")
        .await
        .expect("schedules")
}

/// What schedules made, newest first.
async fn due(circle: &Circle) -> Vec<DeliveryView> {
    let page = circle
        .api
        .deliveries(DEFAULT_WORKSPACE, &Default::default())
        .await
        .expect("deliveries");
    page.items
        .into_iter()
        .filter(|delivery| delivery.source == "schedule")
        .collect()
}

/// The same server after a time in which it was down and the schedule became due.
async fn asleep(circle: Circle, id: ScheduleId, due: Timestamp) -> Circle {
    let into_the_past = |body: &mut serde_json::Value| {
        body["schedule"]["next_at"] = json!(due);
        body["due"] = json!(due.as_millisecond());
    };
    circle.changed(Kind::Schedule, &id.to_string(), into_the_past).await
}

fn days_ago(days: i64) -> Timestamp {
    let moment = Timestamp::now() - SignedDuration::from_hours(24 * days);
    Timestamp::from_second(moment.as_second()).expect("a moment")
}

#[tokio::test(flavor = "multi_thread")]
async fn three_days_of_sleep_are_one_run_and_a_lost_note_is_none_more() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let made = circle
        .api
        .create_schedule(DEFAULT_WORKSPACE, "shop", &wish("nightly", "0 3 * * *"))
        .await;
    let made = made.expect("a schedule");
    assert_eq!(
        (made.next.len(), made.from, made.last),
        (3, ScheduleSource::Service, None)
    );
    assert!(
        made.next[0] > Timestamp::now() && made.next[1].duration_since(made.next[0]) == SignedDuration::from_hours(24)
    );
    let missed = days_ago(3);
    let circle = asleep(circle, made.id, missed).await;
    let run = until("the run", || circle.runs(), |runs| !runs.is_empty())
        .await
        .remove(0);
    assert_eq!(
        (run.event.as_str(), run.actor.as_str()),
        ("schedule", "schedule nightly")
    );
    assert_eq!(run.git_ref, "refs/heads/main");
    let told = until("the note", || schedules(&circle), |all| all[0].last.is_some()).await;
    assert_eq!((told[0].last.expect("noted").due, told[0].next.len()), (missed, 3));
    assert!(told[0].next[0] > Timestamp::now(), "what passed is past: {told:?}");
    // As if the server had died between the delivery and the note in the schedule.
    let unnoted = |body: &mut serde_json::Value| {
        body["schedule"]["last"] = json!(null);
    };
    let circle = circle.changed(Kind::Schedule, &made.id.to_string(), unnoted).await;
    let circle = asleep(circle, made.id, missed).await;
    until(
        "the note again",
        || schedules(&circle),
        |all| all[0].next[0] > Timestamp::now(),
    )
    .await;
    assert_eq!(due(&circle).await.len(), 1, "the due time has one delivery");
    let circle = circle.restart().await;
    assert_eq!((due(&circle).await.len(), circle.runs().await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_one_schedule_do_not_pile_up() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let made = circle
        .api
        .create_schedule(DEFAULT_WORKSPACE, "shop", &wish("often", "* * * * *"))
        .await;
    let id = made.expect("a schedule").id;
    let circle = asleep(circle, id, days_ago(2)).await;
    // Nobody takes it: it waits in the queue.
    until(
        "the run",
        || circle.runs(),
        |runs| runs.iter().any(|run| run.state == RunState::Queued),
    )
    .await;
    let circle = asleep(circle, id, days_ago(1)).await;
    let told = until("the note", || schedules(&circle), |all| all[0].left_out.is_some()).await;
    let left_out = told[0].left_out.as_ref().expect("left out");
    assert!(
        left_out.why.starts_with("run 1 of ") && left_out.why.ends_with("has not ended"),
        "{left_out:?}"
    );
    assert_eq!(circle.runs().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_the_default_branch_says_what_runs_when() {
    let (circle, repo) = (Circle::start().await, Repo::empty().await);
    let created = circle.service("shop", repo.url()).await;
    let first_address = circle.url.clone();
    let other = repo.push_file("caicloud.yml", WITH_RULE, "side").await;
    Hook::push("refs/heads/side", &other)
        .settled(&circle, &created.hook)
        .await;
    assert!(
        schedules(&circle).await.is_empty(),
        "another branch starts nothing by the clock"
    );
    let first = repo.push_file("caicloud.yml", WITH_RULE, "main").await;
    Hook::push("refs/heads/main", &first)
        .settled(&circle, &created.hook)
        .await;
    let told = schedules(&circle).await.remove(0);
    assert_eq!(
        (told.name.as_str(), told.from),
        ("0 3 * * * Asia/Shanghai", ScheduleSource::File)
    );
    let hour = told.next[0].to_string();
    assert!(hour.ends_with("T19:00:00Z"), "{hour}");
    let removed = circle
        .api
        .remove_schedule(DEFAULT_WORKSPACE, "shop", &told.id.to_string())
        .await;
    assert_eq!(removed.expect_err("it is the file's").status(), Some(409));
    let circle = asleep(circle, told.id, days_ago(1)).await;
    let by_clock = |runs: &Vec<RunSummary>| runs.iter().any(|run| run.event == "schedule");
    let run = until("the run", || circle.runs(), by_clock).await.remove(0);
    let stages: Vec<_> = circle
        .run(run.id)
        .await
        .stages
        .into_iter()
        .map(|stage| stage.name)
        .collect();
    assert_eq!(stages, ["checkout", "pre_build"], "the rule's stages");
    circle.api.cancel(run.id, &Default::default()).await.expect("cancelled");
    // The rule goes, and nobody hears of the push: the schedule itself finds out.
    repo.push_file("caicloud.yml", PIPELINE, "main").await;
    let circle = asleep(circle, told.id, days_ago(1) + SignedDuration::from_hours(1)).await;
    until("the schedule is gone", || schedules(&circle), Vec::is_empty).await;
    let last = until(
        "what became of it",
        || due(&circle),
        |due| due[0].state != DeliveryState::Waiting,
    )
    .await;
    assert!(
        matches!(&last[0].state, DeliveryState::Ignored { why } if why.contains("0 3 * * *")),
        "{:?}",
        last[0]
    );
    // An old push that is handled again brings nothing back. The server stands at another address now.
    let hook = HookCreated {
        url: created.hook.url.replace(&first_address, &circle.url),
        ..created.hook
    };
    Hook::push("refs/heads/main", &first)
        .named("again")
        .settled(&circle, &hook)
        .await;
    assert!(schedules(&circle).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_are_paused_resumed_and_removed() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let place = (DEFAULT_WORKSPACE, "shop", "nightly");
    let made = circle
        .api
        .create_schedule(DEFAULT_WORKSPACE, "shop", &wish("nightly", "0 3 * * *"))
        .await;
    let id = made.expect("a schedule").id;
    let pause = async |circle: &Circle, paused| circle.api.change_schedule(place, ScheduleChange { paused }).await;
    let paused = pause(&circle, true).await.expect("paused");
    assert!(paused.paused_by.is_some() && paused.next.is_empty(), "{paused:?}");
    let circle = circle.restart().await;
    let resumed = pause(&circle, false).await.expect("resumed");
    assert!(
        resumed.paused_by.is_none() && resumed.next[0] > Timestamp::now(),
        "{resumed:?}"
    );
    let again = circle
        .api
        .create_schedule(DEFAULT_WORKSPACE, "shop", &wish("nightly", "0 4 * * *"))
        .await;
    assert_eq!(again.expect_err("the name is taken").status(), Some(409));
    circle
        .api
        .remove_schedule(DEFAULT_WORKSPACE, "shop", &id.to_string())
        .await
        .expect("removed");
    assert!(schedules(&circle).await.is_empty() && due(&circle).await.is_empty());
    circle
        .api
        .create_schedule(DEFAULT_WORKSPACE, "shop", &wish("late", "0 5 * * *"))
        .await
        .expect("a schedule");
    circle
        .api
        .remove_service(DEFAULT_WORKSPACE, "shop")
        .await
        .expect("removed with its schedules");
    let created = circle.service("shop", repo.url()).await;
    assert!(schedules(&circle).await.is_empty(), "{:?}", created.service);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_followed_is_refused_with_its_place() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    for (cron, zone, field, told) in [
        ("0 25 * * *", "UTC", "cron", "(at character 3)"),
        ("0 3 * *", "UTC", "cron", "five fields"),
        ("0 0 30 2 *", "UTC", "cron", "no such day ever comes"),
        ("0 3 * * *", "Mars/Olympus", "zone", "Asia/Shanghai"),
    ] {
        let wish = ScheduleCreate {
            zone: Some(zone.to_owned()),
            ..wish("nightly", cron)
        };
        let refused = circle.api.create_schedule(DEFAULT_WORKSPACE, "shop", &wish).await;
        let ApiError::Problem(problem) = refused.expect_err(cron) else {
            panic!("{cron}")
        };
        let fault = &problem.errors[0];
        assert_eq!(
            (problem.status, fault.field.as_deref()),
            (422, Some(field)),
            "{problem:?}"
        );
        assert!(fault.message.contains(told), "{fault:?}");
    }
    for number in 0..20 {
        let wish = wish(&format!("s{number}"), "0 3 * * *");
        circle
            .api
            .create_schedule(DEFAULT_WORKSPACE, "shop", &wish)
            .await
            .expect("one of twenty");
    }
    let more = circle
        .api
        .create_schedule(DEFAULT_WORKSPACE, "shop", &wish("more", "0 3 * * *"))
        .await;
    assert_eq!(more.expect_err("a bound").status(), Some(409));
}
