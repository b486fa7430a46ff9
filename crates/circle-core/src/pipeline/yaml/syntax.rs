//! What the YAML reader complains of, in words that say what to do.

use saphyr_parser::ScanError;

use crate::pipeline::bounds::MAX_DEPTH;
use crate::pipeline::code::Code;
use crate::pipeline::report::Report;
use crate::pipeline::source::{Position, Span, count};

/// The reader's sentences speak of its own states. Those that people meet are said anew: a part of the sentence, what it
/// means, and what to do, where that can be said.
const PLAIN_WORDS: &[(&str, &str, &str)] = &[
    (
        "indentation in quoted scalar",
        "this quoted text runs into lines that are not indented beneath it",
        "close the quote",
    ),
    (
        "quoted scalar, found unexpected end",
        "this quoted text is never closed",
        "close the quote",
    ),
    (
        "mapping values are not allowed",
        "a second `: ` on this line",
        "put the text in quotes, or indent the key under its own line",
    ),
    (
        "did not find expected key",
        "this line fits no map above it",
        "indent it like the keys beside it",
    ),
    (
        "did not find expected '-'",
        "this line fits no list above it",
        "begin it with `- `, indented like the entries beside it",
    ),
    (
        "expected ',' or ']'",
        "this list is never closed",
        "close it with `]`, and set commas between its entries",
    ),
    (
        "expected ',' or '}'",
        "this map is never closed",
        "close it with `}`, and set commas between its entries",
    ),
    (
        "simple key expect",
        "this key has no `:` behind it",
        "write `key: value`",
    ),
    (
        "block sequence entries are not allowed",
        "a list cannot begin here",
        "put the `-` on a line of its own",
    ),
    (
        "unknown escape character",
        "this escape does not exist in a double-quoted text",
        "use single quotes, or write `\\\\` for a backslash",
    ),
    (
        "invalid indentation",
        "the indentation fits nothing above",
        "indent it like the keys beside it",
    ),
    (
        "unexpected character",
        "this character cannot begin a text",
        "put the text in quotes",
    ),
    ("misplaced bracket", "this bracket closes nothing", ""),
];

/// Reports a failure of the reader; returns its place. `innermost` is the map or list in which it happened.
pub(super) fn report_failure(error: &ScanError, innermost: Option<Span>, report: &Report<'_>) -> Position {
    let mark = error.marker();
    let place = Position {
        line: count(mark.line()),
        column: count(mark.col() + 1),
    };
    let span = Span {
        start: place,
        end: place,
    };
    let info = error.info();
    if info.contains("unknown anchor") {
        let message = "this alias names no anchor above it";
        report.error_help(
            Code::UnknownAlias,
            span,
            message,
            "write the anchor, &name, before its first use",
        );
    } else if let Some(tab) = leading_tab(report, place.line) {
        report.error_help(
            Code::Tab,
            tab,
            "a tab cannot be used as indentation",
            "indent with spaces",
        );
    } else if info.contains("tab") {
        report.error_help(Code::Tab, span, "a tab cannot stand here", "use spaces");
    } else if info.contains("recursion limit") {
        report.error(Code::TooDeep, span, too_deep());
    } else {
        let never_closed = info.contains("expected ',' or");
        syntax(info, innermost.filter(|_| never_closed).unwrap_or(span), report);
    }
    place
}

fn syntax(info: &str, span: Span, report: &Report<'_>) {
    if info.contains("mapping values are not allowed") && !has_earlier_colon(report, span.start) {
        let message = "this key is read as a part of the text above it";
        let help = "end the line above with its own `key: value`, or mend the indentation";
        return report.error_help(Code::Syntax, span, message, help);
    }
    match PLAIN_WORDS.iter().find(|(part, ..)| info.contains(part)) {
        Some((_, message, "")) => report.error(Code::Syntax, span, *message),
        Some((_, message, help)) => report.error_help(Code::Syntax, span, *message, *help),
        None => report.error(Code::Syntax, span, format!("this is no YAML: {info}")),
    }
}

/// Said by whoever passes the bound first: the reader looks ahead within brackets.
pub(super) fn too_deep() -> String {
    format!("maps and lists are nested more than {MAX_DEPTH} levels deep")
}

/// Whether another `: ` stands on the line before the place.
fn has_earlier_colon(report: &Report<'_>, place: Position) -> bool {
    let before: String = report
        .source
        .line(place.line)
        .chars()
        .take(place.column.saturating_sub(1) as usize)
        .collect();
    before.contains(": ")
}

fn leading_tab(report: &Report<'_>, line: u32) -> Option<Span> {
    let column = report
        .source
        .line(line)
        .chars()
        .take_while(|c| matches!(c, ' ' | '\t'))
        .position(|c| c == '\t')?;
    let start = Position {
        line,
        column: count(column + 1),
    };
    Some(Span {
        start,
        end: Position {
            line,
            column: start.column + 1,
        },
    })
}
