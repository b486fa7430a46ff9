//! What a cell keeps apart (security 27, 31): the host, other cells, metadata addresses; and what it opens.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use circle_cell::{CellProvider, CellSpec, Exit, InCell, Relay, Sight};
use support::{Bench, docker, docker_ok};
use tokio::io::AsyncReadExt;

/// A service of the host that answers "host" to whoever connects.
fn host_service(address: &str) -> SocketAddr {
    let listener = TcpListener::bind(address).expect("a port of the host");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.write_all(b"host\n");
        }
    });
    address
}

#[tokio::test]
async fn sec_27_a_job_reaches_neither_host_nor_other_cell_nor_metadata() {
    let everywhere = host_service("0.0.0.0:0");
    let bench = Bench::new();
    let cell = bench.start().await;
    let other = bench.start().await;
    docker_ok(
        &other,
        &[
            "run",
            "-d",
            "-p",
            "7777:7777",
            "busybox:test",
            "sh",
            "-c",
            "while true; do echo other | nc -l -p 7777; done",
        ],
    )
    .await;
    let gateway = std::net::Ipv4Addr::from_bits(cell.address().to_bits() - 1);
    let uplink = uplink_address();
    let other_port = format!("{} 7777", other.address());
    let targets = [
        ("the host through the link", format!("{gateway} {}", everywhere.port())),
        (
            "the host through its own address",
            format!("{uplink} {}", everywhere.port()),
        ),
        ("another cell", other_port.clone()),
        ("metadata", "169.254.169.254 80".to_owned()),
        ("a private address", "10.255.255.53 53".to_owned()),
    ];
    let mut script = String::new();
    for (whom, target) in &targets {
        script += &format!("echo 'tries {whom}'; nc -w 3 {target} </dev/null 2>/dev/null && echo 'REACHES {whom}'\n");
    }
    script += "true";
    for network in [&[][..], &["--userns", "host", "--network", "host"]] {
        let words = [&["run", "--rm"], network, &["busybox:test", "sh", "-c", &script]].concat();
        let told = docker_ok(&cell, &words).await;
        assert_eq!(told.matches("tries").count(), targets.len(), "{told}");
        assert!(!told.contains("REACHES"), "from network {network:?}: {told}");
    }
    let itself = format!("nc -w 3 {other_port} </dev/null");
    assert_eq!(
        docker_ok(
            &other,
            &[
                "run",
                "--rm",
                "--userns",
                "host",
                "--network",
                "host",
                "busybox:test",
                "sh",
                "-c",
                &itself
            ]
        )
        .await,
        "other"
    );
    for cell in [cell, other] {
        cell.kill().await.expect("nothing is left");
    }
}

/// The address by which this host reaches others; nothing is sent.
fn uplink_address() -> std::net::IpAddr {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket.connect("192.0.2.1:9").expect("a route");
    socket.local_addr().expect("an address").ip()
}

#[tokio::test]
async fn a_relay_is_the_one_door_to_a_service_of_the_host() {
    let service = host_service("127.0.0.1:0");
    let closed = host_service("127.0.0.1:0");
    let bench = Bench::new();
    let spec = CellSpec {
        relays: vec![Relay::same(service)],
        ..CellSpec::default()
    };
    let cell = bench.start_with(spec).await;
    let ask = |port: u16| format!("nc -w 3 127.0.0.1 {port} </dev/null");
    let open = docker_ok(
        &cell,
        &[
            "run",
            "--rm",
            "--userns",
            "host",
            "--network",
            "host",
            "busybox:test",
            "sh",
            "-c",
            &ask(service.port()),
        ],
    )
    .await;
    assert_eq!(open, "host");
    let shut = docker(
        &cell,
        &[
            "run",
            "--rm",
            "--userns",
            "host",
            "--network",
            "host",
            "busybox:test",
            "sh",
            "-c",
            &ask(closed.port()),
        ],
    )
    .await;
    assert!(!shut.status.success(), "a service without a relay answered: {shut:?}");
    let bridged = docker(
        &cell,
        &["run", "--rm", "busybox:test", "sh", "-c", &ask(service.port())],
    )
    .await;
    assert!(
        !bridged.status.success(),
        "a relay on the loopback is the daemon's, not the containers': {bridged:?}"
    );
    cell.kill().await.expect("nothing is left");
}

