//! Pull requests of forges that cannot call: found, judged and run as if the forge had told of them, once, whatever stops in between.

use circle_api::resources::{DeliveryState, PollView, PullPollView, ServiceChange};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_core::forge::ForgeKind;
use circle_core::ids::RunId;
use circle_lab::Repository;
use circle_store::records::Kind;

use crate::forge_trust::{ALICE, FORK, MALLORY, PIPELINE, SHOP, Scene};
use crate::support::forge::{Pull, Repo, Told};
use crate::support::{Circle, until};

const KINDS: [ForgeKind; 3] = [ForgeKind::Gitea, ForgeKind::Github, ForgeKind::Gitlab];

pub(crate) async fn pulls_of(circle: &Circle, name: &str) -> PullPollView {
    let service = circle.api.service(DEFAULT_WORKSPACE, name).await.expect("the service");
    let poll = service.poll.expect("it is polled");
    poll.pulls.expect("a forge tells of pull requests")
}

async fn every(circle: &Circle, name: &str, seconds: u32) {
    let change = ServiceChange {
        poll_s: Some(seconds),
        ..ServiceChange::default()
    };
    let changed = circle.api.change_service(DEFAULT_WORKSPACE, name, &change).await;
    changed.expect("changed");
}

/// Begins to poll, and waits for the base line.
pub(crate) async fn poll(circle: &Circle, name: &str) {
    every(circle, name, 60).await;
    until(
        "the first look",
        || pulls_of(circle, name),
        |pulls| pulls.open.is_some(),
    )
    .await;
}

/// Looks now: another interval is one from now on. Waits until the look was answered, or was not, and what it told is understood.
pub(crate) async fn look(circle: &Circle, name: &str) -> PullPollView {
    let service = circle.api.service(DEFAULT_WORKSPACE, name).await.expect("the service");
    let interval = service.poll.expect("it is polled").every_s;
    let before = pulls_of(circle, name).await;
    every(circle, name, if interval == 60 { 61 } else { 60 }).await;
    let seen = |pulls: &PullPollView| pulls.looked_at > before.looked_at || pulls.failures > before.failures;
    let after = until("a look", || pulls_of(circle, name), seen).await;
    let waiting = || async {
        let all = states(circle).await;
        all.into_iter().filter(|state| *state == DeliveryState::Waiting).count()
    };
    until("deliveries to be understood", waiting, |count| *count == 0).await;
    after
}

async fn states(circle: &Circle) -> Vec<DeliveryState> {
    let page = circle.api.deliveries(DEFAULT_WORKSPACE, &Default::default()).await;
    let items = page.expect("deliveries").items;
    items.into_iter().map(|delivery| delivery.state).collect()
}

/// Why deliveries started nothing, sorted.
async fn ignored(circle: &Circle) -> Vec<String> {
    let whys = states(circle).await.into_iter().filter_map(|state| match state {
        DeliveryState::Ignored { why } => Some(why),
        _ => None,
    });
    let mut whys: Vec<_> = whys.collect();
    whys.sort();
    whys
}

/// The run of a pull request's commit, which is not yet among those that are known.
async fn new_run(circle: &Circle, commit: &str, known: &[RunId]) -> RunId {
    let runs = circle.runs().await;
    let is_it = |run: &&circle_api::resources::RunSummary| {
        run.commit.as_deref() == Some(commit) && run.event == "pull_request" && !known.contains(&run.id)
    };
    let found: Vec<_> = runs.iter().filter(is_it).collect();
    let [run] = found[..] else {
        panic!("one new run of {commit}: {runs:#?}")
    };
    run.id
}

async fn count(circle: &Circle) -> usize {
    circle.runs().await.len()
}

/// Changes what the forge knows of a pull request.
fn change(scene: &Scene, number: u64, change: impl FnOnce(&mut Pull)) {
    let mut facts = scene.forge.facts();
    change(facts.repos[0].pulls.get_mut(&number).expect("a pull request"));
}

fn told<'a>(scene: &'a Scene, action: &'static str, number: u64, head: &'a str) -> Told<'a> {
    Told {
        action,
        number,
        head,
        base: &scene.base,
        from: FORK,
        author: MALLORY,
        sender: MALLORY,
    }
}

