//! A real Gitea on loopback, with a folder of its own. `cargo xtask test-real` builds it and says where it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::until::until;

const CONFIG: &str = include_str!("../../../../../xtask/servers/gitea/app.ini");
/// Of everybody here.
pub(crate) const PASSWORD: &str = "correct-horse-battery";
/// Starting it takes a second or two, more on a busy machine.
const START_TIME: Duration = Duration::from_secs(60);

/// A Gitea with the administrator `bot`.
pub(crate) struct Gitea {
    pub(crate) address: String,
    pub(crate) token: String,
    folder: TempDir,
    program: PathBuf,
    user: (u32, u32),
    child: Option<Child>,
    http: reqwest::Client,
}

impl Gitea {
    pub(crate) async fn start() -> Self {
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let set =
            |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `make test-real`"));
        let name = set("CIRCLE_GITEA_USER");
        let user = (id(&name, "-u").await, id(&name, "-g").await);
        let folder = tempfile::tempdir().expect("a folder");
        let port = circle_lab::free_port().expect("a port");
        let mut gitea = Self {
            address: format!("http://127.0.0.1:{port}"),
            token: String::new(),
            program: folder.path().join("gitea"),
            folder,
            user,
            child: None,
            http: reqwest::Client::new(),
        };
        gitea.configure(&name, port);
        gitea.take(Path::new(&set("CIRCLE_GITEA")), "gitea").await;
        for part in ["templates", "options", "public"] {
            gitea
                .take(&Path::new(&set("CIRCLE_GITEA_TEMPLATES")).join(part), part)
                .await;
        }
        gitea.run(&["migrate"]).await;
        let bot = [
            "admin",
            "user",
            "create",
            "--admin",
            "--username",
            "bot",
            "--email",
            "bot@example.org",
        ];
        let rest = ["--password", PASSWORD, "--must-change-password=false"];
        gitea.run(&[&bot[..], &rest[..]].concat()).await;
        let token = [
            "admin",
            "user",
            "generate-access-token",
            "--username",
            "bot",
            "--raw",
            "--scopes",
            "all",
        ];
        gitea.token = gitea.run(&token).await.trim().to_owned();
        gitea.start_again().await;
        gitea
    }

    /// Links what lies where the other user may not go; copies it from another disk.
    async fn take(&self, from: &Path, name: &str) {
        for how in ["-rlL", "-rL"] {
            let mut copy = Command::new("cp");
            copy.arg(how)
                .arg(from)
                .arg(self.folder.path().join(name))
                .stderr(Stdio::null());
            if copy.status().await.expect("cp").success() {
                return;
            }
        }
        panic!("{} cannot be copied", from.display());
    }

    fn configure(&self, name: &str, port: u16) {
        let folder = self.folder.path();
        let secret = "0123456789abcdef0123456789abcdef0123456789abcdef";
        // Both are what `gitea generate secret` makes: 32 bytes in base64, and a token that is signed by nobody.
        let jwt = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";
        let text = CONFIG
            .replace("@USER@", name)
            .replace("@WORK@", &folder.display().to_string())
            .replace("@PORT@", &port.to_string())
            .replace("@STATIC@", &folder.display().to_string())
            .replace("@SECRET@", secret)
            .replace("@INTERNAL@", secret)
            .replace("@JWT@", jwt);
        std::fs::write(self.config(), text).expect("written");
        for path in [folder.to_owned(), self.config()] {
            std::os::unix::fs::chown(path, Some(self.user.0), Some(self.user.1)).expect("given away");
        }
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("app.ini")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let folder = self.folder.path();
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .arg("--config")
            .arg(self.config())
            .current_dir(folder)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", folder)
            .env("GITEA_WORK_DIR", folder)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if is_root() {
            command.gid(self.user.1).uid(self.user.0);
        }
        command
    }

