//! What the tests of the pipeline file share.
#![expect(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod answer;
pub(crate) mod generate;
pub(crate) mod yaml;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use circle_core::names::{BranchName, CommitId, TagName};
use circle_core::pipeline::{Diagnostic, PipelineFile, parse};
use circle_core::plan::Policy;
use circle_core::rights::Rights;
use circle_core::service::WorkspacePolicy;
use circle_core::trigger::{Event, Trigger, Trust};

/// Files of a folder of the corpus in order of their names.
pub(crate) fn corpus(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(folder);
    let entries = std::fs::read_dir(&folder).expect("the corpus stands beside the tests");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
    files.sort();
    files
}

/// Findings as a person would see them, with a caret beneath the column.
pub(crate) fn render(findings: &[Diagnostic]) -> String {
    let mut out = String::new();
    for one in findings {
        let word = if one.is_error() { "error" } else { "warning" };
        let _ = writeln!(out, "{word}[{}] {}:{}: {}", one.code, one.line, one.column, one.message);
        let until = if one.end_line == one.line {
            one.end_column.max(one.column + 1)
        } else {
            one.column + 1
        };
        let caret: String = "^".repeat((until - one.column) as usize);
        let excerpt: String = one
            .excerpt
            .chars()
            .map(|c| if c.is_control() { '␣' } else { c })
            .take(100)
            .collect();
        if one.column <= 100 {
            // Wide characters take two places on a terminal; here every character takes one.
            let _ = writeln!(out, "    {excerpt}\n    {}{caret}", " ".repeat(one.column as usize - 1));
        }
        if let Some(help) = &one.help {
            let _ = writeln!(out, "    help: {help}");
        }
    }
    out
}

/// A file that must be good.
pub(crate) fn good(text: &str) -> PipelineFile {
    let (file, findings) = parse("caicloud.yml", text.as_bytes());
    file.unwrap_or_else(|| panic!("the file is refused:\n{}", render(&findings)))
}

/// A trigger of a member.
pub(crate) fn member(event: Event) -> Trigger {
    let git_ref = match &event {
        Event::Push { branch } | Event::Schedule { branch, .. } => branch.full(),
        Event::Tag { tag } => tag.full(),
        Event::PullRequest { into, .. } => into.full(),
        Event::Manual { branch, tag, .. } => match (branch, tag) {
            (Some(branch), _) => branch.full(),
            (None, Some(tag)) => tag.full(),
            (None, None) => branch_name("main").full(),
        },
    };
    Trigger {
        event,
        git_ref,
        commit: Some(CommitId::new("0123456789abcdef0123456789abcdef01234567").expect("a commit")),
        commit_time: None,
        title: None,
        actor: "mia".to_owned(),
        trust: Trust::Member,
        key: "k".to_owned(),
        changed_paths: None,
        inputs: Default::default(),
    }
}

/// A push to a branch.
pub(crate) fn push(branch: &str) -> Trigger {
    member(Event::Push {
        branch: branch_name(branch),
    })
}

/// A tag.
pub(crate) fn tag(tag: &str) -> Trigger {
    member(Event::Tag {
        tag: TagName::new(tag).expect("a tag"),
    })
}

/// A pull request.
pub(crate) fn pull_request(into: &str) -> Trigger {
    member(Event::PullRequest {
        number: 7,
        into: branch_name(into),
        base: None,
        fork: false,
        people: Vec::new(),
        approved_by: None,
        approver: None,
    })
}

/// A run by hand.
pub(crate) fn manual(branch: &str) -> Trigger {
    member(Event::Manual {
        branch: Some(branch_name(branch)),
        tag: None,
        reason: None,
        pinned: false,
    })
}

/// The same trigger by somebody from outside.
pub(crate) fn by_a_stranger(trigger: Trigger) -> Trigger {
    Trigger {
        trust: Trust::Stranger,
        ..trigger
    }
}

pub(crate) fn branch_name(name: &str) -> BranchName {
    BranchName::new(name).expect("a branch")
}

/// A workspace that allows privileged containers, and with them every right.
pub(crate) fn privileged() -> Policy {
    Policy::from(&WorkspacePolicy {
        rights: Rights {
            privileged: true,
            ..Rights::default()
        },
        ..WorkspacePolicy::default()
    })
}
