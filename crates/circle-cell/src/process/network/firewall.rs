//! Raises the firewall with the first cell, looks after it with each further one and every few seconds, removes it with the
//! last.

use std::io;

use tokio::sync::Mutex;

use super::policy::Family;
use super::rules::Rules;
use crate::process::NetworkPolicy;
use crate::process::tool::run_tool;
use crate::{CellId, Cidr};

/// The firewall around the cells of one provider instance.
#[derive(Debug)]
pub(crate) struct Firewall {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// One set of rules for each family that cells have.
    rules: Vec<Rules>,
    /// How many cells stand behind it.
    cells: usize,
}

impl Firewall {
    pub(crate) fn new(instance: &str, policy: &NetworkPolicy) -> Self {
        let rules = |range: Cidr| Rules {
            family: Family::of(range),
            instance: instance.to_owned(),
            range,
            allow: policy.allow.clone(),
            cells: Default::default(),
        };
        let ranges = std::iter::once(policy.range).chain(policy.range6);
        Self {
            state: Mutex::new(State {
                rules: ranges.map(rules).collect(),
                cells: 0,
            }),
        }
    }

    /// Sees to it that the rules stand, for one cell more.
    pub(crate) async fn raise(&self) -> io::Result<()> {
        let mut state = self.state.lock().await;
        for rules in &state.rules {
            forward(rules.family)?;
        }
        state.assert().await?;
        state.cells += 1;
        Ok(())
    }

    /// One cell less; the last one takes the rules along.
    pub(crate) async fn lower(&self, id: &CellId) -> io::Result<()> {
        let mut state = self.state.lock().await;
        state.cells = state.cells.saturating_sub(1);
        // The cell's own rules name a link that is gone; they go with the next change, or with the last cell.
        for rules in &mut state.rules {
            rules.cells.remove(id);
        }
        if state.cells > 0 { Ok(()) } else { state.remove().await }
    }

    /// Lets one cell reach these private ranges, too.
    pub(crate) async fn allow(&self, id: &CellId, ranges: &[Cidr]) -> io::Result<()> {
        let mut state = self.state.lock().await;
        for rules in &mut state.rules {
            rules.cells.insert(id.clone(), ranges.to_vec());
        }
        state.assert().await.map(drop)
    }

    /// Puts the rules back where somebody flushed or overtook them; without cells, removes what an earlier owner left.
    pub(crate) async fn keep(&self) -> io::Result<()> {
        let state = self.state.lock().await;
        if state.cells == 0 {
            return state.remove().await;
        }
        if state.assert().await? {
            tracing::info!("firewall rules of cells were missing, overtaken or too many; they stand again");
        }
        Ok(())
    }
}

impl State {
    /// Says whether anything had to be done.
    async fn assert(&self) -> io::Result<bool> {
        let mut is_changed = false;
        for rules in &self.rules {
            if let Some(batch) = rules.assert(&saved(rules.family).await?) {
                restore(rules.family, &batch).await?;
                is_changed = true;
            }
        }
        Ok(is_changed)
    }

    async fn remove(&self) -> io::Result<()> {
        for rules in &self.rules {
            if let Some(batch) = rules.remove(&saved(rules.family).await?) {
                restore(rules.family, &batch).await?;
            }
        }
        Ok(())
    }
}

/// Lets the host forward packets. A host that forwards IPv6 stops to believe its routers' announcements unless it is told to go
/// on, and would lose its own default route.
fn forward(family: Family) -> io::Result<()> {
    if family == Family::Four {
        return std::fs::write("/proc/sys/net/ipv4/ip_forward", "1");
    }
    const FORWARDING: &str = "/proc/sys/net/ipv6/conf/all/forwarding";
    let is_on = |path: &str| std::fs::read_to_string(path).is_ok_and(|text| text.trim() == "1");
    if is_on(FORWARDING) {
        return Ok(());
    }
    for link in std::fs::read_dir("/proc/sys/net/ipv6/conf")?.flatten() {
        let accepts = link.path().join("accept_ra");
        if is_on(&accepts.display().to_string()) {
            std::fs::write(accepts, "2")?;
        }
    }
    std::fs::write(FORWARDING, "1")
}

fn program(family: Family) -> (&'static str, &'static str) {
    match family {
        Family::Four => ("iptables-save", "iptables-restore"),
        Family::Six => ("ip6tables-save", "ip6tables-restore"),
    }
}

async fn saved(family: Family) -> io::Result<String> {
    let saved = run_tool(program(family).0, &[], b"").await?;
    Ok(String::from_utf8_lossy(&saved).into_owned())
}

async fn restore(family: Family, batch: &str) -> io::Result<()> {
    run_tool(program(family).1, &["--noflush", "--wait", "5"], batch.as_bytes())
        .await
        .map(drop)
}
