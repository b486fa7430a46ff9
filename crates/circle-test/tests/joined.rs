//! A worker that joins over the network: no socket of the server, no file of its own but a one-time token.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use circle_api::resources::EnrolmentCreate;
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_lab::{Child, free_port};
use circle_test::{Circle, Options, program, until};

const PIPELINE: &str = "version: 1\nintegration: {image: 'circle/busybox:1', commands: [echo joined]}\n";

#[tokio::test]
async fn a_machine_joins_with_a_token_and_takes_its_workspaces_runs() -> Result<()> {
    let mut circle = Circle::start(Options::default()).await?;
    circle.stop_worker().await?;
    let of_workspace = EnrolmentCreate {
        workspace: Some(DEFAULT_WORKSPACE.to_owned()),
        ..EnrolmentCreate::default()
    };
    let token = circle.client().enrol_worker(&of_workspace).await?.token;
    circle.join_worker(token.expose(), "joined").await?;
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", PIPELINE)?;
    let run = shop.push("main").await?;
    run.succeeds().await?;
    assert!(run.log("integration").await?.contains("joined"));
    let workers = circle.client().workers(&Default::default()).await?.items;
    let joined = workers.iter().find(|worker| worker.name == "joined");
    assert!(joined.is_some_and(|worker| worker.workspace.is_some()), "{workers:?}");

    // A folder that has a token is not enrolled a second time, and nothing leaves in the clear.
    let again = Command::new(program("circle")?)
        .args(["worker", "join", token.expose(), "--server", &circle.url()])
        .args(["--data".into(), circle.folder().join("joined")])
        .output()?;
    let complaint = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!(again.status.code(), Some(2), "{complaint}");
    assert!(complaint.contains("has a worker's token already"), "{complaint}");
    circle.stop().await
}

/// HAProxy with a certificate of an authority that nobody else knows, in front of the server.
struct Front {
    url: String,
    authority: PathBuf,
    _proxy: Child,
}

impl Front {
    fn start(circle: &Circle) -> Result<Self> {
        let folder = circle.folder().join("front");
        fs::create_dir(&folder)?;
        let days = "-days 2 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        openssl(
            &folder,
            &format!("req -x509 {days} -subj /CN=authority -keyout ca.key -out ca.pem"),
        )?;
        let of_front = "-CA ca.pem -CAkey ca.key -subj /CN=front -addext subjectAltName=IP:127.0.0.1 \
                        -addext basicConstraints=critical,CA:FALSE";
        openssl(
            &folder,
            &format!("req -x509 {days} {of_front} -keyout front.key -out front.pem"),
        )?;
        let both = fs::read_to_string(folder.join("front.pem"))? + &fs::read_to_string(folder.join("front.key"))?;
        fs::write(folder.join("both.pem"), both)?;
        let port = free_port()?;
        let backend = circle.url().replace("http://", "");
        let both = folder.join("both.pem");
        let config = format!(
            "defaults\n mode http\n timeout connect 5s\n timeout client 1h\n timeout server 1h\n timeout tunnel 1h\n\
             frontend front\n bind 127.0.0.1:{port} ssl crt {}\n default_backend circle\n\
             backend circle\n server one {backend}\n",
            both.display()
        );
        fs::write(folder.join("haproxy.cfg"), config)?;
        let words = ["-db".into(), "-f".into(), folder.join("haproxy.cfg").into_os_string()];
        let proxy = Child::start::<std::ffi::OsString>("haproxy", words, &folder.join("log"))?;
        Ok(Self {
            url: format!("https://127.0.0.1:{port}"),
            authority: folder.join("ca.pem"),
            _proxy: proxy,
        })
    }
}

fn openssl(folder: &Path, words: &str) -> Result<()> {
    let output = Command::new("openssl")
        .args(words.split(' '))
        .current_dir(folder)
        .output();
    let output = output.context("start openssl")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "openssl {words}: {said}");
    Ok(())
}

#[tokio::test]
async fn a_machine_joins_over_tls_and_speaks_with_nobody_whom_its_authorities_do_not_know() -> Result<()> {
    let mut circle = Circle::start(Options::default()).await?;
    circle.stop_worker().await?;
    let front = Front::start(&circle)?;
    let token = circle.client().enrol_worker(&EnrolmentCreate::default()).await?.token;
    circle
        .join_worker_at(token.expose(), "distrusting", (&front.url, &[]))
        .await?;
    until("the certificate is refused", Duration::from_secs(30), || async {
        let log = circle.worker_log();
        if log.to_lowercase().contains("certificate") {
            Ok(())
        } else {
            Err(log)
        }
    })
    .await?;
    circle.stop_worker().await?;

    let trust = [("SSL_CERT_FILE", front.authority.as_path())];
    circle
        .join_worker_at(token.expose(), "joined", (&front.url, &trust))
        .await?;
    until("the machine is let in", Duration::from_secs(30), || async {
        let workers = circle.client().workers(&Default::default()).await;
        let workers = workers.map_err(|error| error.to_string())?.items;
        let joined = workers.iter().any(|worker| worker.name == "joined");
        if joined { Ok(()) } else { Err(circle.worker_log()) }
    })
    .await?;
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", PIPELINE)?;
    let run = shop.push("main").await?;
    run.succeeds().await?;
    let workers = circle.client().workers(&Default::default()).await?.items;
    let names: Vec<&str> = workers.iter().map(|worker| worker.name.as_str()).collect();
    ensure!(
        names.contains(&"joined") && !names.contains(&"distrusting"),
        "{names:?}"
    );

    // People come the same way, their live logs included.
    let mut logs = Command::new(program("circle")?);
    logs.args(["logs", "shop", "--follow"])
        .env("CIRCLE_SERVER", &front.url)
        .env("CIRCLE_TOKEN", circle.token()?)
        .env("SSL_CERT_FILE", &front.authority);
    let said = tokio::task::spawn_blocking(move || logs.output()).await??;
    let text = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    ensure!(said.status.success() && text.contains("joined"), "{text}");
    circle.stop().await
}
