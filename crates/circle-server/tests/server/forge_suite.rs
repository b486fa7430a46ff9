//! What the port promises, asked of every adapter: on a played forge of each kind, and on a real Gitea.

use std::collections::BTreeMap;

use circle_core::forge::{Account, ForgeKind, Permission};
use circle_core::names::CommitId;
use circle_core::run::{Status, StatusWord};
use circle_net::Net;
use circle_server::forge::{Access, Forge, ForgeError, HookState, HookWish, OpenPulls, PullRequest, PullsWish, open};
use secrecy::SecretString;

use crate::support::forge::{BOT, Forge as Played, Member, Pull, Repo, TOKEN, Who};

/// What an adapter finds there.
pub(crate) struct World {
    pub(crate) repository: String,
    pub(crate) full_name: String,
    pub(crate) commit: CommitId,
    /// May push.
    pub(crate) member: Account,
    /// Nothing is granted to them.
    pub(crate) stranger: Account,
    /// Repositories of the token's owner.
    pub(crate) count: usize,
    /// A pull request of the member's from the repository itself into main, its head, and the paths that it changes.
    pub(crate) pull: (u64, String, Vec<String>),
    /// Its labels.
    pub(crate) labels: Vec<String>,
    /// Every open pull request; there are closed ones too.
    pub(crate) open: Vec<u64>,
    pub(crate) file: (String, String),
}

pub(crate) fn access(kind: ForgeKind, address: &str, token: &str) -> Box<dyn Forge> {
    let access = Access {
        kind,
        address: address.into(),
        token: SecretString::from(token.to_owned()),
    };
    open(&Net::new(vec!["127.0.0.1".parse().expect("an address")]), access).expect("an address")
}

/// Everything that the port says.
pub(crate) async fn conforms(forge: &dyn Forge, world: &World) {
    finds(forge, world).await;
    hooks(forge, world).await;
    reads(forge, world).await;
    lists_pull_requests(forge, world).await;
    tells(forge, world).await;
    knows_people(forge, world).await;
}

async fn finds(forge: &dyn Forge, world: &World) {
    assert_eq!(forge.whoami().await.expect("an account").login, BOT.1);
    let known = forge.repository(&world.repository).await.expect("by id");
    assert_eq!(
        (known.full_name.as_str(), known.admin),
        (world.full_name.as_str(), true)
    );
    assert_eq!(known.default_branch.as_deref(), Some("main"));
    assert_eq!(forge.repository_named(&world.full_name).await.expect("by name"), known);
    assert_eq!(forge.repository("4711471147").await, Err(ForgeError::NotFound));
    let mut all = Vec::new();
    for page in 1.. {
        let found = forge.repositories(page).await.expect("a page");
        all.extend(found.items.into_iter().map(|one| one.full_name));
        if !found.more {
            break;
        }
    }
    assert!(all.contains(&world.full_name), "{all:?}");
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!((all.len(), count), (world.count, world.count), "each once: {all:?}");
}

async fn hooks(forge: &dyn Forge, world: &World) {
    let (repository, url) = (world.repository.as_str(), "http://127.0.0.1:9/hooks/forge/x");
    let wish = HookWish {
        url: url.into(),
        secret: SecretString::from("a secret"),
    };
    assert_eq!(forge.check_hook(repository, url).await, Ok(HookState::Missing));
    for _ in 0..2 {
        forge.put_hook(repository, &wish).await.expect("made, and made again");
        assert_eq!(forge.check_hook(repository, url).await, Ok(HookState::Good));
    }
    let other = HookWish {
        url: format!("{url}y"),
        ..wish.clone()
    };
    forge.put_hook(repository, &other).await.expect("another one");
    for _ in 0..2 {
        forge
            .remove_hook(repository, url)
            .await
            .expect("removed, and none is left");
    }
    assert_eq!(forge.check_hook(repository, url).await, Ok(HookState::Missing));
    assert_eq!(
        forge.check_hook(repository, &other.url).await,
        Ok(HookState::Good),
        "the other one stays"
    );
    forge.remove_hook(repository, &other.url).await.expect("removed");
}

