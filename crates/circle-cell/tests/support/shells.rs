//! Runs the gate as a process of this machine, with its pipes in a folder.

use std::fmt::Write;
use std::process::Stdio;
use std::time::Duration;

use circle_cell::Exit;
use circle_cell::gate::{GateChannel, GateError, GateEvent, List, Orders, Shell, Work, install};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// The shells of almost every image; busybox' is reached through a link called `ash`.
pub(crate) const SHELLS: [&str; 3] = ["dash", "bash", "ash"];
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Gate {
    pub(crate) directory: String,
    pub(crate) workspace: String,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) files: Vec<(String, String)>,
    pub(crate) finally: Vec<String>,
    shell: Shell,
    folder: TempDir,
}

impl Gate {
    pub(crate) fn new(shell: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        install(folder.path()).expect("the gate's program");
        let io = folder.path().join("io");
        std::fs::create_dir(&io).expect("a folder for the pipes");
        let ash = folder.path().join("ash");
        std::os::unix::fs::symlink("/usr/bin/busybox", &ash).expect("a link");
        let shell = match shell {
            "bash" => Shell::Bash,
            "ash" => Shell::Other(ash.display().to_string()),
            other => Shell::Other(other.to_owned()),
        };
        Self {
            directory: "/".to_owned(),
            workspace: "/workspace".to_owned(),
            environment: Vec::new(),
            files: Vec::new(),
            finally: Vec::new(),
            shell,
            folder,
        }
    }

    pub(crate) async fn run(&self, commands: &[&str]) -> Vec<GateEvent> {
        self.run_work(self.work(commands)).await
    }

    pub(crate) async fn run_work(&self, work: Work) -> Vec<GateEvent> {
        let (mut channel, mut child) = self.start(work).await;
        let mut events = Vec::new();
        while let Some(event) = tokio::time::timeout(PATIENCE, channel.next())
            .await
            .expect("the gate goes on")
        {
            events.push(event.expect("no error"));
        }
        tokio::time::timeout(PATIENCE, child.wait())
            .await
            .expect("the gate ends")
            .expect("a status");
        events
    }

    /// Reads nothing until the job has filled the pipes; `true` when it then still ran.
    pub(crate) async fn run_slowly(&self, commands: &[&str]) -> (Vec<GateEvent>, bool) {
        let (mut channel, mut child) = self.start(self.work(commands)).await;
        let waited = tokio::time::timeout(Duration::from_secs(2), child.wait())
            .await
            .is_err();
        let mut events = Vec::new();
        while let Some(event) = tokio::time::timeout(PATIENCE, channel.next())
            .await
            .expect("the gate goes on")
        {
            events.push(event.expect("no error"));
        }
        (events, waited)
    }

    async fn start(&self, work: Work) -> (GateChannel, Child) {
        let mut channel = GateChannel::create(&self.folder.path().join("io")).expect("the pipes");
        let child = self.spawn();
        let orders = Orders {
            directory: self.directory.clone(),
            workspace: self.workspace.clone(),
            environment: self.environment.clone(),
            files: self.files.clone(),
            work,
            finally: self.finally.clone(),
        };
        channel.open(&orders).await.expect("the orders are sent");
        (channel, child)
    }

    fn spawn(&self) -> Child {
        self.command().spawn().expect("the gate starts")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.folder.path().join("gate"));
        command
            .env("CIRCLE_GATE_FOLDER", self.folder.path().join("io"))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// What a program prints on its own output and errors that takes the gate's place, and its code; the gate's process is told first.
    pub(crate) async fn becomes(&self, argv: &[&str]) -> (u32, String, String, Option<i32>) {
        let mut channel = GateChannel::create(&self.folder.path().join("io")).expect("the pipes");
        let mut command = self.command();
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = child.expect("the gate starts");
        let id = child.id().expect("it runs");
        let orders = Orders {
            directory: ".".to_owned(),
            workspace: self.workspace.clone(),
            environment: self.environment.clone(),
            files: self.files.clone(),
            work: Work::Become(argv.iter().map(|word| (*word).to_owned()).collect()),
            finally: Vec::new(),
        };
        channel.open(&orders).await.expect("the orders are sent");
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        let output = output.expect("it ends").expect("its output");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (id, text(output.stdout), text(output.stderr), output.status.code())
    }

