//! Deploy keys against a real sshd: who gets a signature, and who does not.

use std::path::Path;

use circle_core::names::GitRef;
use circle_lab::Sshd;
use circle_vcs::{
    Checkout, Credential, FailureClass, GitFailure, Helper, LocalRunner, Mirror, MirrorOptions, RepositoryUrl,
    RunLimits, check_out, check_private_key, host_keys,
};

use crate::support::{Work, git, nowhere};

/// A server of `<folder>/bare`; two with different names have different keys.
async fn sshd(folder: &Path, name: &str) -> Sshd {
    Sshd::start(&folder.join(name), &folder.join("bare"))
        .await
        .expect("sshd")
}

fn main_ref() -> GitRef {
    GitRef::new("refs/heads/main").expect("a ref")
}

fn address(text: &str) -> RepositoryUrl {
    RepositoryUrl::parse(text).expect("an address")
}

/// A checkout with submodules, with this key, believing these hosts.
async fn get(url: &str, to: &Path, key: &str, known_hosts: &str) -> Result<(), GitFailure> {
    let url = address(url);
    let keys = host_keys(known_hosts, &url).expect("host keys");
    let place = to.with_extension("helper");
    for folder in [to, &place] {
        std::fs::create_dir_all(folder).expect("a folder");
    }
    let helper = Helper::start(&place, &place, &Credential::key(&url, key.into(), keys), None).expect("a helper");
    let git_ref = main_ref();
    let wish = Checkout {
        url: &url,
        git_ref: &git_ref,
        commit: None,
        submodules: true,
        helper: Some(&helper),
        proxy: None,
        known: None,
    };
    let got = check_out(wish, &mut LocalRunner::new(to, RunLimits::default())).await;
    nowhere(&place, &[secret_part(key)]);
    nowhere(to, &[secret_part(key)]);
    drop(helper);
    assert_eq!(
        std::fs::read_dir(&place).expect("a folder").count(),
        0,
        "the helper left files"
    );
    got.map(|_| ())
}

/// A line of the key that is in no other key.
fn secret_part(key: &str) -> &str {
    key.lines().nth(3).expect("a key has lines")
}

/// What `known_hosts` would say if the host at this address had another server's key.
fn impostor(server: &Sshd, other: &Sshd) -> String {
    let name = server.known_hosts().expect("a key");
    let (name, _) = name.split_once(' ').expect("a line");
    let key = other.known_hosts().expect("a key");
    let (_, key) = key.split_once(' ').expect("a line");
    format!("{name} {key}")
}

#[tokio::test]
async fn sec_40_a_deploy_key_opens_the_repository_and_stands_in_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let work = Work::make(folder.path(), "shop");
    work.write("caicloud.yml", "version: 1\n");
    work.commit("One");
    work.push("refs/heads/main");
    let server = sshd(folder.path(), "home").await;
    let (url, key) = (server.url("shop"), server.user_key().expect("a key"));
    check_private_key(&key).expect("a key");

    let to = folder.path().join("out");
    get(&url, &to, &key, &server.known_hosts().expect("a key"))
        .await
        .unwrap_or_else(|failure| panic!("{failure}: {}", server.log_end()));
    assert!(to.join("caicloud.yml").is_file());

    let keys = host_keys(&server.known_hosts().expect("a key"), &address(&url)).expect("host keys");
    let options = MirrorOptions {
        credential: Some(Credential::key(&address(&url), key.as_str().into(), keys)),
        ..MirrorOptions::default()
    };
    let place = folder.path().join("mirror");
    let mirror = Mirror::open(&place, address(&url), options).await.expect("a mirror");
    let commit = mirror.fetch(&main_ref()).await.expect("fetched");
    let file = mirror.read_file(&commit, "caicloud.yml", 100).await.expect("read");
    assert_eq!(file.as_deref(), Some(b"version: 1\n".as_slice()));
    nowhere(&place, &[secret_part(&key)]);

    // What is set anew counts at the next fetch.
    mirror.use_credential(None);
    let failure = mirror.resolve(&main_ref()).await.expect_err("nobody opens it");
    assert_eq!(failure.class, FailureClass::HostKey, "{failure}");
}

#[tokio::test]
async fn sec_40_a_host_with_another_key_is_not_spoken_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let work = Work::make(folder.path(), "shop");
    work.commit("One");
    work.push("refs/heads/main");
    let (home, other) = (sshd(folder.path(), "home").await, sshd(folder.path(), "other").await);
    let to = folder.path().join("out");
    let failure = get(
        &home.url("shop"),
        &to,
        &home.user_key().expect("a key"),
        &impostor(&home, &other),
    )
    .await
    .expect_err("the key is not pinned");
    assert_eq!(failure.class, FailureClass::HostKey, "{failure}");
    assert!(
        !home.log_end().contains("Accepted"),
        "it was spoken to: {}",
        home.log_end()
    );

    let failure = get(
        &home.url("shop"),
        &folder.path().join("out2"),
        &other.user_key().expect("a key"),
        &home.known_hosts().expect("a key"),
    )
    .await
    .expect_err("the host does not know this key");
    assert_eq!(failure.class, FailureClass::AuthRefused, "{failure}");
}

#[tokio::test]
async fn sec_40_a_submodule_s_host_gets_no_signature() {
    let folder = tempfile::tempdir().expect("a folder");
    let part = Work::make(folder.path(), "part");
    part.write("p", "part");
    part.commit("Part");
    part.push("refs/heads/main");
    let work = Work::make(folder.path(), "shop");
    let inside = part.bare.display().to_string();
    git(&work.tree, &["submodule", "--quiet", "add", &inside, "part"]);
    let (home, thief) = (sshd(folder.path(), "home").await, sshd(folder.path(), "thief").await);
    // The thief would let this very key in.
    std::fs::copy(
        folder.path().join("home/user.pub"),
        folder.path().join("thief/user.pub"),
    )
    .expect("copied");
    let lead = |to: &str| {
        git(&work.tree, &["config", "-f", ".gitmodules", "submodule.part.url", to]);
        work.commit("A part");
        work.push("refs/heads/main");
    };
    lead(&thief.url("part"));
    let failure = get(
        &home.url("shop"),
        &folder.path().join("out"),
        &home.user_key().expect("a key"),
        &home.known_hosts().expect("a key"),
    )
    .await
    .expect_err("the part is elsewhere");
    assert_eq!(failure.class, FailureClass::HostKey, "{failure}");
    assert!(
        !thief.log_end().contains("Accepted"),
        "the other host was convinced: {}",
        thief.log_end()
    );

    lead(&home.url("part"));
    let to = folder.path().join("out2");
    get(
        &home.url("shop"),
        &to,
        &home.user_key().expect("a key"),
        &home.known_hosts().expect("a key"),
    )
    .await
    .expect("both with one key");
    assert!(to.join("part/p").is_file());
}
