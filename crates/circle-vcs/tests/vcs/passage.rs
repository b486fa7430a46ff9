//! The server's git goes where the server may go: real git against real servers on this machine, which is closed unless it is opened.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use circle_core::names::GitRef;
use circle_lab::{Credentials, GitWeb, Sshd};
use circle_net::{Allow, Manner, Net};
use circle_vcs::{
    Credential, FailureClass, GitFailure, LocalRunner, Mirror, MirrorOptions, RepositoryUrl, RunLimits, StepRunner,
    Transport, harden, host_keys,
};

use crate::support::{Daemon, Work};

/// Where a test's other half finds its folder.
const HALF: &str = "CIRCLE_VCS_NAMES";

/// The server's client; nothing of this machine is open to it but these.
fn opening(entries: &[&str]) -> Net {
    let entry = |text: &&str| text.parse::<Allow>().expect(text);
    Net::new(entries.iter().map(entry).collect())
}

fn address(url: &str) -> RepositoryUrl {
    RepositoryUrl::parse(url).expect(url)
}

/// A mirror as the server has it.
async fn mirror(folder: &Path, (url, net): (&str, Net), credential: Option<Credential>) -> Mirror {
    let options = MirrorOptions {
        credential,
        net: Some(net),
        ..MirrorOptions::default()
    };
    let mirror = Mirror::open(&folder.join("mirror"), address(url), options).await;
    mirror.expect("a mirror")
}

/// All that the server asks of a repository; the content of a file comes by a connection of its own.
async fn all(mirror: &Mirror) -> Result<String, GitFailure> {
    let main = GitRef::new("refs/heads/main").expect("a ref");
    let known = mirror.refs().await?;
    assert!(known.contains_key("refs/heads/main"), "{known:?}");
    let commit = mirror.resolve(&main).await?;
    assert_eq!(mirror.fetch(&main).await?, commit);
    let file = mirror.read_file(&commit, "caicloud.yml", 100).await?;
    Ok(String::from_utf8(file.expect("a file")).expect("text"))
}

fn shop(folder: &Path) -> Work {
    let work = Work::make(folder, "shop");
    work.write("caicloud.yml", "version: 1\n");
    work.commit("One");
    work.push("refs/heads/main");
    work
}

/// It is refused with a sentence that says which address and how to open it, whatever is asked.
async fn is_closed(mirror: &Mirror, words: &[&str]) {
    let main = GitRef::new("refs/heads/main").expect("a ref");
    for failure in [
        mirror.refs().await.expect_err("closed"),
        mirror.resolve(&main).await.expect_err("closed"),
        mirror.fetch(&main).await.expect_err("closed"),
    ] {
        assert_eq!(failure.class, FailureClass::Forbidden, "{failure}");
        assert!(!failure.is_temporary());
        for word in words {
            assert!(failure.sentence.contains(word), "no \"{word}\" in: {failure}");
        }
    }
}

#[tokio::test]
async fn sec_42_git_over_http_goes_where_the_server_may_go() {
    let folder = tempfile::tempdir().expect("a folder");
    shop(folder.path());
    let login = Credentials {
        username: "deploy".into(),
        password: "a word".into(),
    };
    let web = GitWeb::start(&folder.path().join("bare"), Some(login))
        .await
        .expect("a server");
    let (url, place) = (web.url("shop"), web.address());
    let credential = || Some(Credential::new(&address(&url), "deploy", "a word".into()));

    let closed = mirror(folder.path(), (&url, opening(&[])), credential()).await;
    let open_it = format!("--allow-outgoing {place}");
    is_closed(&closed, &["127.0.0.1 is 127.0.0.1, a loopback address", &open_it]).await;
    assert_eq!(web.authorizations(), [], "it was spoken to");

    let open = mirror(folder.path(), (&url, opening(&[&place])), credential()).await;
    assert_eq!(all(&open).await.expect("open"), "version: 1\n");
}

