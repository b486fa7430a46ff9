//! The server's mirror against a real git server.

use std::path::Path;

use crate::support::{Daemon, Work, git};
use circle_core::names::{CommitId, GitRef};
use circle_vcs::{FailureClass, Mirror, MirrorOptions, RepositoryUrl};

async fn mirror(folder: &Path, url: &str) -> Mirror {
    let url = RepositoryUrl::parse(url).expect("an address");
    Mirror::open(&folder.join("mirror"), url, MirrorOptions::default())
        .await
        .expect("a mirror")
}

fn main_ref() -> GitRef {
    GitRef::new("refs/heads/main").expect("a ref")
}

fn id(text: &str) -> CommitId {
    CommitId::new(text).expect("a commit")
}

#[tokio::test]
async fn every_branch_and_tag_is_listed_and_nothing_is_fetched() {
    let folder = tempfile::tempdir().expect("a folder");
    let work = Work::make(folder.path(), "shop");
    work.write("a", "1");
    let first = work.commit("One");
    for to in [
        "refs/heads/main",
        "refs/heads/a/b",
        "refs/tags/light",
        "refs/pull/1/head",
    ] {
        work.push(to);
    }
    git(&work.tree, &["tag", "-a", "heavy", "-m", "a tag of its own"]);
    git(&work.tree, &["push", "--quiet", "origin", "refs/tags/heavy"]);
    let tag = git(&work.tree, &["rev-parse", "refs/tags/heavy"]).trim().to_owned();
    let daemon = Daemon::start(folder.path());
    let mirror = mirror(folder.path(), &daemon.url("shop")).await;
    let refs = mirror.refs().await.expect("listed");
    let wanted = [
        ("refs/heads/a/b", &first),
        ("refs/heads/main", &first),
        ("refs/tags/heavy", &tag),
        ("refs/tags/light", &first),
    ];
    let wanted = wanted.map(|(name, object)| (name.to_owned(), object.to_owned()));
    assert_eq!(refs.into_iter().collect::<Vec<_>>(), wanted);
    assert!(mirror.facts(&id(&first)).await.is_err(), "nothing was fetched");
    drop(daemon);
    mirror.refs().await.expect_err("nobody answers");
}

#[tokio::test]
async fn files_titles_and_changed_paths_are_read_without_a_work_tree() {
    let folder = tempfile::tempdir().expect("a folder");
    let work = Work::make(folder.path(), "shop");
    work.write("caicloud.yml", "version: 1\n");
    work.write("src/a", "a");
    let first = work.commit("One");
    work.write("src/b ü", "b");
    std::os::unix::fs::symlink("/etc/passwd", work.tree.join("link")).expect("a link");
    let second = work.commit("Two");
    work.push("refs/heads/main");
    let daemon = Daemon::start(folder.path());
    let mirror = mirror(folder.path(), &daemon.url("shop")).await;

    assert_eq!(mirror.resolve(&main_ref()).await.expect("resolved").as_str(), second);
    let commit = mirror.fetch(&main_ref()).await.expect("fetched");
    assert_eq!(commit.as_str(), second);
    assert_eq!(mirror.facts(&commit).await.expect("facts").title, "Two");
    let file = mirror.read_file(&commit, "caicloud.yml", 100).await.expect("read");
    assert_eq!(file.as_deref(), Some(b"version: 1\n".as_slice()));
    assert!(mirror.has_file(&commit, "src/a").await.expect("looked"));
    assert!(
        !mirror.has_file(&commit, "src").await.expect("looked"),
        "a folder is no file"
    );
    assert_eq!(
        mirror.read_file(&commit, "link", 100).await.expect("looked"),
        None,
        "links are not followed"
    );
    assert_eq!(mirror.read_file(&commit, "nope", 100).await.expect("looked"), None);
    let large = mirror
        .read_file(&commit, "caicloud.yml", 5)
        .await
        .expect_err("too large");
    assert_eq!(large.class, FailureClass::TooLarge, "{large}");

    let changed = mirror.changed_paths(&id(&first), &commit, 10).await.expect("compared");
    assert_eq!(changed, Some(vec!["link".to_owned(), "src/b ü".to_owned()]));
    assert_eq!(
        mirror.changed_paths(&id(&first), &commit, 1).await.expect("compared"),
        None,
        "too many to tell"
    );
    let gone = id("0123456789012345678901234567890123456789");
    assert_eq!(mirror.changed_paths(&gone, &commit, 10).await.expect("compared"), None);
}

