//! One thing to mend.

use std::fmt;

/// Where it is, what it is, why that matters, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Path within the clone.
    pub(crate) file: String,
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) what: String,
    pub(crate) why: &'static str,
    pub(crate) fix: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}:{}: {}\n    why: {}\n    fix: {}",
            self.file, self.line, self.what, self.why, self.fix
        )
    }
}
