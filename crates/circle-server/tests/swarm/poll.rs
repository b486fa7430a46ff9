//! A visitor who never stops asking, and counts what was missed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use circle_lab::visit;
use circle_server::deploy::Target;
use circle_server::deploy::swarm::SwarmTarget;
use tokio::task::JoinSet;

/// Between two visits.
const PAUSE: Duration = Duration::from_millis(10);
/// An instance that is about to end may still be in the list of one look; a second look does not show it any more.
const LOOKS: usize = 3;

/// Visits from its start to [`Visitor::end`].
pub(crate) struct Visitor {
    tasks: JoinSet<Visits>,
    stop: Arc<AtomicBool>,
}

/// What a visitor saw.
#[derive(Debug, Default, Clone)]
pub(crate) struct Visits {
    /// How often each page was seen.
    pub(crate) pages: BTreeMap<String, usize>,
    /// Visits that nobody answered.
    pub(crate) missed: Vec<String>,
}

impl Visitor {
    pub(crate) fn start(target: SwarmTarget, service: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        let ends = Arc::clone(&stop);
        tasks.spawn(async move {
            let mut visits = Visits::default();
            while !ends.load(Ordering::SeqCst) {
                match one(&target, service).await {
                    Ok(page) => *visits.pages.entry(page).or_default() += 1,
                    Err(why) => visits.missed.push(why),
                }
                tokio::time::sleep(PAUSE).await;
            }
            visits
        });
        Self { tasks, stop }
    }

    pub(crate) async fn end(mut self) -> Visits {
        self.stop.store(true, Ordering::SeqCst);
        self.tasks
            .join_next()
            .await
            .expect("one task")
            .expect("it does not panic")
    }
}

/// One visit as a balancer makes it: whoever is listed, and the next one when that one is gone.
async fn one(target: &SwarmTarget, service: &str) -> Result<String, String> {
    let mut last = String::new();
    for _ in 0..LOOKS {
        let addresses = target.addresses(service).await.map_err(|error| error.to_string())?;
        last = format!("listed: {addresses:?}");
        for address in addresses {
            let place: std::net::SocketAddrV4 = address
                .trim_start_matches("http://")
                .parse()
                .map_err(|_| address.clone())?;
            match visit(*place.ip(), place.port(), "/").await {
                Ok(page) => return Ok(page),
                Err(error) => last = error.to_string(),
            }
        }
    }
    Err(last)
}
