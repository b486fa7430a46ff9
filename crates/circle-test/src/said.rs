//! What a command of `circle` answered.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::circle::Circle;

/// The end of a command and what it printed.
#[derive(Debug)]
pub struct Said {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// Standard output as what a program reads.
    ///
    /// # Errors
    /// When it is not one JSON document.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.out).with_context(|| format!("one JSON document: {self:?}"))
    }

    /// Wants this code, and each of these words on either output.
    ///
    /// # Errors
    /// When it is otherwise, with all that was said.
    pub fn is(&self, code: i32, words: &[&str]) -> Result<&Self> {
        ensure!(self.code == code, "code {code} was wanted: {self:#?}");
        for word in words {
            let said = self.out.contains(word) || self.err.contains(word);
            ensure!(said, "no \"{word}\" in {self:#?}");
        }
        Ok(self)
    }
}

impl Circle {
    /// Runs `circle` with these arguments as the administrator, to its end.
    ///
    /// # Errors
    /// When it cannot be started, or is killed.
    pub async fn says(&self, arguments: &[&str]) -> Result<Said> {
        let output = self.command(arguments).await?;
        Ok(Said {
            code: output.status.code().context("it ends by itself")?,
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}
