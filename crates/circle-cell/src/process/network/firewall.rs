//! Raises the firewall with the first cell, looks after it with each further one and every few seconds, removes it with the
//! last.

use std::io;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;

use super::nft::Table;
use super::policy::Family;
use super::rules::Rules;
use crate::process::NetworkPolicy;
use crate::process::tool::{has_tool, run_tool};
use crate::{CellId, Cidr};

/// Who makes the rules, as an operator asks for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirewallChoice {
    /// iptables where it is there, else nftables.
    #[default]
    Auto,
    /// Rules in the chains that a Docker engine of the host uses, too.
    Iptables,
    /// A table of their own.
    Nftables,
}

/// A text that is no [`FirewallChoice`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" makes no rules for cells: write auto, iptables or nftables")]
pub struct FirewallChoiceError(String);

impl FirewallChoice {
    /// The word that stands for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Iptables => "iptables",
            Self::Nftables => "nftables",
        }
    }
}

impl FromStr for FirewallChoice {
    type Err = FirewallChoiceError;

    fn from_str(text: &str) -> Result<Self, FirewallChoiceError> {
        let all = [Self::Auto, Self::Iptables, Self::Nftables];
        let found = all.into_iter().find(|choice| choice.word() == text);
        found.ok_or_else(|| FirewallChoiceError(text.chars().take(80).collect()))
    }
}

/// The firewall around the cells of one provider instance.
#[derive(Debug)]
pub(crate) struct Firewall {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    instance: String,
    choice: FirewallChoice,
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
            connections: Some(policy.connections.unwrap_or_else(usual_connections)),
        };
        let ranges = std::iter::once(policy.range).chain(policy.range6);
        Self {
            state: Mutex::new(State {
                instance: instance.to_owned(),
                choice: policy.firewall,
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
        let mut state = self.state.lock().await;
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
    /// Says whether anything had to be done. A kernel that cannot count connections gets rules that do not.
    async fn assert(&mut self) -> io::Result<bool> {
        let first = self.assert_rules().await;
        if first.is_ok() || self.rules.iter().all(|rules| rules.connections.is_none()) {
            return first;
        }
        let counted: Vec<_> = self.rules.iter_mut().map(|rules| rules.connections.take()).collect();
        let second = self.assert_rules().await;
        if second.is_ok() {
            tracing::warn!(reason = ?first.err(), "this kernel cannot count the connections of cells: they are not bounded");
            return second;
        }
        for (rules, connections) in self.rules.iter_mut().zip(counted) {
            rules.connections = connections;
        }
        first
    }

    async fn assert_rules(&self) -> io::Result<bool> {
        if self.uses_nftables() {
            return self.assert_table().await;
        }
        let mut is_changed = false;
        for rules in &self.rules {
            if let Some(batch) = rules.assert(&saved(rules.family).await?) {
                restore(rules.family, &batch).await?;
                is_changed = true;
            }
        }
        Ok(is_changed)
    }

    async fn assert_table(&self) -> io::Result<bool> {
        let table = Table::new(&self.instance, &self.rules);
        let listed = listed().await?;
        let batch = table.assert(&listed);
        if let Some(batch) = &batch {
            take(batch).await?;
        }
        let holes = table.assert_holes(&listed);
        if let Some(holes) = &holes
            && let Err(error) = take(holes).await
        {
            // A table with an owner takes no rules of others. What it denies stays denied, which is no hole.
            tracing::warn!(%error, "a firewall of this machine cannot be told to let cells out");
        }
        Ok(batch.is_some() || holes.is_some())
    }

    /// Removes what either tool made: an operator may have changed his mind since.
    async fn remove(&self) -> io::Result<()> {
        for rules in self.rules.iter().filter(|rules| has_tool(program(rules.family).0)) {
            if let Some(batch) = rules.remove(&saved(rules.family).await?) {
                restore(rules.family, &batch).await?;
            }
        }
        if has_tool(NFT)
            && let Some(batch) = Table::new(&self.instance, &self.rules).remove(&listed().await?)
        {
            take(&batch).await?;
        }
        Ok(())
    }

    fn uses_nftables(&self) -> bool {
        match self.choice {
            FirewallChoice::Nftables => true,
            FirewallChoice::Iptables => false,
            FirewallChoice::Auto => !has_tool(program(Family::Four).1),
        }
    }
}

/// A sixty-fourth of what the kernel follows: as many cells as a worker ever has do not fill its list.
fn usual_connections() -> u32 {
    const LEAST: u32 = 1024;
    let followed = std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_max").unwrap_or_default();
    (followed.trim().parse().unwrap_or(0) / 64).max(LEAST)
}

const NFT: &str = "nft";

async fn listed() -> io::Result<Value> {
    let listed = run_tool(NFT, &["--json", "list", "ruleset"], b"").await?;
    serde_json::from_slice(&listed).map_err(io::Error::other)
}

async fn take(batch: &str) -> io::Result<()> {
    run_tool(NFT, &["--file", "-"], batch.as_bytes()).await.map(drop)
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