#[tokio::test]
async fn names_are_resolved_through_the_host() {
    let bench = Bench::new();
    let cell = bench.start().await;
    let server = format!("nameserver {}", cell.address());
    let file = docker_ok(&cell, &["run", "--rm", "busybox:test", "cat", "/etc/resolv.conf"]).await;
    assert!(file.contains(&server), "{file}");
    // Whatever the host's resolver says of this name, it is the cell's name server that passes the answer on.
    let answer = docker(
        &cell,
        &[
            "run",
            "--rm",
            "busybox:test",
            "nslookup",
            "localhost",
            &cell.address().to_string(),
        ],
    )
    .await;
    let told = String::from_utf8_lossy(&answer.stdout).into_owned() + &String::from_utf8_lossy(&answer.stderr);
    assert!(
        !told.contains("timed out") && told.contains(&cell.address().to_string()),
        "{told}"
    );
    cell.kill().await.expect("nothing is left");
}

#[tokio::test]
async fn the_daemon_sees_nothing_of_the_host_and_root_in_a_container_is_nobody_here() {
    let bench = Bench::new();
    let cell = bench.start().await;
    let look = "ls / /etc /root /home 2>&1; cat /proc/1/comm; ls /proc | grep -c '^[0-9]'";
    let listing = docker_ok(&cell, &["run", "--rm", "-v", "/:/cell-root:ro", "busybox:test", "sh", "-c",
        "ls /cell-root /cell-root/etc /cell-root/root; ls /cell-root/home /cell-root/etc/shadow /cell-root/etc/ssl/private 2>&1 || true"]).await;
    assert!(listing.contains("\npasswd\n"), "{listing}");
    for missing in ["/cell-root/home", "/cell-root/etc/shadow", "/cell-root/etc/ssl/private"] {
        assert!(
            listing.contains(&format!("{missing}: No such file")),
            "{missing} of the host is seen: {listing}"
        );
    }
    let inside = docker_ok(
        &cell,
        &[
            "run",
            "--rm",
            "--pid",
            "host",
            "--userns",
            "host",
            "busybox:test",
            "sh",
            "-c",
            look,
        ],
    )
    .await;
    assert!(
        inside.lines().any(|line| line.contains("circle-cell-ini")),
        "PID 1 of the cell is its init: {inside}"
    );
    let mapped = docker_ok(&cell, &["run", "-d", "busybox:test", "sleep", "600"]).await;
    let pid = docker_ok(&cell, &["inspect", "-f", "{{.State.Pid}}", &mapped]).await;
    let owner = docker_ok(
        &cell,
        &[
            "run",
            "--rm",
            "--pid",
            "host",
            "--userns",
            "host",
            "busybox:test",
            "stat",
            "-c",
            "%u",
            &format!("/proc/{pid}"),
        ],
    )
    .await;
    assert_eq!(owner, cell.remapped_root().uid.to_string());
    cell.kill().await.expect("nothing is left");
}

#[tokio::test]
async fn sec_31_the_next_cell_sees_nothing_of_the_last() {
    let bench = Bench::new();
    let first = bench.start().await;
    docker_ok(
        &first,
        &[
            "run",
            "--name",
            "mark",
            "-v",
            "mark:/v",
            "busybox:test",
            "touch",
            "/v/mark",
            "/tmp/mark",
        ],
    )
    .await;
    docker_ok(&first, &["network", "create", "mark"]).await;
    docker_ok(&first, &["tag", "busybox:test", "mark:mark"]).await;
    first.kill().await.expect("nothing is left");
    let second = bench.start().await;
    for words in [&["ps", "-a"][..], &["volume", "ls"], &["network", "ls"], &["images"]] {
        let listing = docker_ok(&second, words).await;
        assert!(!listing.contains("mark"), "{words:?}: {listing}");
    }
    second.kill().await.expect("nothing is left");
}