async fn reads(forge: &dyn Forge, world: &World) {
    let (repository, commit) = (world.repository.as_str(), &world.commit);
    let (path, content) = (&world.file.0, &world.file.1);
    let file = forge.file(repository, commit, path, 4096).await.expect("read");
    assert_eq!(file.as_deref(), Some(content.as_bytes()));
    assert_eq!(
        forge.file(repository, commit, "no/such file?x=1#y", 4096).await,
        Ok(None)
    );
    let large = forge.file(repository, commit, path, 3).await;
    assert!(matches!(large, Err(ForgeError::Refused(_))), "{large:?}");
    let (number, head, paths) = &world.pull;
    let pull = forge.pull_request(repository, *number).await.expect("a pull request");
    assert_eq!((&pull.head, pull.open), (head, true));
    let files = forge.pull_request_files(repository, *number, 500).await;
    assert_eq!(files.as_ref(), Ok(&Some(paths.clone())));
    assert_eq!(
        forge.pull_request_files(repository, *number, 0).await,
        Ok(None),
        "more than wanted"
    );
}

async fn lists_pull_requests(forge: &dyn Forge, world: &World) {
    let repository = world.repository.as_str();
    let ask = |max| PullsWish { max, mark: None };
    let all = forge.open_pull_requests(repository, ask(1_000)).await.expect("a list");
    let OpenPulls::All { items, .. } = all else {
        panic!("{all:?}")
    };
    let mut numbers: Vec<u64> = items.iter().map(|pull| pull.number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, world.open, "each once");
    let (number, head, _) = &world.pull;
    let wanted = PullRequest {
        number: *number,
        head: head.clone(),
        open: true,
        base: items[0].base.clone(),
        into: "main".into(),
        from: Some(world.repository.clone()),
        author: world.member.clone(),
        labels: world.labels.clone(),
    };
    let listed = items.iter().find(|pull| pull.number == *number);
    assert_eq!(listed, Some(&wanted));
    assert_eq!(
        forge.pull_request(repository, *number).await,
        Ok(wanted),
        "and by itself"
    );
    let few = forge.open_pull_requests(repository, ask(world.open.len() - 1)).await;
    assert_eq!(few, Ok(OpenPulls::TooMany));
    let exactly = forge.open_pull_requests(repository, ask(world.open.len())).await;
    assert!(matches!(exactly, Ok(OpenPulls::All { .. })), "{exactly:?}");
    assert_eq!(
        forge.open_pull_requests("4711471147", ask(9)).await,
        Err(ForgeError::NotFound)
    );
}

async fn tells(forge: &dyn Forge, world: &World) {
    let words = [
        StatusWord::Pending,
        StatusWord::Running,
        StatusWord::Running,
        StatusWord::Failure,
    ];
    for word in words.into_iter().chain([StatusWord::Success, StatusWord::Cancelled]) {
        let status = Status {
            word,
            text: "run 1".into(),
        };
        let name = format!(
            "circle/{}",
            if word == StatusWord::Cancelled { "other" } else { "shop" }
        );
        let told = (name.as_str(), &status, "http://127.0.0.1:9/runs/1");
        forge
            .set_status(&world.repository, &world.commit, told)
            .await
            .expect("told");
    }
}

async fn knows_people(forge: &dyn Forge, world: &World) {
    let of = |account: Account| async move { forge.permission(&world.repository, &account).await };
    assert_eq!(of(world.member.clone()).await, Ok(Permission::Write));
    let strangers = of(world.stranger.clone()).await.expect("an answer");
    assert!(strangers < Permission::Write, "{strangers:?}");
    // Whoever took a member's name is not that member.
    let lookalike = Account {
        id: world.stranger.id.clone(),
        login: world.member.login.clone(),
    };
    let his = of(lookalike).await.expect("an answer");
    assert!(his < Permission::Write, "sec_06: {his:?}");
    let nobody = Account {
        id: "4711471147".into(),
        login: "nobody-at-all".into(),
    };
    assert_eq!(of(nobody).await, Ok(Permission::None));
}

