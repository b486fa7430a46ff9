//! Plays one example for `make examples`: its repository is pushed through a whole Circle until the service answers.
//!
//! Arguments: the name, the folder of the assembled repository, the port that the service listens on, the path that must
//! answer 200 (or `-` when it speaks no HTTP), then the images that cells hold from the beginning.
#![expect(
    clippy::print_stdout,
    reason = "it shows a person at the terminal what became of the example"
)]

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use circle_api::resources::RunView;
use circle_lab::{Published, visit};
use circle_test::{Circle, Options, StoryRun, until};
use tokio::net::TcpStream;

/// Longest wait for a run: one of the examples compiles for minutes, and the machine may be busy.
const RUN_LIMIT: Duration = Duration::from_secs(30 * 60);
/// Longest wait for the deployed service, which is healthy by then.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

struct Example {
    name: String,
    folder: String,
    port: u16,
    /// Absent when the service does not speak HTTP.
    path: Option<String>,
    images: Vec<&'static str>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let example = Example::from_arguments(std::env::args().skip(1))?;
    let options = Options {
        registry_password: true,
        swarm: true,
        private: false,
        images: example.images.clone(),
        cells: 1,
        ..Options::default()
    };
    let circle = Circle::start(options).await?;
    let played = play(&circle, &example).await;
    let stopped = circle.stop().await;
    played.with_context(|| format!("example {}", example.name))?;
    stopped
}

async fn play(circle: &Circle, example: &Example) -> Result<()> {
    let service = circle.deployed_service(&example.name, example.port).await?;
    let repository = service.repository();
    repository.git(&["fetch", "--quiet", &example.folder, "main"]).await?;
    repository.git(&["reset", "--quiet", "--hard", "FETCH_HEAD"]).await?;
    let start = Instant::now();
    let run = service.push_ref("main").await?;
    let view = ended(&run).await?;
    println!("{}", timeline(&view));
    if view.run.state.word() != "succeeded" {
        bail!(
            "the run {}: {}\n{}",
            view.run.state.word(),
            view.run.message.unwrap_or_default(),
            last_log(&run).await
        );
    }
    answers(circle, example).await?;
    println!(
        "{}: from the push to an answer {} s",
        example.name,
        start.elapsed().as_secs()
    );
    Ok(())
}

async fn ended(run: &StoryRun) -> Result<RunView> {
    until("the run's end", RUN_LIMIT, || async {
        let view = run.view().await.map_err(|error| format!("{error:#}"))?;
        if view.run.state.is_ended() {
            Ok(view)
        } else {
            Err(timeline(&view))
        }
    })
    .await
}

/// One line a stage: its name, what became of it, and how long that took.
fn timeline(view: &RunView) -> String {
    let line = |name: &str, state: &str, ms: Option<u64>| {
        let took = ms
            .map(|ms| format!("{:>6}.{} s", ms / 1000, ms % 1000 / 100))
            .unwrap_or_default();
        format!("  {name:<14} {state:<12} {took}")
    };
    let stages = view
        .stages
        .iter()
        .map(|stage| line(&stage.name, stage.state.word(), stage.duration_ms));
    stages.collect::<Vec<_>>().join("\n")
}

/// The end of the log of the last stage that wrote one.
async fn last_log(run: &StoryRun) -> String {
    const SHOWN: usize = 4_000;
    let Ok(view) = run.view().await else {
        return String::new();
    };
    for stage in view.stages.iter().rev() {
        let log = run.log(&stage.name).await.unwrap_or_default();
        if !log.is_empty() {
            let from = log.char_indices().rev().nth(SHOWN).map_or(0, |(place, _)| place);
            return format!("the end of the log of {}:\n{}", stage.name, &log[from..]);
        }
    }
    String::new()
}

async fn answers(circle: &Circle, example: &Example) -> Result<()> {
    until("an answer of the deployed service", ANSWER_LIMIT, || async {
        let published = circle
            .swarm()
            .map_err(|error| error.to_string())?
            .published(&example.name)
            .await;
        let published = published.map_err(|error| error.to_string())?;
        let place = published.first().ok_or("nothing is published")?;
        answer(place, example.path.as_deref())
            .await
            .map_err(|error| format!("{error:#}"))
    })
    .await
}

async fn answer(place: &Published, path: Option<&str>) -> Result<()> {
    match path {
        Some(path) => drop(visit(place.address, place.port, path).await?),
        None => drop(TcpStream::connect((place.address, place.port)).await?),
    }
    Ok(())
}

impl Example {
    fn from_arguments(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut next = |what: &str| arguments.next().with_context(|| format!("the {what} is missing"));
        let (name, folder) = (next("name")?, next("folder")?);
        let port = next("port")?.parse().context("the port is no number")?;
        let path = Some(next("path")?).filter(|path| path != "-");
        // The harness names images by what lives as long as the program; this program plays one example and ends.
        let images: Vec<&'static str> = arguments.map(|name| &*name.leak()).collect();
        ensure!(!images.is_empty(), "an example needs images");
        Ok(Self {
            name,
            folder,
            port,
            path,
            images,
        })
    }
}
