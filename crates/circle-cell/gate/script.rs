//! The one script that a shell gets: each command is evaluated in that same shell, between two marks.
//!
//! A mark is a line on descriptor 9, which no command inherits; the shell then waits for the gate's answer, so that what
//! one command wrote is forwarded before the next begins. `set -e` is the shell's own; the `case` judges what `set -e`
//! lets pass (`false && true`, or a command that has switched it off).

use std::fmt::Write;

/// The commands as one script for a POSIX shell. Tried with dash, bash and busybox' ash.
pub(crate) fn script(commands: &[String]) -> String {
    let mut script = String::new();
    for (index, command) in commands.iter().enumerate() {
        let quoted = command.replace('\'', "'\\''");
        // Writing to a String cannot fail.
        let _ = write!(
            script,
            "{{ command echo b{index} >&9; command read -r _ <&9; }} 2>/dev/null\n\
             eval '{quoted}' 9>&-\n\
             case $? in 0) ;; *) exit $? ;; esac\n\
             {{ command echo e{index} >&9; command read -r _ <&9; }} 2>/dev/null\n"
        );
    }
    script
}

/// What a mark says.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Mark {
    Begin(u32),
    End(u32),
}

/// Reads a mark; `None` for what the script does not write.
pub(crate) fn parse_mark(line: &[u8]) -> Option<Mark> {
    let (kind, number) = std::str::from_utf8(line).ok()?.trim_end().split_at_checked(1)?;
    let number = number.parse().ok()?;
    match kind {
        "b" => Some(Mark::Begin(number)),
        "e" => Some(Mark::End(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Mark, parse_mark, script};

    #[test]
    fn a_quote_in_a_command_stays_a_quote() {
        assert!(script(&["echo 'it'".to_owned()]).contains("eval 'echo '\\''it'\\''' 9>&-"));
    }

    #[test]
    fn only_marks_are_marks() {
        assert_eq!(parse_mark(b"b12\n"), Some(Mark::Begin(12)));
        assert_eq!(parse_mark(b"e0\n"), Some(Mark::End(0)));
        for line in ["", "b", "x1", "b-1", "b1 2", "ä1"] {
            assert_eq!(parse_mark(line.as_bytes()), None, "{line}");
        }
    }
}