#[tokio::test]
async fn sec_42_git_over_ssh_goes_where_the_server_may_go() {
    let folder = tempfile::tempdir().expect("a folder");
    shop(folder.path());
    let server = Sshd::start(&folder.path().join("home"), &folder.path().join("bare")).await;
    let server = server.expect("sshd");
    let (url, place) = (server.url("shop"), server.address());
    let credential = || {
        let keys = server.known_hosts().expect("a key");
        let keys = host_keys(&keys, &address(&url)).expect("host keys");
        let key = server.user_key().expect("a key");
        Some(Credential::key(&address(&url), key.into(), keys))
    };

    let closed = mirror(folder.path(), (&url, opening(&[])), credential()).await;
    is_closed(&closed, &["a loopback address", &format!("--allow-outgoing {place}")]).await;
    assert!(
        !server.log_end().contains("Accepted"),
        "the key was shown: {}",
        server.log_end()
    );

    let open = mirror(folder.path(), (&url, opening(&[&place])), credential()).await;
    assert_eq!(all(&open).await.expect("open"), "version: 1\n");
}

#[tokio::test]
async fn sec_42_git_s_own_protocol_goes_where_the_server_may_go() {
    let folder = tempfile::tempdir().expect("a folder");
    shop(folder.path());
    let daemon = Daemon::start(folder.path());
    let url = daemon.url("shop");
    let place = url.split('/').nth(2).expect("a place");

    let closed = mirror(folder.path(), (&url, opening(&[])), None).await;
    is_closed(&closed, &["a loopback address", &format!("--allow-outgoing {place}")]).await;
    let open = mirror(folder.path(), (&url, opening(&[place])), None).await;
    assert_eq!(all(&open).await.expect("open"), "version: 1\n");
}

#[tokio::test]
async fn sec_42_no_spelling_of_a_repository_s_host_leads_git_to_this_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let bait = TcpListener::bind("127.0.0.1:0").expect("a port");
    bait.set_nonblocking(true).expect("it does not wait");
    let port = bait.local_addr().expect("an address").port();
    let hosts = [
        "127.1",
        "0x7f000001",
        "017700000001",
        "localhost",
        "LOCALHOST.",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
    ];
    for (number, host) in hosts.iter().enumerate() {
        for scheme in ["http", "https", "ssh", "git"] {
            let (url, place) = (
                format!("{scheme}://{host}:{port}/shop.git"),
                folder.path().join(format!("{number}-{scheme}")),
            );
            let mirror = mirror(&place, (&url, opening(&[])), None).await;
            let failure = mirror.refs().await.expect_err("closed");
            assert_eq!(failure.class, FailureClass::Forbidden, "{url}: {failure}");
            assert!(failure.sentence.contains("a loopback address"), "{url}: {failure}");
        }
    }
    let came = bait.accept().map_err(|error| error.kind());
    assert_eq!(came.map(drop), Err(std::io::ErrorKind::WouldBlock), "somebody came");
}

#[tokio::test]
async fn sec_42_a_redirect_of_a_repository_leads_git_to_no_closed_address() {
    let folder = tempfile::tempdir().expect("a folder");
    shop(folder.path());
    let inner = GitWeb::start(&folder.path().join("bare"), None)
        .await
        .expect("a server");
    let outer = GitWeb::redirecting(&format!("http://{}", inner.address())).await;
    let outer = outer.expect("a server");
    let (url, net) = (outer.url("shop"), opening(&[&outer.address()]));
    let from_outer = mirror(folder.path(), (&url, net.clone()), None).await;
    let failure = from_outer.refs().await.expect_err("not followed");
    assert_eq!(failure.class, FailureClass::Forbidden, "{failure}");

    // Also a git that follows gets nowhere: its passage leads to one place.
    let url = address(&url);
    let place = (url.host(), url.port().expect("a port"));
    let passage = net.passage(place, Manner::Socks).await.expect("a passage");
    let transport = Transport {
        url: &url,
        helper: None,
        proxy: None,
        passage: Some(&passage),
    };
    let arguments = ["ls-remote", "--", url.as_str()];
    let mut step = harden("ask", Some(transport), Duration::from_secs(20), arguments);
    let follows = step
        .argv
        .iter_mut()
        .find(|word| word.starts_with("http.followRedirects"));
    *follows.expect("a setting") = "http.followRedirects=true".into();
    let secret = step.env.iter().find(|(name, _)| name == "all_proxy").expect("a proxy");
    let secret = secret.1.split(['@', ':']).nth(2).expect("a password").to_owned();
    assert!(
        step.argv.iter().all(|word| !word.contains(&secret)),
        "everybody sees it"
    );
    let mut runner = LocalRunner::new(folder.path(), RunLimits::default());
    let output = runner.run(&step).await.expect("it ran");
    assert!(!output.is_success());
    assert_eq!(inner.authorizations(), [], "the other host was spoken to");
    assert_eq!(outer.authorizations().len(), 2, "git was led to the one that is open");
}

