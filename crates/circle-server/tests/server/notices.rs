//! People and programs are told how runs ended: by a real mail server, and by calls to a real listener.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use circle_api::resources::PageQuery;
use circle_api::resources::notice::{MailRules, NoticeState, NoticeView, WebhookCreate};
use circle_core::ids::RunId;
use circle_lab::Mailbox;
use circle_server::{MailConfig, MailTls};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::support::{Circle, Played, Repo, until};

const PIPELINE: &str = "integration:\n  image: busybox\n  commands: [test]\n";

struct Office {
    mailbox: Mailbox,
    folder: TempDir,
}

impl Office {
    async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mailbox = Mailbox::start(&folder.path().join("mail"))
            .await
            .expect("a mail server");
        Self { mailbox, folder }
    }

    fn config(&self, password: &str) -> MailConfig {
        let file = self.folder.path().join(password);
        std::fs::write(&file, format!("{password}\n")).expect("a password file");
        MailConfig {
            server: format!("smtp://ci@{}", self.mailbox.address()),
            tls: MailTls::Required,
            password_file: Some(file),
            authority_file: Some(self.mailbox.authority()),
            from: "circle@example.org".parse().expect("an address"),
        }
    }

    async fn mails(&self, count: usize) -> Vec<Value> {
        let read = || async { self.mailbox.mails().expect("the mails") };
        until("the mails", read, |mails| mails.len() >= count).await
    }
}

fn rules(to: &[&str], author: bool) -> MailRules {
    let to = to.iter().map(|address| address.parse().expect("an address")).collect();
    MailRules { to, author }
}

/// A run whose only stage prints this and then fails, or succeeds.
async fn run(circle: &Circle, worker: &Played, printed: Option<&str>) -> RunId {
    let run = circle.trigger("shop").await;
    let mut job = worker.claim(run).await;
    match printed {
        Some(text) => {
            assert_eq!(
                job.log(job.chunk("integration", (0, 0), text.as_bytes()))
                    .await
                    .status(),
                200
            );
            job.fail_in("integration", "`test` exited with code 1").await;
        }
        None => job.succeed().await,
    }
    circle.ended(run).await;
    run
}

async fn notices(circle: &Circle) -> Vec<NoticeView> {
    let query = PageQuery {
        cursor: None,
        limit: None,
    };
    circle
        .api
        .notices("default", "shop", &query)
        .await
        .expect("the notices")
        .items
}

