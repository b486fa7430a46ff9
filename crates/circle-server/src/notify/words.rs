//! What a mail and a webhook's call say. Pure.

use circle_api::resources::RunSummary;
use circle_core::notice::{Cause, Notice};
use circle_core::run::{Run, RunState, Verdict};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Story;

/// Of a commit's title in a subject.
const SUBJECT_TITLE_CHARS: usize = 80;

/// A mail without its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// The mail of a notice.
pub(super) fn letter(notice: &Notice, story: &Story) -> Letter {
    let name = &story.service.name;
    let Some(run) = &story.run else {
        let subject = format!("[{name}] a try");
        let text = format!("Mail about {name} arrives.\n");
        return Letter {
            subject,
            html: page(&[format!("<p>{}</p>", escape(&text))]),
            text,
        };
    };
    let outcome = outcome(notice.cause, run);
    let title = run.trigger.title.as_deref().unwrap_or_default();
    let short: String = title.chars().take(SUBJECT_TITLE_CHARS).collect();
    let subject = format!("[{name}] run {} {outcome}", run.number);
    let subject = if short.is_empty() {
        subject
    } else {
        format!("{subject}: {short}")
    };
    let place = place(run);
    let mut text = format!("Run {} of {name} {outcome}.\n\n", run.number);
    let mut html = vec![format!(
        "<h1>Run {} of {} {}</h1>",
        run.number,
        escape(name.as_str()),
        escape(&outcome)
    )];
    if let Some(why) = why(run) {
        text += &format!("{why}\n\n");
        html.push(format!("<p>{}</p>", escape(why)));
    }
    text += &format!("{place}\n{title}\n\n{}\n", story.page);
    html.push(format!("<p>{}<br>{}</p>", escape(&place), escape(title)));
    html.push(format!("<p><a href=\"{0}\">{0}</a></p>", escape(&story.page)));
    if let Some((stage, lines)) = &story.log {
        text += &format!("\nThe last lines of {stage}:\n\n{}\n", quoted(lines));
        html.push(format!(
            "<p>The last lines of {}:</p><pre>{}</pre>",
            escape(stage),
            escape(lines)
        ));
    }
    let reason = "You get this because you subscribed to the service, or because the commit has your address.";
    text += &format!("\n-- \n{reason}\n");
    html.push(format!("<p><small>{reason}</small></p>"));
    Letter {
        subject: one_line(&subject),
        text,
        html: page(&html),
    }
}

/// The body of a webhook's call.
pub(super) fn call(notice: &Notice, story: &Story, now: Timestamp) -> Value {
    let run = story.run.as_ref().map(RunSummary::from);
    json!({
        "type": format!("run.{}", notice.cause.word()),
        "timestamp": now,
        "data": {
            "service": { "id": story.service.id, "name": story.service.name },
            "url": story.page,
            "run": run,
        },
    })
}

fn outcome(cause: Cause, run: &Run) -> String {
    match (cause, &run.state) {
        (Cause::Fixed, _) => "is fixed".to_owned(),
        (
            _,
            RunState::Ended {
                verdict: Verdict::Failed { failure },
                ..
            },
        ) => {
            let stage = failure.stage.as_deref().map(|stage| format!(" in {stage}"));
            format!("failed{}", stage.unwrap_or_default())
        }
        (_, state) => state.word().to_owned(),
    }
}

fn why(run: &Run) -> Option<&str> {
    match &run.state {
        RunState::Ended {
            verdict: Verdict::Failed { failure },
            ..
        } => Some(&failure.message),
        _ => None,
    }
}

fn place(run: &Run) -> String {
    let commit = run
        .trigger
        .commit
        .as_ref()
        .map(|commit| format!(" at {}", &commit.as_str()[..12]));
    format!(
        "{}{}, by {}",
        run.trigger.git_ref,
        commit.unwrap_or_default(),
        run.trigger.actor
    )
}

/// A line of a log may look like a signature's mark, or like mail.
fn quoted(lines: &str) -> String {
    lines
        .lines()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn page(parts: &[String]) -> String {
    format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"></head><body>{}</body></html>",
        parts.concat()
    )
}

/// Text in HTML, also within quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{escape, one_line, quoted};

    #[test]
    fn sec_48_foreign_words_are_text_in_a_mail() {
        let evil = "<img src=x onerror='a()'>&\"";
        assert_eq!(escape(evil), "&lt;img src=x onerror=&#39;a()&#39;&gt;&amp;&quot;");
        assert_eq!(one_line("a\r\nBcc: b"), "a  Bcc: b");
        assert_eq!(quoted("-- \nx"), "    -- \n    x");
    }
}
