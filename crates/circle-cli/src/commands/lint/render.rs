//! One finding as a snippet of the file, as compilers show them.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use circle_core::pipeline::{Diagnostic, Position, Source};

use crate::printer::Printer;

/// Columns when there is no terminal.
const WIDTH: u16 = 120;

/// The finding with its line, a mark beneath, and what to write instead.
pub(super) fn finding(source: &Source, finding: &Diagnostic, printer: &Printer) -> String {
    let level = if finding.is_error() {
        Level::ERROR
    } else {
        Level::WARNING
    };
    let mark = AnnotationKind::Primary.span(marked(source, finding));
    let snippet = Snippet::source(source.text()).path(source.name()).annotation(mark);
    let title = level.primary_title(finding.message.as_str()).id(finding.code.as_str());
    let help = finding.help.as_deref().map(|help| Level::HELP.message(help));
    let group = match help {
        Some(help) => title.element(snippet).element(help),
        None => title.element(snippet),
    };
    let renderer = if printer.paint.is_on() {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let width = usize::from(printer.width.unwrap_or(WIDTH));
    renderer
        .decor_style(DecorStyle::Ascii)
        .term_width(width)
        .render(&[group])
}

/// The bytes to mark: those of the first line only, since the beginning of a map says enough.
fn marked(source: &Source, finding: &Diagnostic) -> Range<usize> {
    let start = source.byte(Position {
        line: finding.line,
        column: finding.column,
    });
    let end_of_line = source.byte(Position {
        line: finding.line,
        column: u32::MAX,
    });
    let end = if finding.end_line == finding.line {
        source.byte(Position {
            line: finding.line,
            column: finding.end_column,
        })
    } else {
        end_of_line
    };
    start..end.clamp(start, end_of_line.max(start))
}
