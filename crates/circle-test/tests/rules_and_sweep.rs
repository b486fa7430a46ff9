//! What others do to the cells of a running worker: rules that somebody flushed stand again, and what a dead cell left goes. Other
//! tests run on the same machine, so whatever is taken away or put there carries the name of this worker's cells.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use circle_cell::process::instance_name;
use circle_test::{Circle, Options, StoryRun, until};

/// The worker looks every five seconds.
const RULES_LIMIT: Duration = Duration::from_secs(10);
/// It sweeps every minute, with one of these looks.
const SWEEP_LIMIT: Duration = Duration::from_secs(75);
/// A number that no cell of a story comes to.
const NUMBER: &str = "fff1";

/// Who made the rules.
#[derive(Debug, Clone, Copy)]
enum Firewall {
    Iptables,
    Nftables,
}

impl Firewall {
    /// The chains and rules of one worker, in order, each behind its table.
    fn rules(self, instance: &str) -> Result<Vec<String>> {
        let listed = match self {
            Self::Iptables => run("iptables-save", &[], "")?,
            // One that is not there has none. What it has others let pass stands in tables that come and go with other tests.
            Self::Nftables => {
                run("nft", &["list", "table", "inet", &format!("circle_{instance}")], "").unwrap_or_default()
            }
        };
        let mut table = String::new();
        let mut rules = Vec::new();
        for line in listed.lines().map(str::trim) {
            match line.strip_prefix('*').or_else(|| line.strip_prefix("table ")) {
                Some(name) => table = name.trim_end_matches(" {").to_owned(),
                None if line.contains(instance) => rules.push(format!("{table}: {line}")),
                None => {}
            }
        }
        Ok(rules)
    }

    /// Takes them away at once, and nobody else's.
    fn flush(self, instance: &str) -> Result<()> {
        match self {
            Self::Iptables => {
                let batch = removal(&self.rules(instance)?);
                run("iptables-restore", &["--noflush", "--wait", "5"], &batch)
            }
            Self::Nftables => run("nft", &["delete", "table", "inet", &format!("circle_{instance}")], ""),
        }
        .map(drop)
    }
}

/// What to tell `iptables-restore` so that these chains and rules are gone.
fn removal(rules: &[String]) -> String {
    let mut batch = String::new();
    for table in ["filter", "nat"] {
        let start = format!("{table}: ");
        let mut chains = Vec::new();
        batch += &format!("*{table}\n");
        for rule in rules.iter().filter_map(|rule| rule.strip_prefix(&start)) {
            if let Some(chain) = rule.strip_prefix(':') {
                chains.extend(chain.split(' ').next());
            } else if !rule.starts_with("-A CIRCLE-") {
                batch += &format!("-D{}\n", rule.trim_start_matches("-A"));
            }
        }
        for chain in chains {
            batch += &format!("-F {chain}\n-X {chain}\n");
        }
        batch += "COMMIT\n";
    }
    batch
}

fn run(program: &str, words: &[&str], input: &str) -> Result<String> {
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {program}"))?;
    child.stdin.take().context("its input")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {words:?}: {said}\n{input}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A run whose job is under way, and lasts.
async fn lasting(circle: &Circle) -> Result<StoryRun> {
    let shop = circle.service("shop").await?;
    shop.write(
        "caicloud.yml",
        "version: 1\nintegration: {image: 'circle/busybox:1', commands: [echo under way, sleep 600]}\n",
    )?;
    let run = shop.push("main").await?;
    run.says("integration", "under way").await?;
    Ok(run)
}

/// The run noticed nothing; it is ended, and its worker.
async fn went_on(mut circle: Circle, run: StoryRun) -> Result<()> {
    let view = run.view().await?;
    ensure!(view.run.state.word() == "running", "{:?}", view.run);
    run.cancel().await?;
    run.ends_as("cancelled").await?;
    circle.leaves_nothing().await?;
    circle.stop().await
}

fn instance(circle: &Circle) -> String {
    instance_name(&circle.worker_folder().join("cells"))
}

async fn flushed_rules_stand_again(words: &'static [&'static str], firewall: Firewall) -> Result<()> {
    let circle = Circle::start(Options {
        worker: words,
        ..Options::default()
    })
    .await?;
    let run = lasting(&circle).await?;
    let instance = instance(&circle);
    let before = firewall.rules(&instance)?;
    ensure!(before.len() > 10, "the look sees little: {before:#?}");
    firewall.flush(&instance)?;
    until("the rules stand again", RULES_LIMIT, || async {
        let now = firewall.rules(&instance).map_err(|error| format!("{error:#}"))?;
        // The worker may be so quick that nobody else ever sees them gone.
        let is_told = circle.worker_log().contains("they stand again");
        if is_told && now == before {
            Ok(())
        } else {
            Err(format!("{now:#?} instead of {before:#?}, told: {is_told}"))
        }
    })
    .await?;
    went_on(circle, run).await
}