    async fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().await.expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "gitea {arguments:?}: {said} {complained}");
        said
    }

    /// Kills it; what it has written stays.
    pub(crate) async fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("killed");
        }
    }

    /// Starts it at the same address.
    pub(crate) async fn start_again(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("log")).expect("a log");
        let mut command = self.command(&["web"]);
        command.stdout(log.try_clone().expect("a log")).stderr(log);
        self.child = Some(command.spawn().expect("it starts"));
        let look = || async {
            let answer = self.http.get(format!("{}/api/healthz", self.address)).send().await;
            answer.is_ok_and(|answer| answer.status().is_success())
        };
        let up = tokio::time::timeout(START_TIME, until("Gitea", look, |up| *up)).await;
        up.unwrap_or_else(|_| panic!("Gitea does not answer: {}", self.log()));
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Asks as the administrator.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Value) -> Value {
        self.ask_as("bot", method, path, body).await
    }

    /// Asks as somebody.
    pub(crate) async fn ask_as(&self, who: &str, method: Method, path: &str, body: Value) -> Value {
        let request = self.http.request(method, format!("{}/api/v1/{path}", self.address));
        let mut request = request.basic_auth(who, Some(PASSWORD));
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("an answer");
        let (status, text) = (answer.status(), answer.text().await.expect("a body"));
        assert!(status.is_success(), "{path}: {status} {text}\n{}", self.log());
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Makes somebody; gives their id.
    pub(crate) async fn person(&self, name: &str) -> u64 {
        let wish = json!({
            "username": name, "email": format!("{name}@example.org"), "password": PASSWORD, "must_change_password": false,
        });
        let made = self.ask(Method::POST, "admin/users", wish).await;
        made["id"].as_u64().expect("an id")
    }

    /// A repository of the bot's with one commit; gives its id.
    pub(crate) async fn repository(&self, name: &str) -> u64 {
        let wish = json!({"name": name, "auto_init": true, "default_branch": "main", "private": false});
        let made = self.ask(Method::POST, "user/repos", wish).await;
        made["id"].as_u64().expect("an id")
    }

    /// Lets somebody push.
    pub(crate) async fn invite(&self, repository: &str, name: &str) {
        let path = format!("repos/bot/{repository}/collaborators/{name}");
        self.ask(Method::PUT, &path, json!({"permission": "write"})).await;
    }

    /// Pushes one file from a work tree to a branch, as somebody does with git; gives the commit.
    pub(crate) async fn push(
        &self,
        who: &str,
        repository: &str,
        branch: &str,
        (path, content): (&str, &str),
    ) -> String {
        let tree = tempfile::tempdir().expect("a folder");
        let host = self.address.trim_start_matches("http://");
        let url = format!("http://{who}:{PASSWORD}@{host}/{repository}.git");
        git(tree.path(), &["clone", "--quiet", &url, "."]).await;
        git(tree.path(), &["checkout", "--quiet", "-B", branch]).await;
        std::fs::write(tree.path().join(path), content).expect("written");
        git(tree.path(), &["add", "."]).await;
        // Whose commit it says it is matters to nobody.
        let author = ["-c", "user.name=The Boss", "-c", "user.email=boss@example.org"];
        let message = format!("Change {path}");
        git(
            tree.path(),
            &[&author[..], &["commit", "--quiet", "-m", &message]].concat(),
        )
        .await;
        git(tree.path(), &["push", "--quiet", "--force", "origin", branch]).await;
        git(tree.path(), &["rev-parse", "HEAD"]).await.trim().to_owned()
    }

    /// A person who opens an address in a browser and lets the application in; gives where they are sent back to.
    pub(crate) async fn lets_in(&self, who: &str, authorize_url: &str) -> String {
        let plain = reqwest::redirect::Policy::none();
        let browser = reqwest::Client::builder().redirect(plain).build().expect("a client");
        let login = [("user_name", who), ("password", PASSWORD)];
        let at = |path: &str| format!("{}{path}", self.address);
        let answer = browser
            .post(at("/user/login"))
            .form(&login)
            .send()
            .await
            .expect("logged in");
        let mut jar = Jar::default();
        jar.take(&answer);
        assert_eq!(answer.status(), 303, "{}", self.log());
        let mut next = authorize_url.to_owned();
        loop {
            let request = browser.get(&next).header("cookie", jar.header());
            let answer = request.send().await.expect("a page");
            jar.take(&answer);
            if let Some(back) = answer.headers().get("location") {
                return back.to_str().expect("an address").to_owned();
            }
            let text = answer.text().await.expect("a page");
            let fields = hidden(&text);
            assert!(!fields.is_empty(), "{text}");
            let granted = [("granted".to_owned(), "true".to_owned())];
            let form: Vec<_> = fields.into_iter().chain(granted).collect();
            let request = browser
                .post(at("/login/oauth/grant"))
                .header("cookie", jar.header())
                .form(&form);
            let answer = request.send().await.expect("granted");
            jar.take(&answer);
            let back = answer
                .headers()
                .get("location")
                .map(|to| to.to_str().expect("an address").to_owned());
            next = back.unwrap_or_else(|| panic!("not granted: {}", answer.status()));
            if !next.starts_with(&self.address) {
                return next;
            }
        }
    }

    /// The states of a commit by their names.
    pub(crate) async fn states(&self, repository: &str, commit: &str) -> Vec<(String, String)> {
        let path = format!("repos/{repository}/commits/{commit}/status");
        let status = self.ask(Method::GET, &path, Value::Null).await;
        let all = status["statuses"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        all.iter()
            .map(|one| (text(&one["context"]), text(&one["status"])))
            .collect()
    }
}

async fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", folder)
        .env("GIT_TERMINAL_PROMPT", "0")
        .output()
        .await
        .expect("git");
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {complained}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn id(user: &str, which: &str) -> u32 {
    let output = Command::new("id").args([which, user]).output().await.expect("id");
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .expect("a number")
}

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").expect("ourselves")) == 0
}

/// The cookies of one browser.
#[derive(Default)]
struct Jar(BTreeMap<String, String>);

impl Jar {
    fn take(&mut self, answer: &reqwest::Response) {
        for value in answer.headers().get_all("set-cookie") {
            let text = value.to_str().expect("a cookie");
            let pair = text.split(';').next().and_then(|pair| pair.split_once('='));
            let (name, value) = pair.expect("name=value");
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }

    fn header(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }
}

/// Names and values of the hidden fields of a page's form.
fn hidden(page: &str) -> Vec<(String, String)> {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        Some(
            rest.split('"')
                .next()?
                .replace("&amp;", "&")
                .replace("&#34;", "\"")
                .replace("&#43;", "+"),
        )
    };
    let tags = page.split("<input").skip(1).filter_map(|rest| rest.split('>').next());
    let fields = tags.filter(|tag| tag.contains("type=\"hidden\""));
    fields
        .filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default())))
        .collect()
}
