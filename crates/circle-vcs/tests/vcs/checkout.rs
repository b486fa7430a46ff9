//! A work tree at one commit, from a real git server.

use std::path::Path;

use crate::support::{Daemon, Work, git};
use circle_core::names::{CommitId, GitRef};
use circle_vcs::{Checkout, CommitFacts, FailureClass, GitFailure, LocalRunner, RepositoryUrl, RunLimits, check_out};

struct Wish<'a> {
    url: &'a str,
    git_ref: &'a str,
    commit: Option<&'a str>,
}

async fn get(wish: Wish<'_>, to: &Path) -> Result<CommitFacts, GitFailure> {
    std::fs::create_dir_all(to).expect("a folder");
    let url = RepositoryUrl::parse(wish.url).expect("an address");
    let git_ref = GitRef::new(wish.git_ref).expect("a ref");
    let commit = wish.commit.map(|commit| CommitId::new(commit).expect("a commit"));
    let wish = Checkout {
        url: &url,
        git_ref: &git_ref,
        commit: commit.as_ref(),
        submodules: true,
        helper: None,
        proxy: None,
        known: None,
    };
    check_out(wish, &mut LocalRunner::new(to, RunLimits::default())).await
}

#[tokio::test]
async fn the_commit_of_the_trigger_comes_out_though_the_branch_went_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let work = Work::make(folder.path(), "shop");
    work.write("a", "one");
    let first = work.commit("One: a title that is a sentence");
    work.write("a", "two");
    work.commit("Two");
    work.push("refs/heads/main");
    let daemon = Daemon::start(folder.path());
    let url = daemon.url("shop");

    let to = folder.path().join("out");
    let facts = get(
        Wish {
            url: &url,
            git_ref: "refs/heads/main",
            commit: Some(&first),
        },
        &to,
    )
    .await
    .expect("checked out");
    assert_eq!(facts.commit.as_str(), first);
    assert_eq!(facts.title, "One: a title that is a sentence");
    assert!(facts.commit_time.is_some());
    assert_eq!(std::fs::read_to_string(to.join("a")).expect("there"), "one");
    assert_eq!(git(&to, &["rev-list", "--count", "HEAD"]), "1", "no history is fetched");
}

#[tokio::test]
async fn a_tag_a_branch_and_a_pull_request_s_ref_come_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let work = Work::make(folder.path(), "shop");
    work.write("a", "one");
    let commit = work.commit("One");
    git(&work.tree, &["tag", "--annotate", "--message=v", "v1"]);
    for to in ["refs/heads/main", "refs/pull/7/head"] {
        work.push(to);
    }
    git(&work.tree, &["push", "--quiet", "origin", "v1"]);
    let daemon = Daemon::start(folder.path());
    for (place, git_ref) in ["refs/heads/main", "refs/tags/v1", "refs/pull/7/head"]
        .into_iter()
        .enumerate()
    {
        let to = folder.path().join(format!("out{place}"));
        let facts = get(
            Wish {
                url: &daemon.url("shop"),
                git_ref,
                commit: None,
            },
            &to,
        )
        .await
        .expect(git_ref);
        assert_eq!(facts.commit.as_str(), commit, "{git_ref}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let work = Work::make(folder.path(), "shop");
    work.commit("One");
    work.push("refs/heads/main");
    let daemon = Daemon::start(folder.path());
    let url = daemon.url("shop");
    let gone = "0123456789012345678901234567890123456789";
    let cases = [
        (
            url.clone(),
            "refs/heads/nope",
            None,
            FailureClass::UnknownRef,
            "refs/heads/nope",
        ),
        (
            url.clone(),
            "refs/heads/main",
            Some(gone),
            FailureClass::CommitGone,
            "force push",
        ),
        (
            daemon.url("other"),
            "refs/heads/main",
            None,
            FailureClass::NoRepository,
            "other.git",
        ),
        (
            "git://127.0.0.1:1/shop.git".to_owned(),
            "refs/heads/main",
            None,
            FailureClass::Unreachable,
            "127.0.0.1:1",
        ),
    ];
    for (place, (url, git_ref, commit, class, words)) in cases.into_iter().enumerate() {
        let to = folder.path().join(format!("out{place}"));
        let failure = get(
            Wish {
                url: &url,
                git_ref,
                commit,
            },
            &to,
        )
        .await
        .expect_err(git_ref);
        assert_eq!(failure.class, class, "{failure}");
        assert!(failure.sentence.contains(words), "{failure}");
    }
}

#[tokio::test]
async fn submodules_come_along_and_other_protocols_do_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let part = Work::make(folder.path(), "part");
    part.write("p", "part");
    part.commit("Part");
    part.push("refs/heads/main");
    let daemon = Daemon::start(folder.path());

    let work = Work::make(folder.path(), "shop");
    git(
        &work.tree,
        &["submodule", "--quiet", "add", &daemon.url("part"), "vendor/part"],
    );
    work.commit("With a part");
    work.push("refs/heads/main");
    let to = folder.path().join("out");
    get(
        Wish {
            url: &daemon.url("shop"),
            git_ref: "refs/heads/main",
            commit: None,
        },
        &to,
    )
    .await
    .expect("with its submodule");
    assert_eq!(
        std::fs::read_to_string(to.join("vendor/part/p")).expect("there"),
        "part"
    );

    git(
        &work.tree,
        &[
            "config",
            "-f",
            ".gitmodules",
            "submodule.vendor/part.url",
            &part.bare.display().to_string(),
        ],
    );
    work.commit("From this machine's disk");
    work.push("refs/heads/main");
    let to = folder.path().join("refused");
    let failure = get(
        Wish {
            url: &daemon.url("shop"),
            git_ref: "refs/heads/main",
            commit: None,
        },
        &to,
    )
    .await
    .expect_err("refused");
    assert_eq!(failure.class, FailureClass::Forbidden, "{failure}");
    assert!(failure.sentence.contains("submodule"), "{failure}");
}
