//! What the port promises, asked of every adapter: on a played forge of each kind, and on a real Gitea.

use std::collections::BTreeMap;

use circle_core::forge::{Account, ForgeKind, Permission};
use circle_core::names::CommitId;
use circle_core::run::{Status, StatusWord};
use circle_net::Net;
use circle_server::forge::{Access, Forge, ForgeError, HookState, HookWish, open};
use secrecy::SecretString;

use crate::support::forge::{BOT, Forge as Played, Member, Pull, Repo, TOKEN};

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
    /// A pull request, its head, and the paths that it changes.
    pub(crate) pull: (u64, String, Vec<String>),
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
    repo.pulls.insert(
        3,
        Pull {
            head: head.clone(),
            files,
        },
    );
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
