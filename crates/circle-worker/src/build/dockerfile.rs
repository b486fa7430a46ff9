//! What Circle must know of a Dockerfile by itself: whether its last stage says what to run, and which line an error means.

use std::path::Path;

use circle_core::plan::ImageBuild;
use circle_core::run::Failure;

use super::context::folder;
use super::read;
use crate::execute::StageRun;

/// Longest Dockerfile that is looked into.
const MAX_BYTES: u64 = 1024 * 1024;

/// Whether the last stage (or the target) of the image's Dockerfile sets CMD or ENTRYPOINT itself; what its base image
/// sets does not count.
pub(crate) async fn sets_a_command(stage: &StageRun<'_>, image: &ImageBuild) -> Result<bool, Failure> {
    let view = stage.view().await?;
    let text = text(stage, view.inside(), image).await?.unwrap_or_default();
    Ok(last_stage_sets_a_command(&text, image.target.as_deref()))
}

/// The Dockerfile's text; `None` when there is none.
pub(super) async fn text(stage: &StageRun<'_>, view: &Path, image: &ImageBuild) -> Result<Option<String>, Failure> {
    let file = folder(stage, view, image).await?.join(&image.dockerfile);
    read::text(stage.shared, view, &file, MAX_BYTES).await
}

/// The lines that an error of the parser means, as `file:line` and the excerpt.
pub(super) fn excerpt(error: &str, name: &str, text: &str) -> Option<String> {
    let at = error.find("parse error line ").map(|at| at + "parse error line ".len());
    let at = at.or_else(|| {
        error
            .find("parse error on line ")
            .map(|at| at + "parse error on line ".len())
    })?;
    let digits: String = error[at..].chars().take_while(char::is_ascii_digit).collect();
    let number: usize = digits.parse().ok()?;
    let line = text.lines().nth(number.checked_sub(1)?)?;
    let why = error[at + digits.len()..].trim_start_matches(':').trim();
    Some(format!(
        "{name}:{number}: {why}\n  {number} | {}",
        line.chars().take(200).collect::<String>()
    ))
}

fn last_stage_sets_a_command(text: &str, target: Option<&str>) -> bool {
    let (mut sets, mut in_target) = (false, target.is_none());
    for instruction in instructions(text) {
        let mut words = instruction.split_whitespace();
        let word = words.next().unwrap_or_default().to_ascii_uppercase();
        match word.as_str() {
            "FROM" if target.is_some() && in_target => return sets,
            "FROM" => {
                sets = false;
                let name = words.skip_while(|word| !word.eq_ignore_ascii_case("as")).nth(1);
                in_target = target.is_none()
                    || name.is_some_and(|name| target.is_some_and(|wanted| name.eq_ignore_ascii_case(wanted)));
            }
            "CMD" | "ENTRYPOINT" => sets = true,
            _ => {}
        }
    }
    sets
}

/// The instructions, with continued lines joined; comments between them are left out, as the parser does it.
fn instructions(text: &str) -> Vec<String> {
    let directives = text.lines().take_while(|line| line.starts_with('#'));
    let escape = if directives.into_iter().any(is_backtick_directive) {
        '`'
    } else {
        '\\'
    };
    let mut all = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let mut whole = open.take().unwrap_or_default();
        if let Some(begun) = line.strip_suffix(escape) {
            whole.push_str(begun);
            open = Some(whole);
        } else if line.is_empty() && !whole.is_empty() {
            open = Some(whole);
        } else {
            whole.push_str(line);
            all.push(whole);
        }
    }
    all.extend(open);
    all
}

fn is_backtick_directive(line: &str) -> bool {
    let text: String = line
        .trim_start_matches('#')
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect();
    text.eq_ignore_ascii_case("escape=`")
}

#[cfg(test)]
mod tests {
    use super::{excerpt, last_stage_sets_a_command};

    #[test]
    fn only_the_last_stage_counts() {
        for (text, target, sets) in [
            ("FROM a\nCMD x\n", None, true),
            ("FROM a\nENTRYPOINT [\"x\"]\nFROM b\nRUN make\n", None, false),
            ("FROM a AS one\nRUN x\nFROM b\ncmd y\n", None, true),
            ("FROM a AS one\nCMD x\nFROM b\nRUN y\n", Some("one"), true),
            ("FROM a AS one\nRUN x\nFROM b\nCMD y\n", Some("one"), false),
            ("FROM a\nRUN echo \\\n CMD x\n# CMD y\n", None, false),
            ("# escape=`\nFROM a\nRUN echo `\n CMD x\n", None, false),
        ] {
            assert_eq!(last_stage_sets_a_command(text, target), sets, "{text}");
        }
    }

    #[test]
    fn a_syntax_error_is_shown_with_its_line() {
        let error = "failed to create LLB definition: dockerfile parse error line 2: unknown instruction: RUNN";
        let shown = excerpt(error, "Dockerfile", "FROM a\nRUNN make\n").expect("a line");
        assert_eq!(shown, "Dockerfile:2: unknown instruction: RUNN\n  2 | RUNN make");
    }
}
