//! What a person is shown of a deployment's course.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Notes that are kept; older ones fall off.
pub const MAX_NOTES: usize = 64;
/// The longest note, in characters.
const NOTE_CHARS: usize = 500;

/// One sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub at: Timestamp,
    pub message: String,
}

/// Adds a note at the end; the same sentence twice in a row is one.
pub(super) fn push(notes: &mut Vec<Note>, at: Timestamp, message: impl Into<String>) {
    let message: String = message.into().chars().take(NOTE_CHARS).collect();
    if notes.last().is_some_and(|last| last.message == message) {
        return;
    }
    if notes.len() >= MAX_NOTES {
        notes.remove(0);
    }
    notes.push(Note { at, message });
}
