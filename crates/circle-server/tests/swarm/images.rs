//! Images made on the spot: a static busybox that serves one page, healthy or not.

use std::path::Path;
use std::process::Stdio;

use tar::{Builder, EntryType, Header};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// How a version behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// It serves its page.
    Good,
    /// Its health check fails.
    Bad,
    /// It ends at once.
    Dies,
}

/// Makes `reference` in the engine behind the socket, pushes it, and gives its digest.
pub(crate) async fn push(socket: &Path, reference: &str, page: &str, health: Health) -> String {
    let command = match health {
        Health::Dies => r#"CMD ["/bin/busybox","false"]"#,
        _ => r#"CMD ["/bin/busybox","httpd","-f","-p","8080","-h","/www"]"#,
    };
    // A good one has patience with a busy machine.
    let (probe, patience) = match health {
        Health::Good => (
            r#"["/bin/busybox","wget","-q","-O","/dev/null","http://127.0.0.1:8080/"]"#,
            "--timeout=10s --retries=5",
        ),
        _ => (r#"["/bin/busybox","false"]"#, "--timeout=2s --retries=2"),
    };
    let check = format!("HEALTHCHECK --interval=400ms {patience} CMD {probe}");
    docker(
        socket,
        &["import", "--change", command, "--change", &check, "-", reference],
        &layer(page),
    )
    .await;
    docker(socket, &["push", "--quiet", reference], &[]).await;
    let said = docker(
        socket,
        &[
            "inspect",
            "--format",
            "{{range .RepoDigests}}{{println .}}{{end}}",
            reference,
        ],
        &[],
    )
    .await;
    let repository = &reference[..reference.rfind(':').expect("a tag")];
    let own = said
        .lines()
        .find_map(|line| line.strip_prefix(repository)?.strip_prefix('@'));
    own.expect("a pushed image has a digest").to_owned()
}

/// The docker client against the engine behind the socket.
pub(crate) async fn docker(socket: &Path, words: &[&str], input: &[u8]) -> String {
    let mut child = Command::new("/usr/bin/docker")
        .arg("--host")
        .arg(format!("unix://{}", socket.display()))
        .args(words)
        .env("DOCKER_CONFIG", socket.with_file_name("client"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the docker client");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input).await.expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().await.expect("it ends");
    assert!(
        output.status.success(),
        "docker {words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn layer(page: &str) -> Vec<u8> {
    let program = std::fs::read("/bin/busybox").expect("busybox-static is installed");
    let mut tar = Builder::new(Vec::new());
    for folder in ["bin/", "www/", "tmp/", "etc/"] {
        put(&mut tar, folder, EntryType::Directory, &[]);
    }
    put(&mut tar, "bin/busybox", EntryType::Regular, &program);
    put(&mut tar, "www/index.html", EntryType::Regular, page.as_bytes());
    tar.into_inner().expect("a layer")
}

fn put(tar: &mut Builder<Vec<u8>>, path: &str, kind: EntryType, content: &[u8]) {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o755);
    tar.append_data(&mut header, path, content).expect("an entry");
}
