//! Raises the firewall with the first cell, looks after it with each further one, removes it with the last.

use std::io;

use tokio::sync::Mutex;

use super::rules::Rules;
use crate::process::NetworkPolicy;
use crate::process::tool::run_tool;

/// The firewall around the cells of one provider instance.
#[derive(Debug)]
pub(crate) struct Firewall {
    rules: Rules,
    /// How many cells stand behind it.
    cells: Mutex<usize>,
}

impl Firewall {
    pub(crate) fn new(instance: &str, policy: &NetworkPolicy) -> Self {
        let rules = Rules {
            instance: instance.to_owned(),
            range: policy.range,
            allow: policy.allow.clone(),
        };
        Self {
            rules,
            cells: Mutex::new(0),
        }
    }

    /// Sees to it that the rules stand, for one cell more.
    pub(crate) async fn raise(&self) -> io::Result<()> {
        let mut cells = self.cells.lock().await;
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
        if let Some(batch) = self.rules.assert(&saved().await?) {
            restore(&batch).await?;
        }
        *cells += 1;
        Ok(())
    }

    /// One cell less; the last one takes the rules along.
    pub(crate) async fn lower(&self) -> io::Result<()> {
        let mut cells = self.cells.lock().await;
        *cells = cells.saturating_sub(1);
        if *cells > 0 { Ok(()) } else { self.remove().await }
    }

    /// Removes what an earlier owner left, unless cells stand behind it.
    pub(crate) async fn sweep(&self) -> io::Result<()> {
        let cells = self.cells.lock().await;
        if *cells > 0 { Ok(()) } else { self.remove().await }
    }

    async fn remove(&self) -> io::Result<()> {
        match self.rules.remove(&saved().await?) {
            Some(batch) => restore(&batch).await,
            None => Ok(()),
        }
    }
}

async fn saved() -> io::Result<String> {
    let saved = run_tool("iptables-save", &[], b"").await?;
    Ok(String::from_utf8_lossy(&saved).into_owned())
}

async fn restore(batch: &str) -> io::Result<()> {
    run_tool("iptables-restore", &["--noflush", "--wait", "5"], batch.as_bytes())
        .await
        .map(drop)
}
