//! What goes to standard output: text for people or JSON for programs, never both.

use std::io::{self, Write};

use serde::Serialize;

use crate::exit::advice;
use crate::paint::{Paint, Tone};

/// Writes to standard output. Standard error is for logs and errors only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    pub(crate) paint: Paint,
    /// One JSON document for each answer; one a line where a command goes on.
    pub(crate) json: bool,
    /// Columns of the terminal; `None` = no terminal, nothing is wrapped.
    pub(crate) width: Option<u16>,
}

impl Printer {
    /// The value as JSON, or the text that is made only then.
    pub(crate) fn show<T: Serialize>(&self, value: &T, text: impl FnOnce(&Self) -> String) -> anyhow::Result<()> {
        if self.json {
            self.line(&serde_json::to_string_pretty(value)?)
        } else {
            let text = text(self);
            self.line(text.trim_end_matches('\n'))
        }
    }

    /// One JSON document on one line.
    pub(crate) fn event<T: Serialize>(&self, value: &T) -> anyhow::Result<()> {
        self.line(&serde_json::to_string(value)?)
    }

    /// A sentence for people; programs get nothing.
    pub(crate) fn say(&self, text: &str) -> anyhow::Result<()> {
        if self.json { Ok(()) } else { self.line(text) }
    }

    pub(crate) fn line(&self, text: &str) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")?;
        Ok(out.flush()?)
    }

    pub(crate) fn bytes(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        Ok(out.flush()?)
    }
}

/// One sentence to standard error.
pub(crate) fn complain(paint: Paint, error: &anyhow::Error) {
    let mut sentence = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    if let Some(advice) = advice(error) {
        sentence.push_str("; ");
        sentence.push_str(advice);
    }
    // Standard error may be closed; then there is nobody to tell.
    let _unheard = writeln!(io::stderr().lock(), "{} {sentence}", paint.tone(Tone::Bad, "circle:"));
}