#[tokio::test]
async fn sec_27_rules_of_iptables_that_somebody_flushed_stand_again_within_ten_seconds() -> Result<()> {
    flushed_rules_stand_again(&["--firewall=iptables"], Firewall::Iptables).await
}

#[tokio::test]
async fn sec_27_a_table_of_nftables_that_somebody_removed_stands_again_within_ten_seconds() -> Result<()> {
    flushed_rules_stand_again(&["--firewall=nftables"], Firewall::Nftables).await
}

/// What stays of a cell whose removal failed halfway.
struct Leftovers {
    link: String,
    folder: PathBuf,
    groups: Vec<PathBuf>,
    sleeper: Child,
}

impl Leftovers {
    fn make(circle: &Circle) -> Result<Self> {
        let instance = instance(circle);
        let id = format!("{instance}-{NUMBER}");
        let mut left = Self {
            link: format!("cv{instance}{NUMBER}"),
            folder: circle.worker_folder().join("cells/cells").join(&id),
            groups: circle_groups(&instance).iter().map(|circle| circle.join(&id)).collect(),
            sleeper: Command::new("sleep").arg("600").spawn()?,
        };
        run("ip", &["link", "add", &left.link, "type", "bridge"], "")?;
        fs::create_dir_all(left.folder.join("run"))?;
        fs::write(left.folder.join("run/left"), "by a dead cell")?;
        for group in &left.groups {
            fs::create_dir_all(group.join("jobs"))?;
            // A cpuset without processors takes no process; the others do.
            let _ = fs::write(group.join("jobs/cgroup.procs"), left.sleeper.id().to_string());
        }
        let groups = fs::read_to_string(format!("/proc/{}/cgroup", left.sleeper.id()))?;
        ensure!(groups.contains(&id), "the process is in none: {groups}");
        ensure!(left.there().len() == 3 + left.groups.len(), "{:?}", left.there());
        Ok(left)
    }

    /// What of it is still there.
    fn there(&mut self) -> Vec<String> {
        let paths = self.groups.iter().chain([&self.folder]);
        let paths = paths
            .filter(|path| path.exists())
            .map(|path| path.display().to_string());
        let mut there: Vec<String> = paths.collect();
        if Path::new("/sys/class/net").join(&self.link).exists() {
            there.push(self.link.clone());
        }
        if let Ok(None) = self.sleeper.try_wait() {
            there.push(format!("process {}", self.sleeper.id()));
        }
        there
    }
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        let _ = self.sleeper.kill();
        let _ = self.sleeper.wait();
        let _ = run("ip", &["link", "del", &self.link], "");
        for group in &self.groups {
            let _ = fs::remove_dir(group.join("jobs"));
            let _ = fs::remove_dir(group);
        }
    }
}

/// The folders in which living cells of the worker have their groups.
fn circle_groups(instance: &str) -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let hierarchies = fs::read_dir(root).into_iter().flatten().flatten();
    let hierarchies = hierarchies.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let folders = hierarchies.map(|entry| entry.path().join("circle"));
    let has_cell = |folder: &PathBuf| {
        let mut cells = fs::read_dir(folder).into_iter().flatten().flatten();
        cells.any(|cell| cell.file_name().to_string_lossy().starts_with(&format!("{instance}-")))
    };
    folders.chain([root.join("circle")]).filter(has_cell).collect()
}

#[tokio::test]
async fn what_a_dead_cell_left_goes_while_the_worker_runs() -> Result<()> {
    let circle = Circle::start(Options::default()).await?;
    let run = lasting(&circle).await?;
    let mut left = Leftovers::make(&circle)?;
    until("nothing is left of the dead cell", SWEEP_LIMIT, || {
        let there = left.there();
        std::future::ready(if there.is_empty() {
            Ok(())
        } else {
            Err(format!("{there:?}"))
        })
    })
    .await?;
    until("the worker says so", RULES_LIMIT, || async {
        let log = circle.worker_log();
        if log.contains("removed what was left of dead cells") {
            Ok(())
        } else {
            Err(log)
        }
    })
    .await?;
    went_on(circle, run).await
}
