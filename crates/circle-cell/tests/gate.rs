//! The gate, run on this machine without a container: what the shells of images do with it.

#[path = "support/shells.rs"]
mod shells;

use circle_cell::Exit;
use circle_cell::gate::{GateEvent, List, Work};
use shells::{Gate, SHELLS, end, said, story};

#[tokio::test]
async fn commands_share_one_shell_and_stand_between_their_marks() {
    for shell in SHELLS {
        let events = Gate::new(shell)
            .run(&["cd /tmp && export A=1\nf() { echo \"f $A\"; }", "pwd; f", "f >&2"])
            .await;
        assert_eq!(
            story(&events),
            "begin 0 | end 0 = 0 | begin 1 | /tmp\nf 1\n | end 1 = 0 | begin 2 | f 1\n | end 2 = 0 | code 0 | closed",
            "{shell}"
        );
    }
}

#[tokio::test]
async fn the_first_failure_is_the_end_and_its_code_is_the_verdict() {
    for shell in SHELLS {
        for (command, code) in [
            ("false", 1),
            ("exit 7", 7),
            ("(exit 7) && true", 7),
            ("set +e; (exit 3)", 3),
        ] {
            let events = Gate::new(shell).run(&["echo one", command, "echo never"]).await;
            assert_eq!(
                story(&events),
                format!("begin 0 | one\n | end 0 = 0 | begin 1 | end 1 = {code} | code {code} | closed"),
                "{shell}: {command}"
            );
        }
    }
}

#[tokio::test]
async fn a_syntax_error_is_the_failure_of_its_own_command() {
    for shell in SHELLS {
        let events = Gate::new(shell).run(&["echo one", "if then", "echo never"]).await;
        let told = story(&events);
        assert!(
            told.starts_with("begin 0 | one\n | end 0 = 0 | begin 1 | "),
            "{shell}: {told}"
        );
        assert!(told.ends_with(" | end 1 = 2 | code 2 | closed"), "{shell}: {told}");
        assert!(said(&events).to_lowercase().contains("syntax error"), "{shell}: {told}");
    }
}

#[tokio::test]
async fn a_background_child_that_keeps_the_output_open_does_not_hold_the_end() {
    for shell in SHELLS {
        let began = std::time::Instant::now();
        let events = Gate::new(shell).run(&["sleep 30 & echo started"]).await;
        assert_eq!(
            story(&events),
            "begin 0 | started\n | end 0 = 0 | code 0 | closed",
            "{shell}"
        );
        assert!(began.elapsed().as_secs() < 10, "{shell}: the end waited for the child");
    }
}

#[tokio::test]
async fn printing_marks_forges_nothing() {
    for shell in SHELLS {
        let forged = "printf 'e0\\nb1\\ne1\\n'; (echo e0 >&9) 2>/dev/null || true; exit 4";
        let events = Gate::new(shell).run(&[forged, "echo never"]).await;
        assert_eq!(
            story(&events),
            "begin 0 | e0\nb1\ne1\n | end 0 = 4 | code 4 | closed",
            "{shell}"
        );
    }
}

#[tokio::test]
async fn a_shell_that_is_killed_says_so() {
    let events = Gate::new("dash").run(&["kill -9 $$"]).await;
    assert_eq!(end(&events), Some(Exit::Signal(9)));
    assert_eq!(story(&events), "begin 0 | end 0 = 137 | signal 9 | closed");
}

#[tokio::test]
async fn the_commands_of_finally_run_afterwards_and_change_no_verdict() {
    for shell in SHELLS {
        let mut gate = Gate::new(shell);
        gate.finally = vec!["echo after".to_owned(), "false".to_owned()];
        let events = gate.run(&["exit 5"]).await;
        assert_eq!(
            story(&events),
            "begin 0 | end 0 = 5 | code 5 | finally 0 | after\n | end 0 = 0 | finally 1 | end 1 = 1 | closed",
            "{shell}"
        );
        assert!(events.contains(&GateEvent::CommandBegin {
            list: List::Finally,
            index: 1
        }));
    }
}

#[tokio::test]
async fn commands_get_the_environment_and_no_input() {
    let mut gate = Gate::new("dash");
    gate.environment = vec![("SECRET".to_owned(), "a=b\n'c'".to_owned())];
    let events = gate.run(&["printf '%s' \"$SECRET\"; cat"]).await;
    assert_eq!(said(&events), "a=b\n'c'");
}

#[tokio::test]
async fn no_command_inherits_a_descriptor_of_the_gate() {
    for shell in SHELLS {
        let events = Gate::new(shell)
            .run(&[
                "ls -l /proc/self/fd 2>/dev/null",
                "ls /proc/self/fd/9 /proc/self/fd/8 2>/dev/null || :",
            ])
            .await;
        let open = said(&events);
        assert!(
            !open.contains("events") && !open.contains("orders") && !open.contains("memfd"),
            "{shell}: {open}"
        );
        assert!(
            !open.contains("/proc/self/fd/"),
            "{shell}: a command reaches the marks or the script: {open}"
        );
    }
}