#[tokio::test]
async fn a_process_in_a_cell_has_only_what_it_was_given() {
    let bench = Bench::new();
    let cell = bench.provider.start(&CellSpec::default()).await.expect("a cell");
    let work = cell.new_folder("work").await.expect("a folder");
    std::fs::write(work.host().join("seen"), "yes\n").expect("the host writes into the folder");
    let look = "cat seen; echo \"$A\"; env | wc -l; id -u; ls /cell; ls /cell/docker /root /home 2>&1; echo x > new && ls -n new; cat /proc/self/cgroup; touch /usr/x; read line; echo \"$line\"";
    let mut command = InCell::new(Some(cell.remapped_root()), ["/bin/sh", "-c", look]);
    command.environment = vec![("A".into(), "given".into())];
    command.directory = work.inside().to_path_buf();
    command.sight = Sight::Only(vec![work.inside().to_path_buf()]);
    let mut child = cell.exec(command).await.expect("a process starts");
    let (mut said, mut complained) = (String::new(), String::new());
    let mut stdin = child.stdin.take().expect("an input");
    tokio::io::AsyncWriteExt::write_all(&mut stdin, b"typed\n")
        .await
        .expect("the input is read");
    drop(stdin);
    let (mut stdout, mut stderr) = (
        child.stdout.take().expect("an output"),
        child.stderr.take().expect("errors"),
    );
    let (out, err) = tokio::join!(stdout.read_to_string(&mut said), stderr.read_to_string(&mut complained));
    out.expect("text");
    err.expect("text");
    assert_eq!(child.wait().await.expect("an end"), Exit::Code(0), "{said}{complained}");
    let uid = cell.remapped_root().uid.to_string();
    assert!(said.starts_with("yes\ngiven\n"), "{said}");
    assert!(
        said.contains(&format!("\n{uid}\nfolders\n")),
        "only its folder is seen: {said}"
    );
    assert!(
        said.contains("cannot access '/cell/docker'") && said.contains("cannot access '/home'"),
        "{said}"
    );
    assert!(
        said.contains(&format!(" {uid} {uid} ")) && said.ends_with("typed\n"),
        "{said}"
    );
    assert!(
        said.contains("/jobs/helpers"),
        "it runs within the limits of jobs: {said}"
    );
    assert!(complained.contains("Read-only file system"), "{complained}");
    assert_eq!(
        std::fs::read_to_string(work.host().join("new")).expect("the host sees what was written"),
        "x\n"
    );

    let missing = cell
        .exec(InCell::new(None, ["/no/such/program"]))
        .await
        .expect("a process starts");
    let mut missing = missing;
    let mut complained = String::new();
    missing
        .stderr
        .take()
        .expect("errors")
        .read_to_string(&mut complained)
        .await
        .expect("text");
    assert_eq!(missing.wait().await.expect("an end"), Exit::Code(127));
    assert!(complained.contains("/no/such/program: ENOENT"), "{complained}");

    let mut sleeper = cell
        .exec(InCell::new(None, ["/bin/sleep", "600"]))
        .await
        .expect("a process starts");
    sleeper.kill().await.expect("the signal is sent");
    assert_eq!(sleeper.wait().await.expect("an end"), Exit::Signal(9));
    let mut orphan = cell
        .exec(InCell::new(None, ["/bin/sleep", "600"]))
        .await
        .expect("a process starts");
    cell.kill().await.expect("nothing is left");
    assert!(orphan.wait().await.is_err(), "a process outlived its cell");
}

#[tokio::test]
async fn what_is_written_to_one_view_is_not_seen_in_another() {
    let bench = Bench::new();
    let cell = bench.start().await;
    let base = cell.new_layer("checkout").await.expect("a layer");
    let file = base.folder().host().join("file");
    std::fs::write(&file, "base").expect("written");
    let root = cell.remapped_root();
    std::os::unix::fs::chown(&file, Some(root.uid), Some(root.gid)).expect("given to the containers' root");
    let first = cell.mount_view("first", &[&base]).await.expect("a view");
    let second = cell.mount_view("second", &[&base]).await.expect("a view");
    let bind = |view: &circle_cell::View| format!("{}:/w", view.inside().display());
    docker_ok(
        &cell,
        &[
            "run",
            "--rm",
            "-v",
            &bind(&first),
            "busybox:test",
            "sh",
            "-c",
            "echo first > /w/file; echo more > /w/new; stat -c %u /w/new",
        ],
    )
    .await;
    let seen = docker_ok(
        &cell,
        &[
            "run",
            "--rm",
            "-v",
            &bind(&second),
            "busybox:test",
            "sh",
            "-c",
            "cat /w/file; ls /w",
        ],
    )
    .await;
    assert_eq!(seen, "basefile");
    assert_eq!(
        std::fs::read_to_string(base.folder().host().join("file")).expect("the layer"),
        "base"
    );
    let written = cell.unmount_view(first).await.expect("unmounted");
    let third = cell
        .mount_view("third", &[&written, &base])
        .await
        .expect("a view on what was written");
    let seen = docker_ok(
        &cell,
        &[
            "run",
            "--rm",
            "-v",
            &bind(&third),
            "busybox:test",
            "sh",
            "-c",
            "cat /w/file /w/new",
        ],
    )
    .await;
    assert_eq!(seen, "first\nmore");
    assert!(cell.mount_view("third", &[]).await.is_err(), "a name is taken once");
    assert!(
        cell.mount_view("../up", &[]).await.is_err(),
        "a name leads nowhere else"
    );
    cell.mount_view("empty", &[]).await.expect("a view of nothing");
    cell.kill().await.expect("nothing is left, mounted views included");
}

#[test]
fn the_reader_of_a_service_reads() {
    let address = host_service("127.0.0.1:0");
    let mut text = String::new();
    std::net::TcpStream::connect(address)
        .expect("connected")
        .read_to_string(&mut text)
        .expect("text");
    assert_eq!(
        text, "host\n",
        "the tests above would pass against a service that answers nobody"
    );
}
