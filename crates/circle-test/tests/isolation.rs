//! What a run sees of the world: its own secrets, masked; nothing of the run before it, and nothing of Circle itself.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use circle_cell::process::instance_name;
use circle_test::{Circle, Options, until};
use nix::ifaddrs::getifaddrs;

/// A machine's own port answers at once, and a cell is soon ready.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn sec_16_a_secret_reaches_the_command_and_never_the_log() -> Result<()> {
    let circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    circle.set_secret("CDN_TOKEN", "correct-horse-battery").await?;
    let pipeline = "version: 1\npost_build:\n  image: circle/busybox:1\n  secrets: [CDN_TOKEN]\n  commands:\n    \
                    - printf 'correct-'; sleep 1; printf 'horse-battery\\n'\n    \
                    - echo \"$CDN_TOKEN\" | base64\n    - test \"${#CDN_TOKEN}\" = 21\n    - echo \"$CDN_TOKEN\" >&2; exit 3\n";
    shop.write("caicloud.yml", pipeline)?;
    let run = shop.push("main").await?;
    let said = run.fails("command").await?;
    let log = run.log("post_build").await?;
    for spelling in ["correct-horse-battery", "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5"] {
        assert!(!log.contains(spelling) && !said.contains(spelling), "{said}\n{log}");
    }
    assert!(said.contains('3'), "it came as far as the last command: {said}\n{log}");
    circle.stop().await
}

#[tokio::test]
async fn sec_31_the_next_run_sees_nothing_of_the_last() -> Result<()> {
    let circle = Circle::start(Options {
        cells: 1,
        ..Options::default()
    })
    .await?;
    let shop = circle.service("shop").await?;
    let leaves = "version: 1\nintegration:\n  image: circle/busybox:1\n  commands: [\"touch /workspace/left /tmp/left\", \
                  \"(sleep 1000 &) ; true\"]\nbuild: {}\n";
    shop.write("caicloud.yml", leaves)?;
    shop.write("Dockerfile", "FROM circle/busybox:1\nRUN touch /left\n")?;
    shop.push("main").await?.succeeds().await?;

    let looks = "version: 1\nintegration:\n  image: circle/busybox:1\n  commands:\n    - test ! -e /workspace/left\n    \
                 - test ! -e /tmp/left\n    - test -z \"$(ps | grep 'sleep 1000' | grep -v grep)\"\n    - ls /sys/class/net\n";
    shop.write("caicloud.yml", looks)?;
    shop.push("main").await?.succeeds().await?;
    circle.stop().await
}

/// The addresses of this machine at which a cell could look for it: those of all links, but for what other tests have.
fn this_machine(circle: &Circle) -> Result<Vec<Ipv4Addr>> {
    let own = format!("cv{}", instance_name(&circle.worker_folder().join("cells")));
    let of_others = |name: &str| (name.starts_with("cv") && !name.starts_with(&own)) || name.starts_with("cx");
    let links = getifaddrs()?.filter(|link| !of_others(&link.interface_name));
    let addresses = links.filter_map(|link| Some(link.address?.as_sockaddr_in()?.ip()));
    Ok(addresses.filter(|address| !address.is_loopback()).collect())
}

#[tokio::test]
async fn sec_27_a_job_reaches_neither_the_servers_port_nor_a_socket_of_circle() -> Result<()> {
    let circle = Circle::start(Options {
        listen: "0.0.0.0",
        ..Options::default()
    })
    .await?;
    let port = circle.addresses().first().context("a server listens")?.port();
    let hosts = until("a cell stands ready on its link", LIMIT, || async {
        let hosts = this_machine(&circle).map_err(|error| format!("{error:#}"))?;
        let has_link = hosts.iter().any(|host| host.octets()[0] == 198);
        if has_link { Ok(hosts) } else { Err(format!("{hosts:?}")) }
    })
    .await?;
    // From here it is open at each of them: what keeps a job from it stands around the cell.
    for host in &hosts {
        TcpStream::connect_timeout(&SocketAddr::from((*host, port)), LIMIT).with_context(|| format!("{host}"))?;
    }
    let ask = |host: &Ipv4Addr, port: u16| {
        format!("printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' | nc -w 2 {host} {port} | grep -q HTTP/1")
    };
    let own = &Ipv4Addr::LOCALHOST;
    let mut commands = vec![
        "mkdir /tmp/www; touch /tmp/www/healthz; httpd -p 8099 -h /tmp/www".to_owned(),
        format!("{} && echo its own server answers", ask(own, 8099)),
    ];
    for host in hosts.iter().chain([own]) {
        commands.push(format!(
            "{} && echo reached {host} || echo closed {host}",
            ask(host, port)
        ));
    }
    commands.extend([
        "find / -path /proc -prune -o -path /sys -prune -o -type s -print | sed 's/^/socket /'".to_owned(),
        format!("test ! -e {}", circle.folder().display()),
        "grep circle /proc/net/unix || echo none of circle".to_owned(),
    ]);
    let lines: String = commands.iter().map(|command| format!("    - {command}\n")).collect();
    let shop = circle.service("shop").await?;
    shop.write(
        "caicloud.yml",
        format!("version: 1\nintegration:\n  image: circle/busybox:1\n  docker: true\n  commands:\n{lines}"),
    )?;
    let run = shop.push("main").await?;
    run.succeeds().await?;
    let log = run.log("integration").await?;
    for wanted in ["its own server answers", "none of circle"] {
        ensure!(log.contains(wanted), "{wanted} is not in:\n{log}");
    }
    for host in &hosts {
        ensure!(log.contains(&format!("closed {host}")), "{host} is not closed:\n{log}");
    }
    let sockets: Vec<&str> = log.lines().filter_map(|line| line.strip_prefix("socket ")).collect();
    ensure!(sockets == ["/var/run/docker.sock"], "{sockets:?}:\n{log}");
    circle.stop().await
}
