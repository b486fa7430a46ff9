//! Private repositories: what opens them reaches git, on the server and in the cell, and nothing else.

use std::path::Path;
use std::process::Output;

use anyhow::{Result, ensure};
use circle_api::resources::{CredentialKind, ServiceChange};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_test::{Circle, Options, Private, StoryRun, files_with};

/// A job that looks for the credential where it could be.
const LOOKS: &str = "version: 1\nintegration:\n  image: circle/busybox:1\n  commands:\n    - cat .git/config\n    \
                     - env\n    - cat /proc/*/cmdline /proc/*/environ 2>/dev/null | tr '\\0' '\\n'\n    \
                     - find / /workspace -xdev -type f -size -64k -exec cat {} + 2>/dev/null | grep -c 'right-pass[w]ord\\|PRIVATE[ ]KEY' && exit 9 || true\n    \
                     - echo looked\n";

fn private() -> Options {
    Options {
        private: true,
        ..Options::default()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

async fn set(circle: &Circle, arguments: &[&str]) -> Result<String> {
    let all = [&["service", "credential", "set", "shop"], arguments].concat();
    let output = circle.command(&all).await?;
    let said = said(&output);
    ensure!(output.status.success(), "{said}");
    Ok(said)
}

/// No file beneath a folder holds the text.
fn nowhere(folder: &Path, text: &str) -> Result<()> {
    let found = files_with(folder, text)?;
    ensure!(found.is_empty(), "{found:?} hold the secret");
    Ok(())
}

/// The run went the whole way, and its job found nothing.
async fn saw_nothing(run: &StoryRun, secret: &str) -> Result<()> {
    run.succeeds().await?;
    let log = run.log("integration").await?;
    ensure!(log.contains("looked") && !log.contains(secret), "{log}");
    ensure!(!run.log("checkout").await?.contains(secret));
    Ok(())
}

#[tokio::test]
async fn sec_40_a_password_opens_the_repository_and_no_job_sees_it() -> Result<()> {
    let circle = Circle::start(private()).await?;
    let web = &circle.private()?.web;
    let shop = circle.service_at("shop", &web.url("shop")).await?;
    shop.write("caicloud.yml", LOOKS)?;
    let sentence = shop.push("main").await?.fails("repository_unavailable").await?;
    ensure!(sentence.contains("circle service credential set"), "{sentence}");

    let (username, password) = Private::login();
    let file = circle.folder().join("password");
    std::fs::write(&file, "a-wrong-password\n")?;
    let arguments = ["--username", username, "--password-file", "password"];
    set(&circle, &arguments).await?;
    let sentence = shop.push("main").await?.fails("repository_unavailable").await?;
    ensure!(!sentence.contains("a-wrong-password"), "{sentence}");

    std::fs::write(&file, format!("{password}\n"))?;
    let told = set(&circle, &arguments).await?;
    ensure!(
        told.contains("password of deploy") && !told.contains(password),
        "{told}"
    );
    std::fs::remove_file(&file)?;
    saw_nothing(&shop.push("main").await?, password).await?;
    for part in ["data", "server.log", "worker.log"] {
        let path = circle.folder().join(part);
        if path.is_dir() {
            nowhere(&path, password)?;
        } else {
            ensure!(!std::fs::read_to_string(&path)?.contains(password), "{part}");
        }
    }
    circle.stop().await
}

#[tokio::test]
async fn sec_40_a_credential_does_not_follow_its_service_to_another_host() -> Result<()> {
    let circle = Circle::start(private()).await?;
    let (web, ssh) = (&circle.private()?.web, &circle.private()?.ssh);
    let shop = circle.service_at("shop", &web.url("shop")).await?;
    shop.write("caicloud.yml", LOOKS)?;
    let (username, password) = Private::login();
    std::fs::write(circle.folder().join("password"), password)?;
    set(&circle, &["--username", username, "--password-file", "password"]).await?;
    let change = |url: String| ServiceChange {
        repository: Some(url),
        ..ServiceChange::default()
    };
    let view = circle
        .client()
        .change_service(DEFAULT_WORKSPACE, "shop", &change(web.url("elsewhere")))
        .await?;
    let kept = view.credential.map(|known| known.kind);
    ensure!(
        kept == Some(CredentialKind::Password),
        "the same host keeps it: {kept:?}"
    );
    let view = circle
        .client()
        .change_service(DEFAULT_WORKSPACE, "shop", &change(ssh.url("shop")))
        .await?;
    ensure!(view.credential.is_none(), "{:?}", view.credential);
    circle.stop().await
}

#[tokio::test]
async fn sec_40_a_deploy_key_opens_the_repository_of_the_host_that_was_pinned() -> Result<()> {
    let circle = Circle::start(private()).await?;
    let ssh = &circle.private()?.ssh;
    let shop = circle.service_at("shop", &ssh.url("shop")).await?;
    shop.write("caicloud.yml", LOOKS)?;
    let key = ssh.user_key()?;
    std::fs::write(circle.folder().join("key"), &key)?;
    std::fs::write(circle.folder().join("hosts"), ssh.known_hosts()?)?;
    let arguments = ["--key-file", "key", "--known-hosts-file", "hosts"];
    set(&circle, &arguments).await?;
    std::fs::remove_file(circle.folder().join("key"))?;
    let secret = key.lines().nth(3).unwrap_or_default();
    saw_nothing(&shop.push("main").await?, secret).await?;
    nowhere(&circle.folder().join("data"), secret)?;

    // The host changes its key: somebody may stand between.
    let other = format!(
        "{} {}",
        ssh.address().replace("127.0.0.1", "[127.0.0.1]"),
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    );
    std::fs::write(circle.folder().join("key"), &key)?;
    std::fs::write(circle.folder().join("hosts"), other)?;
    set(&circle, &arguments).await?;
    let sentence = shop.push("main").await?.fails("repository_unavailable").await?;
    ensure!(
        sentence.contains("is not pinned") && sentence.contains("credential set"),
        "{sentence}"
    );
    circle.stop().await
}