/// Runs the rest of the test where `/etc/hosts` is a file of its own; `false` in that other half.
fn with_names_of_its_own(test: &str) -> bool {
    if std::env::var_os(HALF).is_some() {
        return false;
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("hosts"), "").expect("a file");
    let script = format!(r#"mount --bind "${HALF}/hosts" /etc/hosts && exec "$0" "$@""#);
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .arg(std::env::current_exe().expect("this test's path"))
        .args(["--exact", test, "--nocapture"])
        .env(HALF, folder.path())
        .output()
        .expect("unshare of util-linux is there");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    true
}

/// From now on the names are these, as in `/etc/hosts`.
fn names(lines: &str) -> std::path::PathBuf {
    let folder = std::path::PathBuf::from(std::env::var_os(HALF).expect("started by the parent"));
    std::fs::write(folder.join("hosts"), lines).expect("written");
    folder
}

#[tokio::test]
async fn sec_42_a_repository_s_name_with_one_closed_address_is_closed() {
    if with_names_of_its_own("passage::sec_42_a_repository_s_name_with_one_closed_address_is_closed") {
        return;
    }
    let folder = names("127.0.0.1 git.test\n");
    shop(&folder);
    let web = GitWeb::start(&folder.join("bare"), None).await.expect("a server");
    let url = web.url("shop").replace("127.0.0.1", "git.test");
    let of_one = mirror(&folder, (&url, opening(&["127.0.0.1"])), None).await;
    assert_eq!(all(&of_one).await.expect("open"), "version: 1\n");
    let asked = web.authorizations().len();
    names("127.0.0.1 git.test\nfd00:ec2::254 git.test\n");
    let port = web.address().rsplit_once(':').expect("a port").1.to_owned();
    let open_it = format!("--allow-outgoing git.test:{port}");
    is_closed(&of_one, &["git.test is fd00:ec2::254, a metadata address", &open_it]).await;
    assert_eq!(web.authorizations().len(), asked, "its open address was taken");
}

#[tokio::test]
async fn sec_42_a_name_that_changes_its_mind_leads_git_nowhere() {
    if with_names_of_its_own("passage::sec_42_a_name_that_changes_its_mind_leads_git_nowhere") {
        return;
    }
    let folder = names("127.0.0.1 git.test\n");
    shop(&folder);
    let daemon = Daemon::start(&folder);
    let url = daemon.url("shop").replace("127.0.0.1", "git.test");
    let mirror = mirror(&folder, (&url, opening(&["127.0.0.1"])), None).await;
    assert_eq!(all(&mirror).await.expect("open"), "version: 1\n");

    // The same name and port on another address of this machine, where something listens that nobody may ask.
    let port = url.split(['/', ':']).nth(4).expect("a port").parse().expect("a number");
    let bait = TcpListener::bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), port))).expect("it is free there");
    bait.set_nonblocking(true).expect("it does not wait");
    names("127.0.0.2 git.test\n");
    is_closed(&mirror, &["git.test is 127.0.0.2, a loopback address"]).await;
    let came = bait.accept().map_err(|error| error.kind());
    assert_eq!(came.map(drop), Err(std::io::ErrorKind::WouldBlock), "somebody came");
}

#[tokio::test]
async fn what_does_not_answer_behind_a_passage_is_named_and_may_be_tried_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let port = port.expect("a free port").port();
    for scheme in ["http", "ssh", "git"] {
        let url = format!("{scheme}://127.0.0.1:{port}/shop.git");
        let mirror = mirror(&folder.path().join(scheme), (&url, opening(&["127.0.0.1"])), None).await;
        let failure = mirror.refs().await.expect_err("nobody is there");
        assert!(failure.is_temporary(), "{url}: {failure}");
        assert!(failure.sentence.contains("Connection refused"), "{url}: {failure}");
    }
}