fn world(forge: &Played) -> World {
    let mut repo = Repo::of(1, "team/shop");
    repo.members.push(Member {
        id: 7,
        login: "alice".into(),
        write: true,
    });
    let moved = ("new name.c".to_owned(), Some("old.c".to_owned()));
    let many = (0..60).map(|at| (format!("many/{at:02}"), None));
    let files: Vec<_> = many.chain([moved]).collect();
    let head = "b".repeat(40);
    let mut paths: Vec<String> = files
        .iter()
        .map(|(path, _)| path.clone())
        .chain(["old.c".into()])
        .collect();
    paths.sort();
    let labels = vec!["needs review".to_owned(), "red".to_owned()];
    let pull = Pull {
        files,
        labels: labels.clone(),
        ..Pull::of(&head, 1, Who(7, "alice"))
    };
    repo.pulls.insert(3, pull);
    // More than two pages of them, and some that are closed.
    for number in 100..350 {
        let mut pull = Pull::of(&"c".repeat(40), 9, Who(8, "mallory"));
        pull.open = number % 10 > 0;
        repo.pulls.insert(number, pull);
    }
    let open = repo.listed().map(|(number, _)| number).collect();
    repo.files = BTreeMap::from([("docs/a b.md".into(), "content".into())]);
    let fillers = (2..=70).map(|id| Repo::of(id, &format!("team/filler-{id}")));
    forge.facts().repos = std::iter::once(repo).chain(fillers).collect();
    let account = |id: &str, login: &str| Account {
        id: id.into(),
        login: login.into(),
    };
    World {
        repository: "1".into(),
        full_name: "team/shop".into(),
        commit: CommitId::new("a".repeat(40)).expect("a commit"),
        member: account("7", "alice"),
        stranger: account("8", "mallory"),
        count: 70,
        pull: (3, head, paths),
        labels,
        open,
        file: ("docs/a b.md".into(), "content".into()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_adapter_keeps_what_the_port_promises() {
    for kind in [ForgeKind::Gitea, ForgeKind::Github, ForgeKind::Gitlab] {
        let played = Played::start(kind).await;
        let world = world(&played);
        conforms(access(kind, &played.address, TOKEN).as_ref(), &world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_did_not_change_is_not_read_again_where_the_forge_can_say_so() {
    for kind in [ForgeKind::Gitea, ForgeKind::Github, ForgeKind::Gitlab] {
        let played = Played::start(kind).await;
        let mut repo = Repo::of(1, "team/shop");
        repo.pulls.insert(3, Pull::of(&"b".repeat(40), 9, Who(8, "mallory")));
        played.facts().repos = vec![repo];
        let forge = access(kind, &played.address, TOKEN);
        let ask = async |mark: Option<&str>| {
            let wish = PullsWish { max: 1_000, mark };
            forge.open_pull_requests("1", wish).await.expect("a list")
        };
        let OpenPulls::All { mark, items } = ask(None).await else {
            panic!("{kind:?}")
        };
        assert_eq!(
            (items.len(), mark.is_some()),
            (1, kind == ForgeKind::Github),
            "{kind:?}"
        );
        // A mark that nobody gave, or of another list, is none.
        assert!(matches!(ask(Some("W/\"x\"")).await, OpenPulls::All { .. }));
        let again = ask(mark.as_deref()).await;
        assert_eq!(again == OpenPulls::Same, kind == ForgeKind::Github, "{kind:?}");
        played.facts().repos[0].pulls.get_mut(&3).expect("it").head = "d".repeat(40);
        assert!(matches!(ask(mark.as_deref()).await, OpenPulls::All { .. }), "{kind:?}");
        // Of a list of several pages one mark says nothing.
        for number in 4..200 {
            let pull = Pull::of(&"b".repeat(40), 9, Who(8, "mallory"));
            played.facts().repos[0].pulls.insert(number, pull);
        }
        let long = ask(None).await;
        assert!(
            matches!(&long, OpenPulls::All { mark: None, items } if items.len() == 197),
            "{kind:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_forge_refuses_is_told_by_what_can_be_done() {
    for kind in [ForgeKind::Gitea, ForgeKind::Github, ForgeKind::Gitlab] {
        let played = Played::start(kind).await;
        let world = world(&played);
        let wrong = access(kind, &played.address, "another");
        assert_eq!(wrong.whoami().await, Err(ForgeError::Token));
        let forge = access(kind, &played.address, TOKEN);
        played.facts().repos[0].admin = false;
        let wish = HookWish {
            url: "http://127.0.0.1:9/x".into(),
            secret: SecretString::from("a secret"),
        };
        let refused = forge.put_hook(&world.repository, &wish).await;
        assert!(
            matches!(refused, Err(ForgeError::Forbidden(_))),
            "{kind:?}: {refused:?}"
        );
        let seen = forge.repository(&world.repository).await.expect("it is seen");
        assert!(seen.why_not().is_some_and(|why| why.contains("administer")), "{seen:?}");
        played.facts().down = true;
        let down = forge.whoami().await;
        assert!(down.as_ref().is_err_and(ForgeError::is_temporary), "{kind:?}: {down:?}");
        let nobody = access(kind, "http://127.0.0.1:9", TOKEN);
        let gone = nobody.whoami().await;
        assert!(gone.as_ref().is_err_and(ForgeError::is_temporary), "{kind:?}: {gone:?}");
    }
}
