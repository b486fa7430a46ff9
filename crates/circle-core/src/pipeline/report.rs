//! Collects what is found, each finding once, up to a bound.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::bounds::{MAX_DIAGNOSTICS, MAX_QUOTE_CHARS};
use super::code::Code;
use super::diagnostic::Diagnostic;
use super::source::{Position, Source, Span};

/// Takes findings in any order. What is reached twice through aliases is reported once.
#[derive(Debug)]
pub(crate) struct Report<'s> {
    pub(crate) source: &'s Source,
    found: RefCell<Found>,
}

#[derive(Debug, Default)]
struct Found {
    list: Vec<Diagnostic>,
    seen: BTreeSet<(Span, Code, String)>,
    dropped: usize,
    /// Reading stopped here: from now on only what certainly is wrong above it is taken.
    stop: Option<Position>,
}

impl<'s> Report<'s> {
    pub(crate) fn new(source: &'s Source) -> Self {
        Self {
            source,
            found: RefCell::default(),
        }
    }

    pub(crate) fn error(&self, code: Code, span: Span, message: impl Into<String>) {
        self.push(Diagnostic::error(self.source, code, span, message), span);
    }

    pub(crate) fn error_help(&self, code: Code, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.push(Diagnostic::error(self.source, code, span, message).help(help), span);
    }

    pub(crate) fn warning(&self, code: Code, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.push(Diagnostic::warning(self.source, code, span, message).help(help), span);
    }

    /// From now on takes only findings that what was not read could not mend.
    pub(crate) fn only_before(&self, stop: Position) {
        self.found.borrow_mut().stop = Some(stop);
    }

    /// Whether an error was found so far.
    pub(crate) fn has_errors(&self) -> bool {
        let found = self.found.borrow();
        found.dropped > 0 || found.list.iter().any(Diagnostic::is_error)
    }

    /// Everything in the order of the file.
    pub(crate) fn finish(self) -> Vec<Diagnostic> {
        let mut found = self.found.into_inner();
        found.list.sort_by_key(|one| (one.line, one.column));
        if found.dropped > 0 {
            let message = format!("{} more findings are not shown", found.dropped);
            let end = found
                .list
                .last()
                .map_or(Span::START, |last| Span::at(last.line, last.column));
            found
                .list
                .push(Diagnostic::error(self.source, Code::TooManyErrors, end, message).help("mend those above first"));
        }
        found.list
    }

    fn push(&self, diagnostic: Diagnostic, span: Span) {
        let mut found = self.found.borrow_mut();
        if found.stop.is_some_and(|stop| !is_certain(diagnostic.code, span, stop)) {
            return;
        }
        if found.list.len() >= MAX_DIAGNOSTICS {
            found.dropped += 1;
            return;
        }
        if found.seen.insert((span, diagnostic.code, diagnostic.message.clone())) {
            found.list.push(diagnostic);
        }
    }
}

/// Whether a finding stands although reading stopped below it.
fn is_certain(code: Code, span: Span, stop: Position) -> bool {
    let about_what_is_missing = matches!(
        code,
        Code::MissingKey | Code::NothingToDo | Code::EmptyFile | Code::NoOutputs | Code::NoReadiness
    );
    span.end.line < stop.line && !about_what_is_missing
}

/// A foreign text as it may stand in a message: cut. What it hides is made visible by the diagnostic.
pub(crate) fn quote(text: &str) -> String {
    let short: String = text.chars().take(MAX_QUOTE_CHARS).collect();
    let more = if text.chars().nth(MAX_QUOTE_CHARS).is_some() {
        "…"
    } else {
        ""
    };
    format!("`{short}{more}`")
}