fn word(notice: &NoticeView) -> &'static str {
    match notice.state {
        NoticeState::Waiting { .. } => "waiting",
        NoticeState::Delivered { .. } => "delivered",
        NoticeState::GivenUp { .. } => "given up",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_and_the_author_get_mail_of_what_fails_and_of_what_is_mended() {
    let office = Office::open().await;
    let circle = Circle::start_with_mail(office.config("right-password")).await;
    let repo = Repo::with(PIPELINE).await;
    circle.service("shop", repo.url()).await;
    let set = rules(&["team@example.org", "lead@example.org", "team@example.org"], true);
    let kept = circle.api.set_mail_rules("default", "shop", &set).await.expect("rules");
    assert_eq!(kept.to.len(), 2, "each address is kept once");
    let worker = Played::enrol(&circle, "w", 1).await;

    // A first success is no news, and neither is a second.
    run(&circle, &worker, None).await;
    let lines: String = (1..=100)
        .map(|line| format!("line {line} <b>&\u{1b}[31mred\u{1b}[0m\n"))
        .collect();
    let failed = run(&circle, &worker, Some(&lines)).await;
    run(&circle, &worker, None).await;
    run(&circle, &worker, None).await;

    // Team, lead, and the author, of the failed one and of the one that mended it.
    let mails = office.mails(6).await;
    let of = |to: &str| mails.iter().filter(|mail| mail["to"][0] == to).collect::<Vec<_>>();
    let team = of("team@example.org");
    assert_eq!(team.len(), 2, "{mails:#?}");
    assert_eq!(of("lead@example.org").len(), 2);
    let mail = team[0];
    assert_eq!(
        mail["subject"],
        "[shop] run 2 failed in integration: Change caicloud.yml"
    );
    assert_eq!((&mail["tls"], &mail["login"]), (&Value::Bool(true), &Value::Bool(true)));
    assert_eq!(mail["from"], "circle@example.org");
    assert_eq!(mail["headers"]["Auto-Submitted"], "auto-generated");
    let (text, html) = (
        mail["text"].as_str().expect("text"),
        mail["html"].as_str().expect("html"),
    );
    for wanted in [
        "`test` exited with code 1",
        "refs/heads/main",
        "line 71 <b>&red",
        "line 100",
        &failed.to_string(),
    ] {
        assert!(text.contains(wanted), "{wanted} is not in {text}");
    }
    assert!(!text.contains("line 70 "), "30 lines: {text}");
    assert!(
        html.contains("line 100 &lt;b&gt;&amp;red") && !html.contains("<b>"),
        "{html}"
    );
    assert_eq!(team[1]["subject"], "[shop] run 3 is fixed: Change caicloud.yml");
    let author = mails
        .iter()
        .filter(|mail| !["team@example.org", "lead@example.org"].contains(&mail["to"][0].as_str().unwrap_or_default()));
    assert_eq!(author.count(), 2, "the author of the commit");

    let told = until(
        "the notices",
        || notices(&circle),
        |all| all.len() == 6 && all.iter().all(|one| word(one) == "delivered"),
    )
    .await;
    assert!(
        told.iter().all(|notice| notice.tries == 1 && notice.channel == "mail"),
        "{told:#?}"
    );
    assert_eq!(
        told.iter()
            .filter(|notice| notice.run == Some(failed) && notice.cause == "failed")
            .count(),
        3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_is_put_off_comes_later_and_what_is_refused_is_told() {
    let mut office = Office::open().await;
    let mut circle = Circle::start_with_mail(office.config("right-password")).await;
    let repo = Repo::with(PIPELINE).await;
    circle.service("shop", repo.url()).await;
    let set = rules(&["later@example.org", "never@example.org"], false);
    circle.api.set_mail_rules("default", "shop", &set).await.expect("rules");
    let worker = Played::enrol(&circle, "w", 1).await;
    run(&circle, &worker, Some("broken\n")).await;
    let is_tried = |all: &Vec<NoticeView>| all.len() == 2 && all.iter().all(|notice| notice.tries > 0);
    let told = until("a try of each", || notices(&circle), is_tried).await;
    let of = |to: &str| told.iter().find(|notice| notice.to == to).expect("a notice");
    let (later, never) = (of("later@example.org"), of("never@example.org"));
    assert_eq!((word(never), word(later)), ("given up", "waiting"));
    assert!(
        never.why.as_deref().is_some_and(|why| why.contains("no such user")),
        "{never:?}"
    );
    assert!(
        later.why.as_deref().is_some_and(|why| why.contains("busy")),
        "{later:?}"
    );

    // The mail server goes away, comes back, and what waits is told by whichever server runs then.
    office.mailbox.stop().await.expect("it ends");
    circle.stop().await;
    office.mailbox.start_again().await.expect("it comes back");
    let circle = circle.restart_with_mail(office.config("right-password")).await;
    let kept = until(
        "the mail that was put off",
        || notices(&circle),
        |all| all.iter().any(|notice| word(notice) == "delivered"),
    )
    .await;
    assert!(
        kept.iter()
            .any(|notice| notice.to == "later@example.org" && notice.tries >= 2),
        "{kept:?}"
    );
    assert_eq!(office.mails(1).await[0]["to"][0], "later@example.org");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_waits_for_the_operator_and_no_mail_server_is_said() {
    let office = Office::open().await;
    let tried = |all: &Vec<NoticeView>| all.first().is_some_and(|notice| notice.tries > 0);
    for (mail, state, why) in [
        (Some(office.config("wrong-password")), "waiting", "535"),
        (None, "given up", "--mail-server"),
    ] {
        let circle = match mail {
            Some(mail) => Circle::start_with_mail(mail).await,
            None => Circle::start().await,
        };
        let repo = Repo::with(PIPELINE).await;
        circle.service("shop", repo.url()).await;
        circle
            .api
            .set_mail_rules("default", "shop", &rules(&["team@example.org"], false))
            .await
            .expect("rules");
        let worker = Played::enrol(&circle, "w", 1).await;
        run(&circle, &worker, Some("broken\n")).await;
        let told = until("a try", || notices(&circle), tried).await;
        assert_eq!(word(&told[0]), state, "{told:?}");
        assert!(
            told[0].why.as_deref().is_some_and(|said| said.contains(why)),
            "{told:?}"
        );
        let shown = format!("{told:?}");
        assert!(!shown.contains("wrong-password"), "{shown}");
    }
    assert_eq!(office.mailbox.mails().expect("the mails").len(), 0);
}

/// Answers calls with these statuses in turn, then with 200; keeps heads and bodies.
struct Receiver {
    url: String,
    calls: Arc<Mutex<Vec<(String, String)>>>,
    _serving: JoinSet<()>,
}

impl Receiver {
    async fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/circle?x=1", listener.local_addr().expect("an address"));
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (kept, mut statuses) = (calls.clone(), statuses.iter().copied().collect::<VecDeque<_>>());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                let mut part = [0; 4096];
                let (head, body) = loop {
                    let read = stream.read(&mut part).await.unwrap_or_default();
                    request.extend_from_slice(&part[..read]);
                    let text = String::from_utf8_lossy(&request).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else {
                        continue;
                    };
                    let length = head
                        .lines()
                        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                    if read == 0 || body.len() >= length.unwrap_or(0) {
                        break (head.to_owned(), body.to_owned());
                    }
                };
                kept.lock().expect("no panic").push((head, body));
                let status = statuses.pop_front().unwrap_or(200);
                let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self {
            url,
            calls,
            _serving: serving,
        }
    }

    async fn calls(&self, count: usize) -> Vec<(String, String)> {
        until(
            "the calls",
            || async { self.calls.lock().expect("no panic").clone() },
            |calls| calls.len() >= count,
        )
        .await
    }
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head
        .lines()
        .find_map(|line| line.split_once(": ").filter(|(found, _)| *found == name));
    line.unwrap_or_else(|| panic!("no {name} in {head}")).1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_called_with_a_signature_that_its_receiver_can_check() {
    let receiver = Receiver::start(&[503]).await;
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let wish = WebhookCreate {
        name: "chat".parse().expect("a name"),
        url: receiver.url.clone(),
    };
    let created = circle
        .api
        .create_webhook("default", "shop", &wish)
        .await
        .expect("a webhook");
    let secret = created.secret.expose().to_owned();
    let listed = circle.api.webhooks("default", "shop").await.expect("webhooks");
    assert!(listed.len() == 1 && !format!("{listed:?}").contains(&secret));
    assert!(
        circle.api.create_webhook("default", "shop", &wish).await.is_err(),
        "the name is taken"
    );
    let worker = Played::enrol(&circle, "w", 1).await;
    let ended = run(&circle, &worker, None).await;

    // Refused once, told again under the same id.
    let calls = receiver.calls(2).await;
    assert_eq!(header(&calls[0].0, "webhook-id"), header(&calls[1].0, "webhook-id"));
    for (head, body) in &calls {
        assert!(head.starts_with("POST /circle?x=1 HTTP/1.1"), "{head}");
        let content = format!(
            "{}.{}.{body}",
            header(head, "webhook-id"),
            header(head, "webhook-timestamp")
        );
        let key = STANDARD
            .decode(secret.strip_prefix("whsec_").expect("a prefix"))
            .expect("base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
        mac.update(content.as_bytes());
        let signature = STANDARD
            .decode(
                header(head, "webhook-signature")
                    .strip_prefix("v1,")
                    .expect("a version"),
            )
            .expect("base64");
        mac.verify_slice(&signature).expect("the signature is right");
    }
    let told: Value = serde_json::from_str(&calls[1].1).expect("JSON");
    assert_eq!(
        (&told["type"], &told["data"]["run"]["id"]),
        (&"run.ended".into(), &ended.to_string().into())
    );
    assert_eq!(told["data"]["run"]["state"], "succeeded");
    until(
        "it is delivered",
        || notices(&circle),
        |all| {
            all.iter()
                .any(|notice| word(notice) == "delivered" && notice.tries == 2)
        },
    )
    .await;

    let ping = circle
        .api
        .ping_webhook("default", "shop", "chat")
        .await
        .expect("a ping");
    let calls = receiver.calls(3).await;
    assert_eq!(header(&calls[2].0, "webhook-id"), ping.id.to_string());
    assert!(calls[2].1.contains("\"run.ping\""), "{}", calls[2].1);
    circle
        .api
        .remove_webhook("default", "shop", "chat")
        .await
        .expect("it is removed");
    assert!(circle.api.ping_webhook("default", "shop", "chat").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_42_a_webhook_leads_to_no_address_of_the_servers_own_networks() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    for (name, url) in [
        ("a", "http://169.254.169.254/latest/meta-data"),
        ("b", "http://[::1]:1/"),
        ("c", "http://10.0.0.1/"),
    ] {
        let wish = WebhookCreate {
            name: name.parse().expect("a name"),
            url: url.into(),
        };
        circle
            .api
            .create_webhook("default", "shop", &wish)
            .await
            .expect("a webhook");
        circle.api.ping_webhook("default", "shop", name).await.expect("a ping");
    }
    for url in [
        "file:///etc/passwd",
        "gopher://a/",
        "http://user:pw@example.org/",
        "example.org",
    ] {
        let wish = WebhookCreate {
            name: "d".parse().expect("a name"),
            url: url.into(),
        };
        assert!(
            circle.api.create_webhook("default", "shop", &wish).await.is_err(),
            "{url}"
        );
    }
    let all_ended = |all: &Vec<NoticeView>| all.len() == 3 && all.iter().all(|notice| word(notice) == "given up");
    let told = until("the refusals", || notices(&circle), all_ended).await;
    for notice in told {
        let why = notice.why.unwrap_or_default();
        assert!(why.contains("which this server calls for nobody"), "{why}");
    }
}