    fn work(&self, commands: &[&str]) -> Work {
        Work::Commands {
            shell: self.shell.clone(),
            commands: commands.iter().map(|command| (*command).to_owned()).collect(),
        }
    }
}

/// Everything after the gate's first word on one line; pieces of output that follow each other are one.
pub(crate) fn story(events: &[GateEvent]) -> String {
    assert_eq!(events.first(), Some(&GateEvent::Waiting));
    let mut told = String::new();
    let mut within_output = false;
    for event in &events[1..] {
        let is_output = matches!(event, GateEvent::Output { .. });
        let goes_on = is_output && within_output;
        if !told.is_empty() && !goes_on {
            told.push_str(" | ");
        }
        within_output = is_output;
        let _ = match event {
            GateEvent::Waiting => write!(told, "waiting"),
            GateEvent::CommandBegin {
                list: List::Main,
                index,
            } => write!(told, "begin {index}"),
            GateEvent::CommandBegin {
                list: List::Finally,
                index,
            } => write!(told, "finally {index}"),
            GateEvent::Output { bytes, .. } => write!(told, "{}", String::from_utf8_lossy(bytes)),
            GateEvent::CommandEnd { index, exit_code, .. } => write!(told, "end {index} = {exit_code}"),
            GateEvent::Finished { exit: Exit::Code(code) } => write!(told, "code {code}"),
            GateEvent::Finished {
                exit: Exit::Signal(signal),
            } => write!(told, "signal {signal}"),
            GateEvent::Failed { reason } => write!(told, "failed: {reason}"),
            GateEvent::Closed => write!(told, "closed"),
        };
    }
    told
}

pub(crate) fn bytes(events: &[GateEvent]) -> Vec<u8> {
    let mut all = Vec::new();
    for event in events {
        if let GateEvent::Output { bytes, .. } = event {
            all.extend_from_slice(bytes);
        }
    }
    all
}

pub(crate) fn said(events: &[GateEvent]) -> String {
    String::from_utf8(bytes(events)).expect("text")
}

pub(crate) fn end(events: &[GateEvent]) -> Option<Exit> {
    events.iter().find_map(|event| match event {
        GateEvent::Finished { exit } => Some(*exit),
        _ => None,
    })
}

pub(crate) async fn never_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut channel = GateChannel::create(folder.path()).expect("the pipes");
    let nothing = tokio::time::timeout(Duration::from_millis(200), channel.next()).await;
    assert!(nothing.is_err(), "an event came from nowhere: {nothing:?}");
    channel.container_ended();
    let cut = tokio::time::timeout(PATIENCE, channel.next())
        .await
        .expect("the channel ends");
    assert!(matches!(cut, Some(Err(GateError::Cut))), "{cut:?}");
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("the folder").count(),
        0,
        "the pipes' names are gone"
    );
}

pub(crate) async fn dies_in_the_middle() {
    let gate = Gate::new("dash");
    let (mut channel, mut child) = gate.start(gate.work(&["echo alive; sleep 60"])).await;
    loop {
        let event = tokio::time::timeout(PATIENCE, channel.next())
            .await
            .expect("the gate goes on");
        if let Some(Ok(GateEvent::Output { bytes, .. })) = event {
            assert_eq!(&bytes[..], b"alive\n");
            break;
        }
    }
    child.kill().await.expect("the gate is killed");
    let cut = tokio::time::timeout(PATIENCE, channel.next())
        .await
        .expect("the channel ends");
    assert!(matches!(cut, Some(Err(GateError::Cut))), "{cut:?}");
    assert!(channel.next().await.is_none());
}