#[tokio::test]
async fn contents_are_fetched_only_when_they_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let work = Work::make(folder.path(), "shop");
    work.write("a", "content of a");
    work.write("b", "content of b");
    work.commit("One");
    work.push("refs/heads/main");
    let daemon = Daemon::start(folder.path());
    let mirror = mirror(folder.path(), &daemon.url("shop")).await;
    let commit = mirror.fetch(&main_ref()).await.expect("fetched");
    let repository = folder.path().join("mirror/repository");
    let blobs = || {
        let all = git(
            &repository,
            &["cat-file", "--batch-all-objects", "--batch-check=%(objecttype)"],
        );
        all.lines().filter(|line| *line == "blob").count()
    };
    assert_eq!(blobs(), 0, "a fetch brings no contents");
    mirror.read_file(&commit, "a", 100).await.expect("read");
    assert_eq!(blobs(), 1);
}

#[tokio::test]
async fn an_older_commit_is_fetched_by_its_id_and_a_lost_one_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let work = Work::make(folder.path(), "shop");
    let first = work.commit("One");
    work.commit("Two");
    work.push("refs/heads/main");
    let daemon = Daemon::start(folder.path());
    let mirror = mirror(folder.path(), &daemon.url("shop")).await;
    mirror.fetch_commit(&main_ref(), &id(&first)).await.expect("fetched");
    assert_eq!(mirror.facts(&id(&first)).await.expect("facts").title, "One");
    let gone = id("0123456789012345678901234567890123456789");
    let failure = mirror.fetch_commit(&main_ref(), &gone).await.expect_err("gone");
    assert_eq!(failure.class, FailureClass::CommitGone, "{failure}");
    let unknown = mirror
        .fetch(&GitRef::new("refs/heads/nope").expect("a ref"))
        .await
        .expect_err("no such branch");
    assert_eq!(unknown.class, FailureClass::UnknownRef, "{unknown}");
    let unknown = mirror
        .resolve(&GitRef::new("refs/heads/nope").expect("a ref"))
        .await
        .expect_err("no such branch");
    assert_eq!(unknown.class, FailureClass::UnknownRef, "{unknown}");
}

#[tokio::test]
async fn what_a_crash_left_is_mended() {
    let folder = tempfile::tempdir().expect("a folder");
    let work = Work::make(folder.path(), "shop");
    work.commit("One");
    work.push("refs/heads/main");
    let daemon = Daemon::start(folder.path());
    mirror(folder.path(), &daemon.url("shop"))
        .await
        .fetch(&main_ref())
        .await
        .expect("fetched");

    let repository = folder.path().join("mirror/repository");
    for lock in ["shallow.lock", "config.lock", "FETCH_HEAD.lock"] {
        std::fs::write(repository.join(lock), "").expect("a lock");
    }
    mirror(folder.path(), &daemon.url("shop"))
        .await
        .fetch(&main_ref())
        .await
        .expect("stale locks are removed");

    std::fs::write(repository.join("config"), "[broken").expect("damaged");
    mirror(folder.path(), &daemon.url("shop"))
        .await
        .fetch(&main_ref())
        .await
        .expect("a damaged mirror is made anew");

    let other = Work::make(folder.path(), "other");
    let commit = other.commit("Other");
    other.push("refs/heads/main");
    let moved = mirror(folder.path(), &daemon.url("other"))
        .await
        .fetch(&main_ref())
        .await
        .expect("another address");
    assert_eq!(moved.as_str(), commit);
}