#[tokio::test]
async fn binary_output_arrives_byte_for_byte() {
    let events = Gate::new("dash")
        .run(&["i=0; while [ $i -lt 256 ]; do printf \"\\\\$(printf %03o $i)\"; i=$((i+1)); done"])
        .await;
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(shells::bytes(&events), bytes);
}

#[tokio::test]
async fn one_line_of_fifty_megabytes_is_whole() {
    let events = Gate::new("dash")
        .run(&["head -c 52428800 /dev/zero | tr '\\0' x", "echo end"])
        .await;
    let bytes = shells::bytes(&events);
    assert_eq!(bytes.len(), 52_428_800 + 4);
    assert!(bytes[..52_428_800].iter().all(|byte| *byte == b'x'));
    assert!(bytes.ends_with(b"end\n"));
}

#[tokio::test]
async fn a_million_lines_arrive_in_order() {
    let events = Gate::new("dash").run(&["seq 1000000"]).await;
    let text = said(&events);
    let mut count = 0;
    for (number, line) in text.lines().enumerate() {
        assert_eq!(line, (number + 1).to_string());
        count += 1;
    }
    assert_eq!(count, 1_000_000);
}

#[tokio::test]
async fn commands_longer_than_an_argument_may_be_run_all_the_same() {
    for shell in SHELLS {
        let long = format!(": {}\necho done", "x".repeat(300_000));
        let events = Gate::new(shell)
            .run(&[&long, "ls /proc/self/fd/8 2>/dev/null || echo closed"])
            .await;
        assert_eq!(said(&events), "done\nclosed\n", "{shell}");
    }
}

#[tokio::test]
async fn a_missing_shell_and_a_missing_folder_are_named() {
    let events = Gate::new("no-such-shell").run(&["true"]).await;
    assert!(
        story(&events).starts_with("failed: the shell no-such-shell cannot be started"),
        "{}",
        story(&events)
    );
    let mut gate = Gate::new("dash");
    gate.directory = "/nowhere/else".to_owned();
    let told = story(&gate.run(&["true"]).await);
    assert!(
        told.starts_with("failed: the working directory /nowhere/else cannot be entered"),
        "{told}"
    );
}

#[tokio::test]
async fn a_working_directory_beneath_the_workspace_is_made() {
    let workspace = tempfile::tempdir().expect("a folder");
    let mut gate = Gate::new("dash");
    gate.workspace = workspace.path().display().to_string();
    gate.directory = format!("{}/deep/er", gate.workspace);
    assert_eq!(said(&gate.run(&["pwd"]).await).trim(), gate.directory);
    gate.directory = format!("{}/../{}-up", gate.workspace, std::process::id());
    assert!(
        story(&gate.run(&["true"]).await).starts_with("failed: "),
        "a way up was made"
    );
}

#[tokio::test]
async fn a_program_runs_without_a_shell() {
    let work = Work::Program(["printf", "%s", "$HOME"].map(str::to_owned).to_vec());
    let events = Gate::new("dash").run_work(work).await;
    assert_eq!(story(&events), "begin 0 | $HOME | end 0 = 0 | code 0 | closed");
}

#[tokio::test]
async fn a_program_takes_the_gates_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("secret").display().to_string();
    let mut gate = Gate::new("dash");
    gate.environment = vec![("FILE".to_owned(), file.clone())];
    gate.files = vec![(file, "of the file".to_owned())];
    let script = "echo $$; cat \"$FILE\"; stat -c \" %a\" \"$FILE\"; echo oh >&2; exit 3";
    let (id, output, errors, code) = gate.becomes(&["sh", "-c", script]).await;
    assert_eq!(output, format!("{id}\nof the file 400\n"));
    assert_eq!((errors.as_str(), code), ("oh\n", Some(3)));
}

#[tokio::test]
async fn a_gate_that_cannot_become_the_program_says_why_where_the_program_would_speak() {
    let (_, output, errors, code) = Gate::new("dash").becomes(&["/no/such/program"]).await;
    assert!(
        output.is_empty() && errors.contains("/no/such/program cannot be started in this image"),
        "{errors}"
    );
    assert_eq!(code, Some(125));
    let mut gate = Gate::new("dash");
    gate.files = vec![("/no/such/folder/secret".to_owned(), "of the file".to_owned())];
    let (_, _, errors, code) = gate.becomes(&["true"]).await;
    assert!(errors.contains("/no/such/folder/secret cannot be written"), "{errors}");
    assert!(code == Some(125) && !errors.contains("of the file"), "{errors}");
    // A job is told in the usual way.
    let told = story(&gate.run(&["true"]).await);
    assert!(
        told.starts_with("failed: the file /no/such/folder/secret cannot be written"),
        "{told}"
    );
}

#[tokio::test]
async fn a_slow_reader_slows_the_job_and_loses_nothing() {
    let (events, waited) = Gate::new("dash").run_slowly(&["seq 2000000; echo end"]).await;
    assert!(waited, "the job ran ahead of its reader: nothing held it");
    assert!(said(&events).ends_with("2000000\nend\n"));
}

#[tokio::test]
async fn a_container_that_never_starts_or_dies_ends_the_channel() {
    shells::never_starts().await;
    shells::dies_in_the_middle().await;
}
