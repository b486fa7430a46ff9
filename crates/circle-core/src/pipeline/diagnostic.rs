//! What is wrong in a pipeline file, and where; the same for the terminal, the API and the page.

use serde::{Deserialize, Serialize};

use super::bounds::MAX_MESSAGE_CHARS;
use super::code::Code;
use super::source::{Source, Span};
use super::value::is_invisible;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Whether the file can be used in spite of it.
    pub severity: Severity,
    /// Stable; programs may rely on it.
    pub code: Code,
    /// One sentence that can be read alone.
    pub message: String,
    /// The file's name as it was given.
    pub file: String,
    /// Counts from 1.
    pub line: u32,
    /// Counts from 1, in characters.
    pub column: u32,
    /// Where it ends, exclusive.
    pub end_line: u32,
    /// Where it ends, exclusive, in characters.
    pub end_column: u32,
    /// The line of the file, cut to 200 characters.
    pub excerpt: String,
    /// What to write instead, where that can be said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub help: Option<String>,
}

/// Whether a finding stops the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is taken; somebody should look.
    Warning,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(source: &Source, code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(source, Severity::Error, code, span, message.into())
    }

    /// A warning at a place.
    pub fn warning(source: &Source, code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(source, Severity::Warning, code, span, message.into())
    }

    /// The same with a sentence of help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(plain(&help.into()));
        self
    }

    /// Whether it stops the run.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    fn new(source: &Source, severity: Severity, code: Code, span: Span, message: String) -> Self {
        Self {
            severity,
            code,
            message: plain(&message),
            file: source.name().to_owned(),
            line: span.start.line,
            column: span.start.column,
            end_line: span.end.line,
            end_column: span.end.column,
            excerpt: source.excerpt(span.start.line).chars().map(shown).collect(),
            help: None,
        }
    }
}

/// One line that steers no terminal, whatever foreign text it quotes.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().take(MAX_MESSAGE_CHARS) {
        if is_hidden(c) {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
    }
    out
}

/// One character for one, so that columns still count.
fn shown(c: char) -> char {
    if is_hidden(c) && c != '\t' {
        char::REPLACEMENT_CHARACTER
    } else {
        c
    }
}

fn is_hidden(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

impl std::fmt::Display for Diagnostic {
    /// One line in the form that editors and terminals turn into a link.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = if self.is_error() { "error" } else { "warning" };
        write!(
            out,
            "{}:{}:{}: {word}[{}]: {}",
            self.file, self.line, self.column, self.code, self.message
        )?;
        match &self.help {
            Some(help) => write!(out, " ({help})"),
            None => Ok(()),
        }
    }
}
