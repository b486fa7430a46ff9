//! What cells reach and what they never do (security 27), seen from namespaces that play the host, the internet, private
//! networks and the metadata services of clouds.

mod support;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use circle_cell::process::{FirewallChoice, ProcessProvider};
use circle_cell::{Cell, CellProvider, CellSpec, Cidr};
use support::world::{HOLDING_PORT, WORLD_PORT, World, hold, part, serve};
use support::{busybox, config, docker_ok};

const HOST_PORT: u16 = 7001;
/// Where the cells of the other namespace's provider have their links.
const RANGE6: &str = "fd00:c1c1:abcd::/64";

/// The internet.
const OPEN: [&str; 2] = ["198.51.100.7", "2001:db8:80::7"];
/// Private networks: closed unless somebody opens them.
const PRIVATE: [&str; 3] = ["10.1.2.3", "192.168.7.7", "fd12:0:0:7::7"];
/// Never open: metadata in every spelling and disguise.
const NEVER: [&str; 12] = [
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "::ffff:169.254.169.254",
    "168.63.129.16",
    "100.100.100.200",
    "fd00:ec2::254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fec0::7",
];

const DISTURB_IPTABLES: [&str; 5] = [
    "-F",
    "-t nat -F",
    "-P FORWARD DROP",
    "-I FORWARD -j ACCEPT",
    "-I INPUT -j ACCEPT",
];
/// The second filter is one as iptables makes it, for a Docker engine of the host; both drop whatever they do not know.
const DISTURB_NFTABLES: [&str; 6] = [
    "flush ruleset",
    "add table inet other",
    "add chain inet other theirs { type filter hook forward priority -20; policy drop; }",
    "add rule inet other theirs ct state invalid drop",
    "add table ip filter",
    "add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }",
];

#[tokio::test]
async fn sec_27_only_the_internet_is_open_in_both_families_and_in_every_spelling() {
    const NAME: &str = "sec_27_only_the_internet_is_open_in_both_families_and_in_every_spelling";
    only_the_internet_is_open(NAME, FirewallChoice::Iptables).await;
}

#[tokio::test]
async fn sec_27_only_the_internet_is_open_behind_a_table_of_nftables() {
    const NAME: &str = "sec_27_only_the_internet_is_open_behind_a_table_of_nftables";
    only_the_internet_is_open(NAME, FirewallChoice::Nftables).await;
}

#[tokio::test]
async fn sec_27_only_the_internet_is_open_where_nftables_alone_is_there() {
    const NAME: &str = "sec_27_only_the_internet_is_open_where_nftables_alone_is_there";
    // The programs that read and write whole tables are names in this folder; the inside of a cell uses others of them.
    let names = tempfile::tempdir().expect("a folder");
    for link in std::fs::read_dir("/etc/alternatives").expect("a folder").flatten() {
        let name = link.file_name();
        let is_hidden = ["iptables-save", "iptables-restore"]
            .iter()
            .any(|hidden| name == *hidden);
        if let Ok(target) = std::fs::read_link(link.path())
            && !is_hidden
        {
            symlink(target, names.path().join(&name)).expect("a link");
        }
    }
    play(NAME, Some(names.path()), || on_the_host(FirewallChoice::Auto)).await;
}

async fn only_the_internet_is_open(name: &'static str, firewall: FirewallChoice) {
    play(name, None, || on_the_host(firewall)).await;
}

#[tokio::test]
async fn sec_28_one_cell_takes_its_part_of_the_connections_that_the_kernel_follows() {
    const NAME: &str = "sec_28_one_cell_takes_its_part_of_the_connections_that_the_kernel_follows";
    play(NAME, None, || async {
        connections_are_bounded(FirewallChoice::Iptables).await;
        connections_are_bounded(FirewallChoice::Nftables).await;
    })
    .await;
}

