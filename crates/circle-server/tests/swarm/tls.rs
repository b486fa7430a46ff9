//! A manager behind mutual TLS: `openssl s_server` with the one file that a probe reads.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use circle_net::Net;
use circle_server::deploy::swarm::SwarmTarget;
use circle_server::deploy::{Target, TargetError};
use secrecy::SecretString;

const INFO: &str = r#"{"ServerVersion": "20.10.24", "Swarm": {"ControlAvailable": true, "Nodes": 1}}"#;

pub(crate) async fn a_manager_behind_tls_is_reached_with_the_right_bundle_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path();
    for name in ["ca", "other"] {
        let words =
            format!("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem");
        openssl(place, &words);
    }
    issue(place, "server", "ca", "subjectAltName=IP:127.0.0.1");
    issue(place, "client", "ca", "extendedKeyUsage=clientAuth");
    issue(place, "stranger", "other", "extendedKeyUsage=clientAuth");
    std::fs::write(place.join("info"), INFO).expect("a file");
    let server = Server::start(place);

    let right = probe(place, server.port, &["client.pem", "client.key", "ca.pem"]).await;
    assert_eq!(right.as_deref(), Ok("Docker Swarm 20.10.24, 1 nodes"));
    let stranger = probe(place, server.port, &["stranger.pem", "stranger.key", "ca.pem"]).await;
    assert!(
        matches!(stranger, Err(TargetError::Unreachable { .. })),
        "it opens nothing: {stranger:?}"
    );
    let forged = probe(place, server.port, &["client.pem", "client.key", "other.pem"]).await;
    assert!(
        matches!(forged, Err(TargetError::Unreachable { .. })),
        "it is not believed: {forged:?}"
    );
    let cases: [(&[&str], &str); 2] = [
        (&["ca.pem"], "no client certificate"),
        (&["client.pem", "client.key"], "no CA certificate"),
    ];
    for (parts, words) in cases {
        let error = probe(place, server.port, parts).await.expect_err("not a whole bundle");
        assert!(
            matches!(&error, TargetError::Refused { why } if why.contains(words)),
            "{error}"
        );
    }
}

async fn probe(place: &Path, port: u16, parts: &[&str]) -> Result<String, TargetError> {
    let bundle: String = parts
        .iter()
        .map(|part| std::fs::read_to_string(place.join(part)).expect("a file"))
        .collect();
    let net = Net::new(vec![format!("127.0.0.1:{port}").parse().expect("an entry")]);
    let (endpoint, bundle) = (format!("tcp://127.0.0.1:{port}"), SecretString::from(bundle));
    let target = SwarmTarget::open(&net, &endpoint, Some(&bundle)).await?;
    target.probe().await.map(|facts| facts.description)
}

struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(place: &Path) -> Self {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
        let port = socket.expect("a port").port();
        let words = format!(
            "s_server -WWW -accept 127.0.0.1:{port} -cert server.pem -key server.key -CAfile ca.pem -Verify 1 -verify_return_error"
        );
        let child = command(place, &words).spawn().expect("openssl starts");
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "openssl does not accept on port {port}"
            );
            std::thread::yield_now();
        }
        Self { child, port }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it can be waited for");
    }
}

fn issue(place: &Path, name: &str, authority: &str, extension: &str) {
    std::fs::write(place.join("extension"), extension).expect("a file");
    openssl(
        place,
        &format!("req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"),
    );
    let signed = format!("-CA {authority}.pem -CAkey {authority}.key -CAcreateserial -days 2 -extfile extension");
    openssl(place, &format!("x509 -req -in {name}.csr {signed} -out {name}.pem"));
}

fn openssl(place: &Path, words: &str) {
    let output = command(place, words)
        .stderr(Stdio::piped())
        .output()
        .expect("openssl is installed");
    assert!(
        output.status.success(),
        "openssl {words}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn command(place: &Path, words: &str) -> Command {
    let mut command = Command::new("openssl");
    command
        .args(words.split(' '))
        .current_dir(place)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}
