//! The name of a cell: short, since it becomes a part of link names, cgroup names and folders.

use std::fmt;
use std::str::FromStr;

/// The longest name of a cell in bytes; the folder of its socket must stay below the 107 bytes of a socket's path.
const LONGEST_BYTES: usize = 24;

/// The name of one cell, unique on its machine: `<instance>-<number>` in lower-case hex digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellId(String);

/// A text that is not the name of a cell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not the name of a cell: two groups of hex digits with a dash between them")]
pub struct CellIdError(String);

impl CellId {
    /// Makes the name of the `number`th cell that the provider `instance` started.
    pub(crate) fn new(instance: &str, number: u32) -> Self {
        Self(format!("{instance}-{number:04x}"))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the cell's network link in the host: `cv`, the instance, the number.
    pub(crate) fn link(&self) -> String {
        format!("cv{}", self.0.replace('-', ""))
    }
}

impl FromStr for CellId {
    type Err = CellIdError;

    fn from_str(text: &str) -> Result<Self, CellIdError> {
        let hex = |part: &str| !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match text.split_once('-') {
            Some((instance, number)) if text.len() <= LONGEST_BYTES && hex(instance) && hex(number) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(CellIdError(text.chars().take(80).collect())),
        }
    }
}

impl fmt::Display for CellId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for CellId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::CellId;

    #[test]
    fn a_name_survives_the_way_through_text() {
        let id = CellId::new("3fa20b", 7);
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn names_of_others_are_refused() {
        for text in [
            "",
            "-",
            "3fa2",
            "3fa2-",
            "../x-1",
            "3FA2-0001",
            "docker-1",
            "0123456789abcdef-0123456789",
        ] {
            assert!(text.parse::<CellId>().is_err(), "{text} was taken for a cell");
        }
    }

    #[test]
    fn a_link_name_fits_the_kernel() {
        assert_eq!(CellId::new("3fa20b", 0xffff).link(), "cv3fa20bffff");
        assert!(CellId::new("3fa20b", u32::MAX).link().len() <= 16);
    }
}
