//! Rules 34 and 38 to 40 of the threat model, against real servers.

use std::path::Path;
use std::time::Duration;

use crate::support::{Daemon, Work, git, nowhere};
use circle_core::names::{CommitId, GitRef};
use circle_lab::{Credentials, GitWeb};
use circle_vcs::{
    Checkout, Credential, FailureClass, GitFailure, GitStep, Helper, LocalRunner, Mirror, MirrorOptions, RepositoryUrl,
    RunLimits, StepRunner, check_out,
};

const LOGIN: (&str, &str) = ("deploy@example.org", "correct 'horse' $battery");

/// A server of `<folder>/bare` that wants this login.
async fn closed(folder: &Path, (username, password): (&str, &str)) -> GitWeb {
    let login = Credentials {
        username: username.into(),
        password: password.into(),
    };
    GitWeb::start(&folder.join("bare"), Some(login))
        .await
        .expect("a server")
}

async fn get(url: &str, to: &Path, helper: Option<&Helper>) -> Result<(), GitFailure> {
    std::fs::create_dir_all(to).expect("a folder");
    let url = RepositoryUrl::parse(url).expect("an address");
    let git_ref = GitRef::new("refs/heads/main").expect("a ref");
    let wish = Checkout {
        url: &url,
        git_ref: &git_ref,
        commit: None,
        submodules: true,
        helper,
        proxy: None,
        known: None,
    };
    check_out(wish, &mut LocalRunner::new(to, RunLimits::default()))
        .await
        .map(|_| ())
}

fn helper(folder: &Path, url: &str) -> Helper {
    let url = RepositoryUrl::parse(url).expect("an address");
    let place = folder.join("ask");
    std::fs::create_dir_all(&place).expect("a folder");
    Helper::start(&place, &place, &Credential::new(&url, LOGIN.0, LOGIN.1.into()), None).expect("a helper")
}

#[tokio::test]
async fn sec_34_paths_that_leave_the_repository_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = RepositoryUrl::parse("git://127.0.0.1:1/x").expect("an address");
    let mirror = Mirror::open(&folder.path().join("mirror"), url, MirrorOptions::default())
        .await
        .expect("a mirror");
    let commit = CommitId::new("0123456789012345678901234567890123456789").expect("a commit");
    for path in [
        "../x",
        "/etc/passwd",
        "a/../../b",
        "a//b",
        "",
        ".",
        "a\0b",
        "a\nb",
        "a\\b",
    ] {
        let failure = mirror.read_file(&commit, path, 10).await.expect_err(path);
        assert_eq!(failure.class, FailureClass::Forbidden, "{failure}");
    }
}

#[tokio::test]
async fn sec_38_submodules_named_like_commands_and_options_run_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let proof = folder.path().join("proof");
    let daemon = Daemon::start(folder.path());
    let hostile = [
        ("a", format!("ext::sh -c touch% {}", proof.display())),
        ("a", format!("-u./touch {}", proof.display())),
        ("a", format!("ssh://-oProxyCommand=touch%20{}/x", proof.display())),
        ("a", format!("--upload-pack=touch {}", proof.display())),
        ("a", "file:///etc".to_owned()),
        ("-oops", "git://127.0.0.1:1/x".to_owned()),
        ("../../up", "git://127.0.0.1:1/x".to_owned()),
    ];
    for (place, (path, url)) in hostile.iter().enumerate() {
        let work = Work::make(folder.path(), &format!("hostile{place}"));
        let module = format!(
            "[submodule \"x\"]\n\tpath = {path}\n\turl = \"{url}\"\n\tupdate = \"!touch {proof}\"\n\tbranch = --upload-pack=touch\n",
            proof = proof.display()
        );
        work.write(".gitmodules", &module);
        work.commit("Hostile");
        let link = format!("160000,{},a", git(&work.tree, &["rev-parse", "HEAD"]));
        git(&work.tree, &["update-index", "--add", "--cacheinfo", &link]);
        git(&work.tree, &["commit", "--quiet", "--message", "A submodule"]);
        work.push("refs/heads/main");
        let to = folder.path().join(format!("out{place}"));
        // Some are refused, some are not even seen by git; none may run.
        let _ = get(&daemon.url(&format!("hostile{place}")), &to, None).await;
        assert!(!proof.exists(), "{url} ran a command");
        assert!(!folder.path().join("up").exists(), "{path} left the work tree");
    }
}

