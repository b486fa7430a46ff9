//! The lab's servers are the real ones.

use circle_lab::{Credentials, GitServer, Registry, is_free};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn get(address: &str, authorization: Option<&str>) -> String {
    let mut stream = TcpStream::connect(address).await.expect("the registry accepts");
    let header = authorization
        .map(|value| format!("authorization: {value}\r\n"))
        .unwrap_or_default();
    let request = format!("GET /v2/ HTTP/1.0\r\nhost: registry\r\n{header}\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_registry_with_a_password_refuses_everybody_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let credentials = Credentials {
        username: "pusher".into(),
        password: "correct horse".into(),
    };
    let mut registry = Registry::start(folder.path(), Some(&credentials))
        .await
        .expect("a registry");
    let address = registry.address();
    assert!(get(&address, None).await.contains("401"));
    let wrong = base64("pusher:wrong");
    assert!(get(&address, Some(&format!("Basic {wrong}"))).await.contains("401"));
    let right = base64("pusher:correct horse");
    assert!(get(&address, Some(&format!("Basic {right}"))).await.contains("200"));

    registry.stop().await.expect("it stops");
    let port = address
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok())
        .expect("a port");
    assert!(is_free(port), "a stopped registry gives its port back");
    registry.start_again().await.expect("it starts again on its port");
    assert_eq!(registry.address(), address);
}

#[tokio::test]
async fn a_push_runs_the_hook_and_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = GitServer::start(folder.path()).await.expect("a git server");
    let repository = server.repository("shop").await.expect("a repository");
    let hook = repository.bare().join("hooks/post-receive");
    std::fs::write(&hook, "#!/bin/sh\nread before after ref; echo \"$ref at $after\"\n").expect("a hook");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&hook, mode).expect("an executable hook");

    repository
        .write("src/main.c", "int main(void) { return 0; }\n")
        .expect("a file");
    let commit = repository.commit("Begin").await.expect("a commit");
    let said = repository.push("refs/heads/main").await.expect("a push");
    assert!(
        said.contains(&format!("refs/heads/main at {commit}")),
        "the hook said {said}"
    );
    let seen = repository
        .git(&["ls-remote", repository.url(), "refs/heads/main"])
        .await
        .expect("served");
    assert!(seen.starts_with(&commit), "the server shows {seen}");
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}
