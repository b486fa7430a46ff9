//! Targets at addresses that a workspace typed in: judged before anybody connects.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use circle_net::Net;
use circle_server::records::EnvironmentRecord;
use tokio::io::copy_bidirectional;
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use crate::bench::Bench;
use crate::images::Health;
use crate::runs::{environment, run, verified, with_steps};

/// A port that nobody may connect to.
fn bait() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("it does not wait");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

fn nobody_came(bait: &TcpListener) {
    let came = bait.accept().map_err(|error| error.kind());
    assert_eq!(came.map(drop), Err(std::io::ErrorKind::WouldBlock), "somebody came");
}

/// An engine as it is reached over TCP.
struct Way {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Way {
    async fn to(socket: &Path) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (to, mut tasks): (PathBuf, _) = (socket.to_owned(), JoinSet::new());
        tasks.spawn(async move {
            let mut pairs = JoinSet::new();
            while let Ok((mut from, _)) = listener.accept().await {
                let mut to = UnixStream::connect(&to).await.expect("the engine");
                pairs.spawn(async move { drop(copy_bidirectional(&mut from, &mut to).await) });
            }
        });
        Self { address, _tasks: tasks }
    }
}

/// Whatever was noted of a run's deployments.
async fn notes(bench: &Bench, id: circle_core::ids::RunId) -> String {
    let all = bench.deployments(id).await.into_iter().flat_map(|one| one.notes);
    all.map(|note| note.message).collect::<Vec<_>>().join("\n")
}

pub(crate) async fn sec_42_a_workspaces_target_leads_nowhere_that_a_webhook_may_not() {
    let mut bench = Bench::start().await;
    let made = environment("production", bench.target, "shop", true);
    bench.records.insert(&EnvironmentRecord(made)).await.expect("written");
    let (bait, address) = bait();
    bench.reach(&format!("tcp://{address}")).await;
    bench.start_engine();
    let one = bench.version("one", Health::Good).await;
    let id = bench.deploy(1, &one).await;
    let open_it = format!("--allow-outgoing {address}");
    bench
        .until("it is told why", async || {
            let said = notes(&bench, id).await;
            if said.contains(&open_it) { Ok(()) } else { Err(said) }
        })
        .await;
    nobody_came(&bait);

    // Opened by name and port, the same kind of address is deployed to.
    bench.kill_engine().await;
    let way = Way::to(bench.swarm.socket()).await;
    bench.net = Net::new(vec![way.address.to_string().parse().expect("an entry")]);
    bench.reach(&format!("tcp://{}", way.address)).await;
    bench.start_engine();
    assert_eq!(bench.ended(id).await.0, "succeeded");
    bench.answers("shop", "one").await;
    bench.stop().await;
}

pub(crate) async fn sec_42_a_check_from_outside_asks_no_closed_address() {
    let mut bench = Bench::start().await;
    let (bait, address) = bait();
    // What is bound was typed in by a workspace, also on a target of the server's administrators.
    let mut made = environment("production", bench.target, "shop", true);
    for workload in made.workloads.values_mut() {
        workload.url = Some(format!("http://{address}"));
    }
    let way = Way::to(bench.swarm.socket()).await;
    bench.records.insert(&EnvironmentRecord(made)).await.expect("written");
    bench.start_engine();
    let (one, two) = (
        bench.version("one", Health::Good).await,
        bench.version("two", Health::Good).await,
    );
    let repository = bench.repository();
    let checked =
        |number, digest: &str| with_steps(run(number, &repository, digest), vec![verified("production", "/")]);
    let bound = bench.deploys(&checked(1, &one)).await;
    let (word, message) = bench.ended(bound).await;
    assert_eq!(word, "failed", "{message}");
    let said = format!("{message}\n{}", notes(&bench, bound).await);
    assert!(said.contains(&format!("--allow-outgoing {address}")), "{said}");
    nobody_came(&bait);

    // What an engine says of its nodes is believed of the administrators' own alone.
    let told = environment("production", bench.target, "shop", true);
    let (_, version) = bench
        .records
        .load::<EnvironmentRecord>(&told.id.to_string())
        .await
        .expect("a store")
        .expect("it is there");
    bench
        .records
        .replace(&EnvironmentRecord(told), version)
        .await
        .expect("written");
    bench.kill_engine().await;
    bench.net = Net::new(vec![way.address.to_string().parse().expect("an entry")]);
    bench.reach(&format!("tcp://{}", way.address)).await;
    bench.start_engine();
    let over_tcp = bench.deploys(&checked(2, &two)).await;
    let (word, message) = bench.ended(over_tcp).await;
    assert_eq!(word, "failed", "{message}");
    let said = format!("{message}\n{}", notes(&bench, over_tcp).await);
    assert!(
        said.contains("a private address") && said.contains("--allow-outgoing"),
        "{said}"
    );
    bench.stop().await;
}