#[tokio::test]
async fn sec_39_hooks_filters_monitors_templates_and_lfs_of_a_repository_do_not_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let proof = folder.path().join("proof");
    let touch = format!("touch {}", proof.display());
    let work = Work::make(folder.path(), "hostile");
    work.write(
        ".gitattributes",
        "* filter=evil diff=evil merge=evil\nlarge filter=lfs\n",
    );
    work.write(".lfsconfig", "[lfs]\n\turl = http://127.0.0.1:1/\n");
    work.write(
        "large",
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    );
    for hook in [
        "hooks/post-checkout",
        "hooks/reference-transaction",
        ".git-hooks/post-checkout",
    ] {
        work.write(hook, &format!("#!/bin/sh\n{touch}\n"));
    }
    work.commit("Hostile");
    work.push("refs/heads/main");
    let daemon = Daemon::start(folder.path());
    let to = folder.path().join("out");
    get(&daemon.url("hostile"), &to, None).await.expect("checked out");
    assert!(to.join("large").is_file());

    // What a later step of the same run may have planted where git runs again: a hook, a monitor, an alias.
    for (name, value) in [
        ("core.fsmonitor", touch.as_str()),
        ("core.hooksPath", "hooks"),
        ("alias.log", &format!("!{touch}")),
    ] {
        git(&to, &["config", name, value]);
    }
    std::fs::set_permissions(
        to.join("hooks/post-checkout"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .expect("a hook");
    let url = RepositoryUrl::parse(&daemon.url("hostile")).expect("an address");
    let git_ref = GitRef::new("refs/heads/main").expect("a ref");
    let wish = Checkout {
        url: &url,
        git_ref: &git_ref,
        commit: None,
        submodules: false,
        helper: None,
        proxy: None,
        known: None,
    };
    let mut runner = LocalRunner::new(&to, RunLimits::default());
    for step in [wish.fetch("refs/heads/main", true), wish.detach(), wish.describe()] {
        let output = runner.run(&step).await.expect("git runs");
        assert!(
            output.is_success(),
            "{}: {}",
            step.what,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    assert!(!proof.exists(), "something of the repository ran");
}

#[tokio::test]
async fn sec_39_the_settings_of_the_machine_and_the_home_do_not_count() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut runner = LocalRunner::new(folder.path(), RunLimits::default());
    let step = circle_vcs::harden(
        "show the environment",
        None,
        Duration::from_secs(10),
        ["config", "--list", "--show-scope"],
    );
    let output = runner.run(&step).await.expect("git runs");
    let text = output.text();
    assert!(
        text.lines().all(|line| line.starts_with("command\t")),
        "another scope counts: {text}"
    );
    let env = GitStep {
        argv: vec!["env".into()],
        ..step
    };
    let output = runner.run(&env).await.expect("env runs");
    let wanted: Vec<&str> = env.env.iter().map(|(name, _)| name.as_str()).collect();
    for line in output.text().lines() {
        let name = line.split('=').next().unwrap_or_default();
        assert!(wanted.contains(&name), "{name} came from the server's environment");
    }
}

#[tokio::test]
async fn sec_40_the_password_reaches_its_host_and_stands_in_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let work = Work::make(folder.path(), "shop");
    work.write("caicloud.yml", "version: 1\n");
    work.commit("One");
    work.push("refs/heads/main");
    let web = closed(folder.path(), LOGIN).await;
    let url = web.url("shop");

    let refused = get(&url, &folder.path().join("anonymous"), None)
        .await
        .expect_err("a password is wanted");
    assert_eq!(refused.class, FailureClass::AuthRefused, "{refused}");
    let asked = helper(folder.path(), &url);
    let to = folder.path().join("out");
    get(&url, &to, Some(&asked)).await.expect("with the password");
    assert!(to.join("caicloud.yml").is_file());
    nowhere(&folder.path().join("ask"), &[LOGIN.1]);
    nowhere(&to, &[LOGIN.0, LOGIN.1]);

    let credential = Credential::new(
        &RepositoryUrl::parse(&url).expect("an address"),
        LOGIN.0,
        LOGIN.1.into(),
    );
    let options = MirrorOptions {
        credential: Some(credential),
        ..MirrorOptions::default()
    };
    let place = folder.path().join("mirror");
    let mirror = Mirror::open(&place, RepositoryUrl::parse(&url).expect("an address"), options)
        .await
        .expect("a mirror");
    let commit = mirror
        .fetch(&GitRef::new("refs/heads/main").expect("a ref"))
        .await
        .expect("fetched");
    let file = mirror
        .read_file(&commit, "caicloud.yml", 100)
        .await
        .expect("read later, with the password again");
    assert_eq!(file.as_deref(), Some(b"version: 1\n".as_slice()));
    nowhere(&place, &[LOGIN.0, LOGIN.1]);
    drop(asked);
    assert!(
        !folder.path().join("ask/helper").exists(),
        "the program goes with its handle"
    );
}

#[tokio::test]
async fn sec_40_a_submodule_s_host_gets_no_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let part = Work::make(folder.path(), "part");
    part.write("p", "part");
    part.commit("Part");
    part.push("refs/heads/main");
    let work = Work::make(folder.path(), "shop");
    git(
        &work.tree,
        &["submodule", "--quiet", "add", &part.bare.display().to_string(), "part"],
    );
    // It asks for a password, so that git looks for one.
    let thief = closed(folder.path(), ("thief", "none")).await;
    let home = closed(folder.path(), LOGIN).await;
    git(
        &work.tree,
        &["config", "-f", ".gitmodules", "submodule.part.url", &thief.url("part")],
    );
    work.commit("A part elsewhere");
    work.push("refs/heads/main");

    let asked = helper(folder.path(), &home.url("shop"));
    let failure = get(&home.url("shop"), &folder.path().join("out"), Some(&asked))
        .await
        .expect_err("the part is closed");
    assert_eq!(failure.class, FailureClass::AuthRefused, "{failure}");
    assert!(!thief.authorizations().is_empty(), "the other host was asked");
    assert!(
        thief.authorizations().iter().all(Option::is_none),
        "the other host saw {:?}",
        thief.authorizations()
    );

    // The same host under the same password is fine.
    git(
        &work.tree,
        &["config", "-f", ".gitmodules", "submodule.part.url", &home.url("part")],
    );
    work.commit("A part at home");
    work.push("refs/heads/main");
    let to = folder.path().join("out2");
    get(&home.url("shop"), &to, Some(&asked))
        .await
        .expect("both with one password");
    assert!(to.join("part/p").is_file());
}

