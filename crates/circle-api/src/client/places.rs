//! What of a log was shown already, so that nothing is lost and nothing comes twice over several connections.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::live::Place;
use crate::worker::frames::{Frame, FrameHeader, Mark};

/// How far each stage was read.
#[derive(Debug, Default)]
pub(super) struct Places {
    stages: BTreeMap<String, Read>,
}

#[derive(Debug, Default)]
struct Read {
    attempt: u32,
    offset: u64,
    /// Marks at exactly `offset`, which a new connection may repeat: group, and whether it is the end.
    marks: Vec<(u32, bool)>,
}

/// What is new in a frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    Bytes {
        stage: String,
        attempt: u32,
        offset: u64,
        bytes: Bytes,
    },
    Mark {
        stage: String,
        attempt: u32,
        offset: u64,
        mark: Mark,
    },
}

impl Places {
    /// Starts at the places that are known already.
    pub(super) fn starting_at(places: Vec<Place>) -> Self {
        let read = |place: Place| {
            let read = Read {
                attempt: place.attempt,
                offset: place.offset,
                marks: Vec::new(),
            };
            (place.stage, read)
        };
        Self {
            stages: places.into_iter().map(read).collect(),
        }
    }

    /// Where a new connection begins.
    pub(super) fn wanted(&self) -> Vec<Place> {
        let place = |(stage, read): (&String, &Read)| Place {
            stage: stage.clone(),
            attempt: read.attempt,
            offset: read.offset,
        };
        self.stages.iter().map(place).collect()
    }

    /// Takes a frame in; `None` when all of it was known or belongs to a superseded attempt.
    ///
    /// # Errors
    /// A sentence when bytes are missing before the frame.
    pub(super) fn take(&mut self, frame: Frame) -> Result<Option<News>, String> {
        match frame.header {
            FrameHeader::Chunk {
                stage, attempt, offset, ..
            } => self.take_bytes(stage, attempt, offset, frame.bytes),
            FrameHeader::Mark {
                stage,
                attempt,
                offset,
                mark,
            } => Ok(self.take_mark(stage, attempt, offset, mark)),
        }
    }

    fn take_bytes(&mut self, stage: String, attempt: u32, offset: u64, bytes: Bytes) -> Result<Option<News>, String> {
        let Some(read) = self.current(&stage, attempt) else {
            return Ok(None);
        };
        if offset > read.offset {
            return Err(format!(
                "the log of {stage} has a hole: byte {} was expected, {offset} came",
                read.offset
            ));
        }
        let known = usize::try_from(read.offset - offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let bytes = bytes.slice(known..);
        if bytes.is_empty() {
            return Ok(None);
        }
        let offset = read.offset;
        read.offset += bytes.len() as u64;
        read.marks.clear();
        Ok(Some(News::Bytes {
            stage,
            attempt,
            offset,
            bytes,
        }))
    }

    fn take_mark(&mut self, stage: String, attempt: u32, offset: u64, mark: Mark) -> Option<News> {
        let read = self.current(&stage, attempt)?;
        let key = match &mark {
            Mark::Begin { group, .. } => (*group, false),
            Mark::End { group, .. } => (*group, true),
        };
        if offset < read.offset || read.marks.contains(&key) {
            return None;
        }
        read.marks.push(key);
        Some(News::Mark {
            stage,
            attempt,
            offset,
            mark,
        })
    }

    /// The stage's place in this attempt; a higher attempt begins anew, a lower one is void.
    fn current(&mut self, stage: &str, attempt: u32) -> Option<&mut Read> {
        let read = self.stages.entry(stage.to_owned()).or_default();
        if attempt < read.attempt {
            return None;
        }
        if attempt > read.attempt {
            *read = Read {
                attempt,
                ..Read::default()
            };
        }
        Some(read)
    }
}

#[cfg(test)]
mod tests {
    use super::{News, Places};
    use crate::worker::frames::{Frame, FrameHeader, Mark};
    use bytes::Bytes;

    fn chunk(attempt: u32, offset: u64, text: &'static str) -> Frame {
        let len = u32::try_from(text.len()).expect("short");
        let header = FrameHeader::Chunk {
            stage: "build".into(),
            attempt,
            sequence: 0,
            offset,
            len,
        };
        Frame {
            header,
            bytes: Bytes::from_static(text.as_bytes()),
        }
    }

    fn begin(offset: u64) -> Frame {
        let mark = Mark::Begin {
            group: 1,
            title: "make".into(),
        };
        Frame {
            header: FrameHeader::Mark {
                stage: "build".into(),
                attempt: 1,
                offset,
                mark,
            },
            bytes: Bytes::new(),
        }
    }

    fn text(news: Option<News>) -> Option<(u64, String)> {
        match news? {
            News::Bytes { offset, bytes, .. } => Some((offset, String::from_utf8_lossy(&bytes).into_owned())),
            News::Mark { .. } => None,
        }
    }

    #[test]
    fn a_repetition_shows_only_what_is_new() {
        let mut places = Places::default();
        assert_eq!(
            text(places.take(chunk(1, 0, "abc")).expect("no hole")),
            Some((0, "abc".into()))
        );
        assert_eq!(
            text(places.take(chunk(1, 1, "bcd")).expect("no hole")),
            Some((3, "d".into()))
        );
        assert_eq!(places.take(chunk(1, 0, "abcd")), Ok(None));
    }

    #[test]
    fn a_hole_is_told() {
        let mut places = Places::default();
        places.take(chunk(1, 2, "c")).expect_err("two bytes are missing");
    }

    #[test]
    fn a_new_attempt_begins_anew_and_the_old_one_is_void() {
        let mut places = Places::default();
        places.take(chunk(1, 0, "abc")).expect("no hole");
        assert_eq!(
            text(places.take(chunk(2, 0, "x")).expect("no hole")),
            Some((0, "x".into()))
        );
        assert_eq!(places.take(chunk(1, 3, "d")), Ok(None));
    }

    #[test]
    fn a_mark_comes_once_also_after_a_new_connection() {
        let mut places = Places::default();
        assert!(places.take(begin(0)).expect("fine").is_some());
        assert_eq!(places.take(begin(0)), Ok(None));
        places.take(chunk(1, 0, "abc")).expect("no hole");
        assert_eq!(places.take(begin(0)), Ok(None));
    }
}
