//! How names are resolved in a cell: as the host's file says it when the question comes, with the host's search domains.

mod support;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::Arc;

use circle_cell::process::ProcessProvider;
use circle_cell::{Cell, CellProvider, CellSpec};
use support::{busybox, config, docker, docker_ok};

/// The only name that the played servers know.
const NAME: &[u8] = b"\x02db\x06intern\x07example\x00";
const FIRST: (Ipv4Addr, Ipv4Addr) = (Ipv4Addr::new(127, 53, 7, 1), Ipv4Addr::new(203, 0, 113, 71));
const SECOND: (Ipv4Addr, Ipv4Addr) = (Ipv4Addr::new(127, 53, 7, 2), Ipv4Addr::new(203, 0, 113, 72));

/// Answers at an address of this machine that [`NAME`] has this one, and that there is no other name, to datagrams and
/// streams; see RFC 1035.
fn play_server((at, address): (Ipv4Addr, Ipv4Addr)) {
    let socket = UdpSocket::bind((at, 53)).expect("the port of name servers");
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, asker)) = socket.recv_from(&mut question) {
            if let Some(answer) = answer(&question[..length], address) {
                let _ = socket.send_to(&answer, asker);
            }
        }
    });
    let listener = TcpListener::bind((at, 53)).expect("the port of name servers");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // A stream has a length before each message.
            let mut question = [0; 512];
            let _ = stream.read_exact(&mut question[..2]);
            let length = usize::from(u16::from_be_bytes([question[0], question[1]])).min(question.len());
            let _ = stream.read_exact(&mut question[..length]);
            if let Some(answer) = answer(&question[..length], address) {
                let _ = stream.write_all(&[&[0, u8::try_from(answer.len()).expect("short")], &answer[..]].concat());
            }
        }
    });
}

/// What a container on the bridge is told over a stream, as hexadecimal bytes.
async fn asked_by_stream(cell: &Cell) -> String {
    let header = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let question = [&header[..], NAME, &[0, 1, 0, 1]].concat();
    let mut message = vec![0, u8::try_from(question.len()).expect("short")];
    message.extend(question);
    let octal: String = message.iter().map(|byte| format!("\\{byte:03o}")).collect();
    let script = format!(
        "(printf '{octal}'; sleep 1) | nc {} 53 | hexdump -v -e '1/1 \"%02x \"'",
        cell.address()
    );
    docker_ok(cell, &on("bridge", &["sh", "-c", &script])).await
}

fn answer(question: &[u8], address: Ipv4Addr) -> Option<Vec<u8>> {
    const A: [u8; 2] = [0, 1];
    let asked = question.get(12..)?;
    let name = &asked[..=asked.iter().position(|byte| *byte == 0)?];
    let kind = asked.get(name.len()..name.len() + 2)?;
    let is_known = name.eq_ignore_ascii_case(NAME);
    let answers = is_known && kind == A;
    let mut told = question[..2].to_vec();
    told.extend([
        0x81,
        if is_known { 0x80 } else { 0x83 },
        0,
        1,
        0,
        u8::from(answers),
        0,
        0,
        0,
        0,
    ]);
    told.extend(asked.get(..name.len() + 4)?);
    if answers {
        told.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        told.extend(address.octets());
    }
    Some(told)
}

fn write(file: &Path, server: Ipv4Addr) {
    let text = format!(
        "# by the provider\nnameserver {server}\nsearch nowhere.example intern.example\noptions ndots:2 rotate\n"
    );
    std::fs::write(file, text).expect("the host's file");
}

/// A container on this network.
fn on<'a>(network: &'a str, command: &[&'a str]) -> Vec<&'a str> {
    let words = ["run", "--rm", "--network", network, "busybox:test"];
    [words.as_slice(), command].concat()
}

/// What a container on this network is told when it looks a name up.
async fn looked_up(cell: &Cell, network: &str, name: &str) -> String {
    let output = docker(cell, &on(network, &["ping", "-c", "1", "-W", "1", name])).await;
    // Nobody answers there; the first line says where.
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[tokio::test]
async fn names_follow_the_hosts_file_and_short_ones_its_search_domains() {
    play_server(FIRST);
    play_server(SECOND);
    let folder = tempfile::Builder::new().prefix("cc").tempdir().expect("a folder");
    let file = folder.path().join("resolv.conf");
    write(&file, FIRST.0);
    let mut config = config(folder.path());
    config.network.names = file.clone();
    let provider = Arc::new(ProcessProvider::open(config).expect("a provider"));
    let spec = CellSpec {
        images: vec![busybox()],
        networks: vec!["mine".to_owned()],
        ..CellSpec::default()
    };
    let cell = provider.start(&spec).await.expect("a cell");
    for network in ["bridge", "mine"] {
        let given = docker_ok(&cell, &on(network, &["cat", "/etc/resolv.conf"])).await;
        assert!(
            given.contains("search nowhere.example intern.example"),
            "{network}: {given}"
        );
        assert!(given.contains("ndots:2"), "{network}: {given}");
        for name in ["db.intern.example", "db"] {
            let told = looked_up(&cell, network, name).await;
            assert!(told.contains("(203.0.113.71)"), "{name} on {network}: {told}");
        }
    }
    let told = asked_by_stream(&cell).await;
    assert!(told.contains("cb 00 71 47"), "by stream: {told}");
    write(&file, SECOND.0);
    for network in ["bridge", "mine"] {
        let told = looked_up(&cell, network, "db").await;
        assert!(told.contains("(203.0.113.72)"), "the file was written anew: {told}");
    }
    let told = looked_up(&cell, "bridge", "other.example").await;
    assert!(told.contains("bad address"), "{told}");
    cell.kill().await.expect("the cell is removed");
}
