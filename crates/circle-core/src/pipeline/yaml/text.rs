//! The first look at the bytes: what no YAML reader should ever be given.

use crate::pipeline::bounds::MAX_FILE_BYTES;
use crate::pipeline::code::Code;
use crate::pipeline::report::Report;
use crate::pipeline::source::{Source, Span};

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Turns bytes into a source. The text is cut when the file is too large and mended where it is no UTF-8, so that an
/// excerpt can be shown; [`check`] reports both.
pub(crate) fn decode(name: &str, bytes: &[u8]) -> Source {
    let shown = &bytes[..bytes.len().min(MAX_FILE_BYTES)];
    Source::new(name, &String::from_utf8_lossy(shown))
}

/// Reports what makes the text unreadable; `false` when there is no use in reading on.
pub(super) fn check(bytes: &[u8], report: &Report<'_>) -> bool {
    size(bytes, report) && encoding(bytes, report) && characters(report)
}

fn size(bytes: &[u8], report: &Report<'_>) -> bool {
    let fits = bytes.len() <= MAX_FILE_BYTES;
    if !fits {
        let kib = MAX_FILE_BYTES / 1024;
        let message = format!("the file has {} bytes; at most {kib} KiB are read", bytes.len());
        report.error_help(
            Code::TooLarge,
            Span::START,
            message,
            "keep long scripts in files of the repository and call them",
        );
    }
    fits
}

fn encoding(bytes: &[u8], report: &Report<'_>) -> bool {
    let Err(error) = std::str::from_utf8(bytes) else {
        return true;
    };
    // Up to the bad byte the mended text and the bytes are the same.
    let place = report.source.position(error.valid_up_to());
    let byte = bytes[error.valid_up_to()];
    let message = format!("the byte 0x{byte:02x} is no UTF-8");
    report.error_help(
        Code::InvalidUtf8,
        Span {
            start: place,
            end: place,
        },
        message,
        "save the file as UTF-8",
    );
    false
}

fn characters(report: &Report<'_>) -> bool {
    let mut clean = true;
    for (at, c) in report.source.text().char_indices() {
        if c == BYTE_ORDER_MARK {
            let message = "the file holds a byte order mark";
            report.error_help(
                Code::ByteOrderMark,
                place(report, at),
                message,
                "save the file as UTF-8 without a byte order mark",
            );
            clean = false;
        } else if c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}') {
            let message = format!(
                "the control character U+{:04X} does not belong into a text file",
                u32::from(c)
            );
            report.error(Code::ControlCharacter, place(report, at), message);
            clean = false;
        }
    }
    clean
}

fn place(report: &Report<'_>, byte: usize) -> Span {
    let start = report.source.position(byte);
    Span { start, end: start }
}
