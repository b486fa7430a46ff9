//! How long functions are, found by matching braces in blanked code.

use super::lexer::{is_word, line_of, words};

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// Line of the word `fn`, counted from 1.
    pub(crate) line: usize,
    /// From the word `fn` to the closing brace, both lines counted.
    pub(crate) lines: usize,
}

/// All functions of blanked code, inner ones too; declarations without a body do not count.
pub(crate) fn functions(code: &str) -> Vec<Function> {
    words(code, "fn").filter_map(|at| function_at(code, at)).collect()
}

fn function_at(code: &str, at: usize) -> Option<Function> {
    let after = code[at + 2..].trim_start();
    let name: String = after
        .bytes()
        .take_while(|byte| is_word(*byte))
        .map(char::from)
        .collect();
    if name.is_empty() {
        return None;
    }
    let open = body_start(code, at)?;
    let close = closing_brace(code, open)?;
    let line = line_of(code, at);
    Some(Function {
        name,
        line,
        lines: line_of(code, close) - line + 1,
    })
}

/// The first `{` that no parenthesis or bracket encloses, unless the item ends before it.
pub(crate) fn body_start(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (offset, byte) in code.as_bytes()[from..].iter().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(from + offset),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The brace that closes the one at `open`.
pub(crate) fn closing_brace(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, byte) in code.as_bytes()[open..].iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(open + offset);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_reach_from_the_word_to_the_brace() {
        let code =
            "trait T { fn declared(&self); }\nfn one() {}\nfn four<T: Fn() -> [u8; 2]>(\n    f: fn(u8),\n) -> T {\n}\n";
        let found = functions(code);
        let short: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.line, f.lines)).collect();
        assert_eq!(short, [("one", 2, 1), ("four", 3, 4)]);
    }

    #[test]
    fn inner_functions_count_by_themselves() {
        let found = functions("fn outer() {\n    fn inner() {\n    }\n}");
        assert_eq!(found.iter().map(|f| f.lines).collect::<Vec<_>>(), [4, 2]);
    }
}