#[tokio::test]
async fn sec_40_a_redirect_is_not_followed_and_gets_no_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let work = Work::make(folder.path(), "shop");
    work.commit("One");
    work.push("refs/heads/main");
    let thief = closed(folder.path(), LOGIN).await;
    let home = GitWeb::redirecting(&format!("http://{}", thief.address()))
        .await
        .expect("a server");
    let asked = helper(folder.path(), &home.url("shop"));
    let failure = get(&home.url("shop"), &folder.path().join("out"), Some(&asked))
        .await
        .expect_err("not followed");
    assert_eq!(failure.class, FailureClass::Forbidden, "{failure}");
    assert!(thief.authorizations().is_empty(), "the other host was spoken to");
}

#[tokio::test]
async fn a_silent_server_ends_at_the_limit_and_takes_its_children_along() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut runner = LocalRunner::new(folder.path(), RunLimits::default());
    let script = "sleep 600 & echo $! > child; wait";
    let step = GitStep {
        what: "wait",
        argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        limit: Duration::from_millis(500),
    };
    let output = runner.run(&step).await.expect("it ran");
    assert!(output.timed_out);
    let child: i32 = std::fs::read_to_string(folder.path().join("child"))
        .expect("a child")
        .trim()
        .parse()
        .expect("a pid");
    let state = || std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
    let start = std::time::Instant::now();
    while !state().is_empty() && !state().contains(") Z ") {
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "the child lives on: {}",
            state()
        );
        tokio::task::yield_now().await;
    }
}