async fn connections_are_bounded(firewall: FirewallChoice) {
    let folder = tempfile::Builder::new().prefix("cc").tempdir().expect("a folder");
    let mut config = config(folder.path());
    config.network.firewall = firewall;
    config.network.range6 = Some(RANGE6.parse().expect("a range"));
    config.network.connections = Some(16);
    let provider = Arc::new(ProcessProvider::open(config).expect("a provider"));
    let spec = CellSpec {
        images: vec![busybox()],
        ..CellSpec::default()
    };
    let (first, second) = tokio::join!(provider.start(&spec), provider.start(&spec));
    let (first, second) = (first.expect("a cell"), second.expect("another cell"));
    let one = format!("nc -w 2 {} {WORLD_PORT} </dev/null 2>/dev/null", OPEN[0]);
    let at_once = format!("for number in $(seq 24); do {one} & done; wait");
    let told = docker_ok(&first, &["run", "--rm", "busybox:test", "sh", "-c", &at_once]).await;
    let opened = told.matches("world").count();
    assert!((16..24).contains(&opened), "{opened} of 24 at once: {told}");

    // Others have their own part. One that holds all of it opens no more, however long it waits, until it lets go of some.
    let holding = format!(
        "for number in $(seq 16); do sleep 600 | nc {} {HOLDING_PORT} & done; sleep 4; {one} || echo full; \
         kill $(pidof sleep); for number in $(seq 20); do {one} && break; sleep 0.5; done; exit",
        OPEN[0]
    );
    let told = docker_ok(&second, &["run", "--rm", "busybox:test", "sh", "-c", &holding]).await;
    assert_eq!(told.matches("held").count(), 16, "{told}");
    assert!(told.contains("full") && told.trim_end().ends_with("world"), "{told}");
    for cell in [first, second] {
        cell.kill().await.expect("nothing is left");
    }
}

/// Plays the whole world around a host, and what is done on the host: this program plays both, in processes of their own.
#[expect(
    clippy::print_stdout,
    reason = "the part of the host tells its end to the test that started it"
)]
async fn play<F: Future<Output = ()>>(
    name: &'static str,
    alternatives: Option<&Path>,
    on_the_host: impl FnOnce() -> F,
) {
    match part().as_deref() {
        Some("world") => {
            std::thread::spawn(|| hold("held", HOLDING_PORT));
            serve("world", WORLD_PORT);
        }
        Some(_) => {
            on_the_host().await;
            println!("everything holds");
        }
        None => {
            let world = World::new(name);
            let host = world.as_host(name, "host");
            let mut host = match alternatives {
                Some(names) => with_alternatives(&host, names),
                None => host,
            };
            let host = host.output();
            let output = tokio::task::spawn_blocking(move || host)
                .await
                .expect("no panic")
                .expect("nsenter");
            let told = format!("{}{}", text(&output.stdout), text(&output.stderr));
            assert!(output.status.success() && told.contains("everything holds"), "{told}");
        }
    }
}

