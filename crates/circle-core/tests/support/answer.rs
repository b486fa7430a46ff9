//! What every answer of the parser and the planner keeps to, for whatever bytes; shared with the fuzz target.

use circle_core::names::{BranchName, CommitId, TagName};
use circle_core::pipeline::{Diagnostic, MAX_DIAGNOSTICS, Source, parse};
use circle_core::plan::{Policy, explain, plan};
use circle_core::trigger::{Event, Trigger, Trust};

/// Parses, and plans what was parsed.
///
/// # Errors
/// A sentence that says which promise was broken.
pub(crate) fn check_answer(bytes: &[u8]) -> Result<(), String> {
    let (file, findings) = parse("f", bytes);
    if file.is_some() == findings.iter().any(Diagnostic::is_error) {
        return Err(format!("a file beside errors, or neither: {findings:?}"));
    }
    if findings.len() > MAX_DIAGNOSTICS + 1 {
        return Err(format!("{} findings", findings.len()));
    }
    let source = Source::new("f", &String::from_utf8_lossy(bytes));
    for one in &findings {
        let line = source.line(one.line);
        let within = one.line >= 1 && one.column >= 1 && one.column as usize <= line.chars().count() + 1;
        let ordered = (one.line, one.column) <= (one.end_line, one.end_column);
        let texts = [Some(&one.message), one.help.as_ref()];
        let tame = texts
            .into_iter()
            .flatten()
            .all(|text| !text.is_empty() && !text.contains(char::is_control));
        if !within || !ordered || !tame || one.excerpt.contains(|c: char| c.is_control() && c != '\t') {
            return Err(format!("{one:?} of {line:?}"));
        }
    }
    let Some(file) = file else { return Ok(()) };
    drop(explain(&file));
    for trigger in triggers() {
        let Ok(plan) = plan(&file, &trigger, &Policy::default()) else {
            continue;
        };
        let names: Vec<&str> = plan.stages.iter().map(|stage| stage.name.as_str()).collect();
        let private = ["push", "post_build"].iter().any(|name| names.contains(name)) || !plan.deploys.is_empty();
        if names.first() != Some(&"checkout") || (trigger.trust == Trust::Stranger && private) {
            return Err(format!("{trigger:?} does {names:?}"));
        }
    }
    Ok(())
}

/// One of each kind, the last by a stranger.
fn triggers() -> [Trigger; 4] {
    let main = || BranchName::new("main").expect("a branch");
    let tag = TagName::new("v1").expect("a tag");
    [
        (Event::Push { branch: main() }, Trust::Member),
        (Event::Tag { tag }, Trust::Member),
        (
            Event::PullRequest {
                number: 7,
                into: main(),
                base: None,
                fork: false,
                people: Vec::new(),
                approved_by: None,
                approver: None,
            },
            Trust::Member,
        ),
        (Event::Push { branch: main() }, Trust::Stranger),
    ]
    .map(|(event, trust)| Trigger {
        event,
        git_ref: main().full(),
        commit: Some(CommitId::new("0123456789abcdef0123456789abcdef01234567").expect("a commit")),
        commit_time: None,
        title: None,
        actor: "mia".to_owned(),
        trust,
        key: "k".to_owned(),
        changed_paths: None,
        inputs: Default::default(),
    })
}