/// A call of the forge, understood.
async fn call(scene: &Scene, action: &'static str, number: u64, head: &str) -> DeliveryState {
    let call = scene.forge.pull(SHOP, &told(scene, action, number, head));
    scene.forge.settled(&scene.circle, SHOP, &call).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_10_what_a_look_finds_is_judged_and_run_as_if_the_forge_had_told_of_it() {
    for kind in KINDS {
        let scene = Scene::new(kind).await;
        let circle = &scene.circle;
        let old = scene.propose(3, ("a", "1")).await;
        poll(circle, "shop").await;
        assert_eq!(pulls_of(circle, "shop").await.open, Some(1));
        assert_eq!(count(circle).await, 0, "what was there starts nothing");

        let first = scene.propose(4, ("b", "1")).await;
        let members = scene.propose(5, ("c", "1")).await;
        change(&scene, 5, |pull| (pull.from, pull.author) = (SHOP, ALICE));
        let lent = scene.propose(6, ("d", "1")).await;
        // Of the repository itself, by somebody who may not push there.
        change(&scene, 6, |pull| pull.from = SHOP);
        let seen = look(circle, "shop").await;
        assert_eq!((seen.open, seen.failures), (Some(4), 0));
        assert_eq!(count(circle).await, 3, "{kind:?}");
        let run = new_run(circle, &first, &[]).await;
        for (commit, stranger) in [(&first, true), (&members, false), (&lent, true)] {
            let run = new_run(circle, commit, &[]).await;
            assert_eq!(scene.is_stranger(run).await, stranger, "{kind:?}: {commit}");
        }
        assert_eq!(circle.run(run).await.run.actor, "polling");
        look(circle, "shop").await;
        assert_eq!(count(circle).await, 3, "{kind:?}: told once");

        // Approved, it is a member's; its next commit is a stranger's again, and takes the place of both.
        let approved = scene.approve(run, &first).await.expect("approved");
        assert!(!scene.is_stranger(approved).await);
        let second = scene.propose(4, ("b", "2")).await;
        look(circle, "shop").await;
        let next = new_run(circle, &second, &[]).await;
        assert!(scene.is_stranger(next).await);
        for older in [run, approved] {
            let view = circle.ended(older).await;
            assert_eq!(view.run.state.word(), "cancelled", "{kind:?}");
        }
        // The old one that was there has a commit now; labels and an end are told, and start nothing.
        let third = scene.propose(3, ("a", "2")).await;
        assert_ne!(old, third);
        change(&scene, 4, |pull| pull.labels = vec!["red".into()]);
        change(&scene, 5, |pull| pull.open = false);
        let seen = look(circle, "shop").await;
        assert_eq!(seen.open, Some(3));
        new_run(circle, &third, &[]).await;
        let whys = ["labels of pull request 4 start nothing", "pull request 5 was closed"];
        assert_eq!(ignored(circle).await, whys, "{kind:?}");
        // Opened again it is run again.
        change(&scene, 5, |pull| pull.open = true);
        let known = new_run(circle, &members, &[]).await;
        look(circle, "shop").await;
        new_run(circle, &members, &[known]).await;
        let same = scene.forge.facts().same;
        look(circle, "shop").await;
        let unread = scene.forge.facts().same - same;
        assert_eq!(
            unread > 0,
            kind == ForgeKind::Github,
            "it is not read again where the forge can say so"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_the_forge_tells_of_too_is_one_run() {
    for kind in KINDS {
        let scene = Scene::new(kind).await;
        let circle = &scene.circle;
        let (opened, closed) = if kind == ForgeKind::Gitlab {
            ("open", "close")
        } else {
            ("opened", "closed")
        };
        poll(circle, "shop").await;
        // The call first.
        let one = scene.propose(3, ("a", "1")).await;
        let told = call(&scene, opened, 3, &one).await;
        assert!(matches!(told, DeliveryState::Run { .. }), "{kind:?}: {told:?}");
        look(circle, "shop").await;
        assert_eq!(count(circle).await, 1, "{kind:?}");
        // The look first.
        let two = scene.propose(3, ("a", "2")).await;
        look(circle, "shop").await;
        assert_eq!(count(circle).await, 2, "{kind:?}");
        let told = call(&scene, opened, 3, &two).await;
        assert!(
            matches!(&told, DeliveryState::Ignored { why } if why.contains("polling")),
            "{kind:?}: {told:?}"
        );
        // What a call says is closed is told by no look; and a call of its opening starts a run as ever.
        change(&scene, 3, |pull| pull.open = false);
        call(&scene, closed, 3, &two).await;
        let known = states(circle).await.len();
        look(circle, "shop").await;
        assert_eq!(states(circle).await.len(), known, "{kind:?}");
        change(&scene, 3, |pull| pull.open = true);
        let mut again = scene.forge.pull(SHOP, &self::told(&scene, opened, 3, &two));
        // Another body is another delivery.
        again.body["again"] = true.into();
        let told = scene.forge.settled(circle, SHOP, &again).await;
        assert!(matches!(told, DeliveryState::Run { .. }), "{kind:?}: {told:?}");
        look(circle, "shop").await;
        assert_eq!(count(circle).await, 3, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_told_twice_when_the_server_dies_between_seeing_and_telling() {
    let mut scene = Scene::new(ForgeKind::Gitea).await;
    poll(&scene.circle, "shop").await;
    let first = scene.propose(3, ("a", "1")).await;
    let id = scene
        .circle
        .api
        .service(DEFAULT_WORKSPACE, "shop")
        .await
        .expect("it")
        .id
        .to_string();
    // It had taken the change, and delivered nothing of it.
    let pull = serde_json::json!({
        "number": 3, "head": first, "open": true, "base": scene.base, "into": "main", "from": FORK.to_string(),
        "author": {"id": "8", "login": "mallory"}, "labels": [],
    });
    let pending = serde_json::json!([{ "action": "opened", "pull": pull }]);
    let (circle, taken) = (scene.circle, pending.clone());
    scene.circle = circle
        .changed(Kind::PullPoll, &id, |poll| {
            assert_eq!(poll["pending"], serde_json::json!([]), "everything was delivered");
            poll["seen"]["text"] = format!("3 {first} - +\n").into();
            poll["round"] = (poll["round"].as_u64().expect("a number") + 1).into();
            poll["pending"] = taken;
        })
        .await;
    look(&scene.circle, "shop").await;
    let run = new_run(&scene.circle, &first, &[]).await;
    assert!(scene.is_stranger(run).await);
    // It had delivered everything, and not come to note it.
    let circle = scene.circle;
    scene.circle = circle
        .changed(Kind::PullPoll, &id, |poll| {
            assert_eq!(poll["pending"], serde_json::json!([]), "everything was delivered");
            poll["pending"] = pending;
        })
        .await;
    look(&scene.circle, "shop").await;
    assert_eq!(count(&scene.circle).await, 1);
    // It was down while the pull request went on.
    scene.circle.stop().await;
    let second = scene.propose(3, ("a", "2")).await;
    let circle = scene.circle;
    scene.circle = circle.restart().await;
    look(&scene.circle, "shop").await;
    new_run(&scene.circle, &second, &[]).await;
    assert_eq!(count(&scene.circle).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forge_that_is_down_loses_nothing_and_says_so() {
    let scene = Scene::new(ForgeKind::Gitlab).await;
    let circle = &scene.circle;
    poll(circle, "shop").await;
    let commit = scene.propose(3, ("a", "1")).await;
    scene.forge.facts().down = true;
    let down = look(circle, "shop").await;
    assert_eq!(down.failures, 1);
    let trouble = down.trouble.expect("a sentence");
    assert!(trouble.contains("the forge does not answer"), "{trouble}");
    scene.forge.facts().down = false;
    let up = look(circle, "shop").await;
    assert_eq!((up.failures, up.trouble), (0, None));
    new_run(circle, &commit, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_shifts_while_it_is_read_closes_nothing() {
    let scene = Scene::new(ForgeKind::Github).await;
    let circle = &scene.circle;
    let head = scene.propose(3, ("a", "1")).await;
    scene.propose(4, ("b", "1")).await;
    poll(circle, "shop").await;
    change(&scene, 3, |pull| pull.hidden = true);
    let seen = look(circle, "shop").await;
    assert_eq!(seen.open, Some(2), "it is open still");
    change(&scene, 3, |pull| pull.hidden = false);
    look(circle, "shop").await;
    assert_eq!((count(circle).await, ignored(circle).await.len()), (0, 0));
    // One that the forge does not know any more is forgotten without a word.
    scene.forge.facts().repos[0].pulls.remove(&4);
    assert_eq!(look(circle, "shop").await.open, Some(1));
    // And that nothing of this was missed: its next commit is run.
    let next = scene.propose(3, ("a", "2")).await;
    assert_ne!(next, head);
    look(circle, "shop").await;
    new_run(circle, &next, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forge_that_wants_to_be_left_alone_is_by_every_service_of_its_token() {
    let scene = Scene::new(ForgeKind::Github).await;
    let circle = &scene.circle;
    scene.forge.repository(SHOP + 1, "team/other", "build: {}\n").await;
    crate::forges::link(circle, "team/other").await;
    poll(circle, "shop").await;
    scene.forge.facts().busy_s = Some(3_000);
    let busy = look(circle, "shop").await;
    let trouble = busy.trouble.expect("a sentence");
    assert!(trouble.contains("no more requests for 3000 s"), "{trouble}");
    scene.forge.facts().busy_s = None;
    let asked = || {
        scene
            .forge
            .facts()
            .asked
            .iter()
            .filter(|path| path.ends_with("/pulls"))
            .count()
    };
    let before = asked();
    // The other service is due, its branches are looked at twice meanwhile, and the forge's API is not asked.
    for seconds in [60, 61] {
        let since = refs_looked_at(circle, "other").await;
        every(circle, "other", seconds).await;
        until("a look", || refs_looked_at(circle, "other"), |at| *at > since).await;
    }
    assert_eq!(asked(), before);
    assert_eq!(pulls_of(circle, "other").await.open, None);
}

async fn refs_looked_at(circle: &Circle, name: &str) -> Option<jiff::Timestamp> {
    let service = circle.api.service(DEFAULT_WORKSPACE, name).await.expect("the service");
    service.poll.and_then(|poll| poll.looked_at)
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_can_be_kept_is_refused_with_a_sentence_and_other_repositories_begin_anew() {
    let scene = Scene::new(ForgeKind::Gitea).await;
    let circle = &scene.circle;
    poll(circle, "shop").await;
    let many = |count: u64| {
        let pulls = (0..count).map(|number| (number + 10, Pull::of(&scene.base, FORK, MALLORY)));
        scene.forge.facts().repos[0].pulls = pulls.collect();
    };
    many(1_001);
    let refused = look(circle, "shop").await;
    assert!(
        refused
            .trouble
            .as_deref()
            .is_some_and(|why| why.contains("more than 1,000")),
        "{refused:?}"
    );
    assert_eq!(
        (refused.open, count(circle).await),
        (Some(0), 0),
        "nothing is told of a part"
    );
    many(0);
    assert_eq!(look(circle, "shop").await.trouble, None);
    // The same service of another repository: what is open there is a base line.
    let mut other = Repo::of(SHOP + 1, "team/other");
    other.pulls.insert(7, Pull::of(&scene.base, FORK, MALLORY));
    scene.forge.facts().repos.push(other);
    let id = circle
        .api
        .service(DEFAULT_WORKSPACE, "shop")
        .await
        .expect("it")
        .id
        .to_string();
    let Scene { circle, forge, .. } = scene;
    let circle = circle
        .changed(Kind::Service, &id, |service| {
            service["forge"]["repository"] = (SHOP + 1).to_string().into();
            service["forge"]["full_name"] = "team/other".into();
        })
        .await;
    until(
        "a base line",
        || pulls_of(&circle, "shop"),
        |pulls| pulls.open == Some(1),
    )
    .await;
    assert_eq!(count(&circle).await, 0);
    drop(forge);
    // A service without a forge has no pull requests to look at.
    let plain = serde_json::json!({ "name": "plain", "repository": "git://127.0.0.1:1/x.git", "poll_s": 60 });
    let plain = circle.service_as(serde_json::from_value(plain).expect("a wish")).await;
    let shown = circle.api.service(DEFAULT_WORKSPACE, plain.service.name.as_str()).await;
    assert_eq!(shown.expect("it").poll.expect("it is polled").pulls, None);
}

/// The repository is renamed, the forge tells nobody, and somebody else pushes to a new one of its old name. Gives the renamed one.
async fn renamed_and_taken(scene: &Scene) -> Repository {
    let renamed = scene.forge.repository(SHOP + 2, "team/store", PIPELINE).await;
    {
        let mut facts = scene.forge.facts();
        facts.repos.retain(|repo| repo.id != SHOP + 2);
        facts.repos[0].full_name = "team/store".into();
        facts.repos.push(Repo::of(SHOP + 3, "team/shop"));
    }
    scene.repo.commit("Steal it").await.expect("a commit");
    scene.repo.push("main").await.expect("pushed");
    renamed
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_08_a_run_by_hand_is_of_the_repository_and_of_nobody_who_took_its_old_name() {
    for kind in KINDS {
        let scene = Scene::new(kind).await;
        let circle = &scene.circle;
        let renamed = renamed_and_taken(&scene).await;
        let tip = renamed.git(&["rev-parse", "HEAD"]).await.expect("a commit");
        let run = circle.trigger("shop").await;
        let planned = || async { circle.run(run).await.run.commit };
        let commit = until("its commit", planned, Option::is_some).await;
        assert_eq!(commit.as_deref(), Some(tip.trim()), "{kind:?}");

        // Gone: it is tried again, and no run comes of it meanwhile.
        scene.forge.facts().repos.retain(|repo| repo.id != SHOP);
        let wish = serde_json::from_value(serde_json::json!({ "service": "shop" })).expect("a wish");
        let told = circle.api.trigger(DEFAULT_WORKSPACE, &wish).await.expect("taken");
        assert!(told.run.is_none(), "{kind:?}");
        let kept = circle.api.delivery(told.delivery).await.expect("the delivery");
        assert_eq!(kept.state, DeliveryState::Waiting, "{kind:?}");
        assert_eq!(count(circle).await, 1, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_08_who_took_the_old_name_of_a_polled_repository_is_not_followed() {
    for kind in KINDS {
        let scene = Scene::new(kind).await;
        let circle = &scene.circle;
        poll(circle, "shop").await;
        let refs = || async {
            let service = circle
                .api
                .service(DEFAULT_WORKSPACE, "shop")
                .await
                .expect("the service");
            (service.repository, service.poll.expect("it is polled"))
        };
        until("a base line of branches", refs, |(_, poll)| poll.refs.is_some()).await;

        // At the old name somebody else pushes.
        let renamed = renamed_and_taken(&scene).await;
        look(circle, "shop").await;
        let moved =
            |(repository, poll): &(String, PollView)| repository.ends_with("/team/store.git") && poll.refs.is_some();
        until("it is looked at where it is now", refs, moved).await;
        assert_eq!(count(circle).await, 0, "{kind:?}");

        // At its new place it goes on, after a base line.
        renamed.commit("Go on").await.expect("a commit");
        renamed.push("main").await.expect("pushed");
        let tip = renamed.git(&["rev-parse", "HEAD"]).await.expect("a commit");
        look(circle, "shop").await;
        let runs = || async { circle.runs().await };
        let runs = until("the run of its push", runs, |runs| !runs.is_empty()).await;
        assert_eq!(runs[0].commit.as_deref(), Some(tip.trim()), "{kind:?}");

        // Gone: nobody knows what to look at, whoever has the name.
        scene.forge.facts().repos.retain(|repo| repo.id != SHOP);
        let pulls = look(circle, "shop").await;
        assert!(pulls.trouble.is_some(), "{kind:?}");
        assert_eq!(count(circle).await, 1, "{kind:?}");
    }
}
