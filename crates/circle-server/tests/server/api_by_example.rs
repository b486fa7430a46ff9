//! `docs/guide/api-by-example.md` is played against a server: every command of it, in order, in one shell.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::support::{Circle, Played, Repo};

/// Stands in an answer for anything.
const ANYTHING: char = '…';
/// Between the outputs of two commands.
const MARK: &str = "--- the next command ---";

/// A command of the page with what it is said to print.
#[derive(Debug, PartialEq, Eq)]
struct Example {
    line: usize,
    command: String,
    answer: String,
}

/// Commands begin with `$ ` and go on with `> `; what follows is their answer.
fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut inside = false;
    for (number, text) in page.lines().enumerate() {
        match (inside, text) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, text) => match (text.strip_prefix("$ "), text.strip_prefix("> "), examples.last_mut()) {
                (Some(command), ..) => examples.push(Example {
                    line: number + 1,
                    command: command.to_owned(),
                    answer: String::new(),
                }),
                (None, Some(more), Some(last)) if last.answer.is_empty() => {
                    last.command.push('\n');
                    last.command.push_str(more);
                }
                (None, _, Some(last)) => {
                    last.answer.push_str(text);
                    last.answer.push('\n');
                }
                (None, _, None) => panic!("line {}: an answer without a command", number + 1),
            },
            (false, _) => {}
        }
    }
    examples
}

/// Whether a text is what the page shows, with anything where the page has dots.
fn fits(shown: &str, real: &str) -> bool {
    let mut pieces = shown.split(ANYTHING);
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = real.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

async fn played(circle: &Circle, repository: &str, examples: &[Example]) -> Vec<String> {
    let script: String = examples
        .iter()
        .map(|example| format!("{}\necho '{MARK}'\n", example.command))
        .collect();
    let output = Command::new("sh")
        .args(["-c", &script])
        .env("CIRCLE_URL", &circle.url)
        .env("CIRCLE_TOKEN", &circle.token)
        .env("REPOSITORY", repository)
        .env_remove("http_proxy")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = output.await.expect("sh");
    let (said, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    let mut answers: Vec<String> = said.split(&format!("{MARK}\n")).map(str::to_owned).collect();
    assert_eq!(
        answers.pop().as_deref(),
        Some(""),
        "the shell ended early: {said}{errors}"
    );
    answers
}

/// Does what the page's runs want: a line of log, and success.
async fn work(worker: &Played) {
    let mut orders = worker.orders().await;
    loop {
        let mut job = worker.take(&mut orders).await;
        let line = job.chunk("pre_build", (0, 0), b"make: nothing to be done\n");
        assert_eq!(job.log(line).await.status(), 200);
        job.succeed().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_the_page_is_answered_as_the_page_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/api-by-example.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let examples = examples(&page);
    assert!(examples.len() >= 15, "the page shows only {} calls", examples.len());
    let file = "inputs: {version: {pattern: \"[0-9.]+\"}}\npre_build: {image: busybox, commands: [make], outputs: [out]}\nbuild: {}\n";
    let (circle, repo) = (Circle::start().await, Repo::with(file).await);
    let worker = Played::enrol(&circle, "w", 1).await;
    let answers = tokio::select! {
        answers = played(&circle, repo.url(), &examples) => answers,
        () = work(&worker) => unreachable!("it works without end"),
    };
    let mut faults = Vec::new();
    for (example, real) in examples.iter().zip(&answers) {
        // Curl prints an answer as it is, without a line's end.
        let real = real.replace('\r', "");
        if !fits(example.answer.trim_end(), real.trim_end()) {
            faults.push(format!("line {}: {}\n{real}", example.line, example.command));
        }
    }
    assert!(
        faults.is_empty(),
        "the page is stale, real answers are:\n{}",
        faults.join("\n")
    );
}

#[test]
fn dots_stand_for_anything_and_nothing_else_does() {
    for (shown, real, wanted) in [
        ("", "", true),
        ("", "x", false),
        ("abc", "abc", true),
        ("abc", "abcd", false),
        ("a…c", "abc", true),
        ("a…c", "abcd", false),
        ("a…", "abcd", true),
        ("…d", "abcd", true),
        ("a…b…d", "aXbYd", true),
        ("a…b…d", "aXd", false),
        ("a…a", "a", false),
    ] {
        assert_eq!(fits(shown, real), wanted, "{shown} {real}");
    }
    let page = "text\n```console\n$ a \\\n> b\none\ntwo\n$ c\n```\n$ no\n";
    let example = |line, command: &str, answer: &str| Example {
        line,
        command: command.to_owned(),
        answer: answer.to_owned(),
    };
    assert_eq!(
        examples(page),
        [example(3, "a \\\nb", "one\ntwo\n"), example(7, "c", "")]
    );
}
