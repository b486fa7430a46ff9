//! The program's exit codes and its one sentence on standard error, as a caller sees them.

use std::process::{Command, Output};

struct Circle {
    folder: tempfile::TempDir,
}

impl Circle {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// On a machine without server, configuration or variables.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_circle"))
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("CIRCLE_DATA", self.folder.path().join("data"))
            .current_dir(self.folder.path())
            .output()
            .expect("the program runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (status.code().expect("an exit code"), text(stdout), text(stderr))
    }
}

#[test]
fn a_server_that_is_not_there_is_code_5_and_says_what_to_do() {
    let (code, stdout, stderr) = Circle::new().run(&["runs"]);
    assert_eq!((code, stdout.as_str()), (5, ""));
    assert!(stderr.starts_with("circle: the server at unix:///"), "{stderr}");
    assert!(
        stderr.contains("`circle up`") && stderr.lines().count() == 1,
        "{stderr}"
    );
}

#[test]
fn a_wrong_command_line_is_code_2() {
    let circle = Circle::new();
    for arguments in [
        &["bogus"][..],
        &["show", "Web/1"],
        &["runs", "--server", "nowhere"],
        &["up", "--listen", "8080"],
    ] {
        assert_eq!(circle.run(arguments).0, 2, "{arguments:?}");
    }
}

#[test]
fn help_and_version_are_code_0_and_on_standard_output() {
    let circle = Circle::new();
    for argument in ["--help", "--version"] {
        let (code, stdout, stderr) = circle.run(&[argument]);
        assert!(
            code == 0 && !stdout.is_empty() && stderr.is_empty(),
            "{argument}: {code} {stderr}"
        );
    }
    assert!(circle.run(&["--help"]).1.contains("130  a followed run was cancelled"));
}

#[test]
fn lint_has_three_codes() {
    let circle = Circle::new();
    std::fs::write(circle.folder.path().join("good.yml"), "build: {}\n").expect("written");
    std::fs::write(circle.folder.path().join("bad.yml"), "bild: {}\n").expect("written");
    assert_eq!(circle.run(&["lint", "good.yml"]).0, 0);
    let (code, stdout, _) = circle.run(&["lint", "bad.yml", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&stdout).expect("one JSON document");
    assert_eq!((code, &answer["ok"]), (1, &serde_json::json!(false)));
    let (code, _, stderr) = circle.run(&["lint", "none.yml"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("none.yml"), "{stderr}");
}

#[test]
fn a_configuration_file_with_a_slip_is_code_2_and_named() {
    let circle = Circle::new();
    let folder = circle.folder.path().join(".config/circle");
    std::fs::create_dir_all(&folder).expect("made");
    std::fs::write(folder.join("config.toml"), "sever = 'x'\n").expect("written");
    let (code, _, stderr) = circle.run(&["runs"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("config.toml") && stderr.contains("sever"), "{stderr}");
}

#[test]
fn a_secret_is_not_taken_from_the_command_line() {
    let (code, _, stderr) = Circle::new().run(&["secret", "set", "TOKEN", "hunter2"]);
    assert_eq!(code, 2, "{stderr}");
}

#[test]
fn the_schema_and_completions_are_printed_without_a_server() {
    let circle = Circle::new();
    let (code, stdout, _) = circle.run(&["schema"]);
    assert_eq!(code, 0);
    serde_json::from_str::<serde_json::Value>(&stdout).expect("a JSON Schema");
    let (code, stdout, _) = circle.run(&["completions", "bash"]);
    assert!(code == 0 && stdout.contains("_circle"), "{code}");
}

#[test]
fn nothing_is_coloured_where_nobody_looks_unless_asked_for() {
    let circle = Circle::new();
    assert!(!circle.run(&["runs"]).2.contains('\u{1b}'));
    assert!(circle.run(&["runs", "--color=always"]).2.contains('\u{1b}'));
}