/// The same in a mount namespace of its own, where the system's alternatives are these.
fn with_alternatives(command: &Command, names: &Path) -> Command {
    let mut other = Command::new("unshare");
    let script = "mount --bind \"$0\" /etc/alternatives && exec \"$@\"";
    other.args(["--mount", "sh", "-c", script]).arg(names);
    other.arg(command.get_program()).args(command.get_args());
    other.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    other
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn on_the_host(firewall: FirewallChoice) {
    std::thread::spawn(|| serve("host", HOST_PORT));
    let folder = tempfile::Builder::new().prefix("cc").tempdir().expect("a folder");
    let mut config = config(folder.path());
    config.network.firewall = firewall;
    config.network.range6 = Some(RANGE6.parse().expect("a range"));
    config.network.allow = vec!["192.168.7.0/24".parse().expect("a range")];
    let provider = Arc::new(ProcessProvider::open(config).expect("a provider"));
    let spec = CellSpec {
        images: vec![busybox()],
        ..CellSpec::default()
    };
    let first = provider.start(&spec).await.expect("a cell");
    let second = provider.start(&spec).await.expect("another cell");
    let host = [
        gateway(&first),
        "203.0.113.2".to_owned(),
        "2001:db8::2".to_owned(),
        format!("{}1", RANGE6.trim_end_matches("/64")),
    ];
    let neighbours = [second.address().to_string(), address6(&second).await];
    docker_ok(
        &second,
        &[
            "run",
            "-d",
            "-p",
            "7000:7000",
            "busybox:test",
            "sh",
            "-c",
            "while :; do echo other | nc -l -p 7000; done",
        ],
    )
    .await;
    for address in &neighbours {
        let told = on_the_cell(&second, &format!("nc -w 2 {address} 7000 </dev/null")).await;
        assert_eq!(told, "other", "nobody answers at {address}");
    }

    let closed: Vec<&str> = NEVER
        .iter()
        .copied()
        .chain(["10.1.2.3", "fd12:0:0:7::7"])
        .chain(neighbours.iter().map(String::as_str))
        .collect();
    let open: Vec<&str> = OPEN.iter().copied().chain(["192.168.7.7"]).collect();
    check(&first, &open, &closed, &host).await;

    // A workspace's list opens private networks to its own cells, and nothing else whatever it says.
    let wish: Vec<Cidr> = [
        "10.1.2.0/24",
        "fd12::/16",
        "169.254.0.0/16",
        "203.0.113.0/24",
        "198.18.0.0/15",
        "::/0",
    ]
    .map(|range| range.parse().expect("a range"))
    .to_vec();
    first.allow_networks(&wish).await.expect("the ranges are opened");
    let never: Vec<&str> = NEVER
        .iter()
        .copied()
        .filter(|name| *name != "fec0::7")
        .chain(neighbours.iter().map(String::as_str))
        .collect();
    check(&first, &[&open[..], &PRIVATE[..]].concat(), &never, &host).await;
    check(&second, &open, &closed[..closed.len() - neighbours.len()], &host[1..3]).await;

    // Somebody flushes everything, somebody else puts his own rules first: the next look sets it right.
    match firewall {
        FirewallChoice::Nftables | FirewallChoice::Auto => {
            DISTURB_NFTABLES.iter().for_each(|words| drop(run("nft", words)))
        }
        FirewallChoice::Iptables => DISTURB_IPTABLES.iter().for_each(|words| {
            run("iptables", words);
            run("ip6tables", words);
        }),
    }
    provider.look_after().await.expect("the rules are put back");
    check(&first, &[&open[..], &PRIVATE[..]].concat(), &never, &host).await;
    check(&second, &open, &closed[..closed.len() - neighbours.len()], &host[1..3]).await;

    first.kill().await.expect("nothing is left");
    second.kill().await.expect("nothing is left");
    // Also after a table of nftables stood in its chains, iptables understands what is left.
    let nft = ("nft", "list ruleset", "chain theirs");
    for (program, words, others) in match firewall {
        FirewallChoice::Nftables => vec![nft, ("iptables-save", "", ":FORWARD DROP")],
        FirewallChoice::Auto => vec![nft],
        FirewallChoice::Iptables => ["iptables-save", "ip6tables-save"]
            .map(|program| (program, "", "-A FORWARD -j ACCEPT"))
            .to_vec(),
    } {
        let rules = text(&run(program, words).stdout);
        assert!(!rules.contains("circle") && !rules.contains("CIRCLE"), "{rules}");
        assert!(rules.contains(others), "somebody else's rule is gone: {rules}");
    }
}

/// Tries every address from a container on the bridge and from the cell itself.
async fn check(cell: &Cell, open: &[&str], closed: &[&str], host: &[String]) {
    let mut script = String::new();
    let mut tries = 0;
    let mut add = |address: &str, port: u16| {
        tries += 1;
        // All at once: the kernel answers a peer's denied packets once a second, and an unanswered try takes two. Twice: a new
        // container's IPv6 address is on trial for a second.
        let nc = format!("nc -w 2 {address} {port} </dev/null 2>/dev/null");
        script += &format!("(told=$({nc} || {{ sleep 2; {nc}; }}); echo \"try told $told by {address}\") &\n");
    };
    open.iter().chain(closed).for_each(|address| add(address, WORLD_PORT));
    host.iter().for_each(|address| add(address, HOST_PORT));
    script += "wait";
    for network in [&[][..], &["--userns", "host", "--network", "host"]] {
        let words = [&["run", "--rm"], network, &["busybox:test", "sh", "-c", &script]].concat();
        let told = docker_ok(cell, &words).await;
        assert_eq!(told.matches("try ").count(), tries, "{told}");
        for address in open {
            assert!(
                told.contains(&format!("told world by {address}\n")),
                "{address} is not reached from {network:?}: {told}"
            );
        }
        for address in closed.iter().copied().chain(host.iter().map(String::as_str)) {
            let nothing = format!("try told  by {address}");
            assert!(
                told.lines().any(|line| line == nothing),
                "{address} answers to {network:?}: {told}"
            );
        }
    }
}

/// The cell's address of the other family.
async fn address6(cell: &Cell) -> String {
    let told = on_the_cell(cell, "ip -6 -o addr show dev eth0 | grep abcd").await;
    let address = told.split_whitespace().nth(3).and_then(|word| word.split('/').next());
    address.expect("an address").to_owned()
}

async fn on_the_cell(cell: &Cell, script: &str) -> String {
    let words = [
        "run",
        "--rm",
        "--userns=host",
        "--network=host",
        "busybox:test",
        "sh",
        "-c",
    ];
    docker_ok(cell, &[&words[..], &[script]].concat()).await
}

fn gateway(cell: &Cell) -> String {
    std::net::Ipv4Addr::from_bits(cell.address().to_bits() - 1).to_string()
}

fn run(program: &str, words: &str) -> Output {
    let output = Command::new(program)
        .args(words.split_whitespace())
        .output()
        .expect(program);
    assert!(output.status.success(), "{program} {words}: {}", text(&output.stderr));
    output
}
