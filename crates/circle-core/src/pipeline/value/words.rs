//! A command line as a shell would split it, without anything else that a shell does.

/// Words of a line: blanks separate, quotes and backslashes keep together.
pub(crate) fn split_words(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => {
                let next = chars.next().ok_or("the line ends with a backslash")?;
                word.get_or_insert_default().push(next);
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is never closed");
    }
    words.extend(word);
    if words.is_empty() {
        Err("the command is empty")
    } else {
        Ok(words)
    }
}

#[cfg(test)]
mod tests {
    use super::split_words;

    #[test]
    fn quotes_keep_words_together() {
        let words = split_words(r#"redis-server --save "" --name 'a b' c\ d"#).expect("words");
        assert_eq!(words, ["redis-server", "--save", "", "--name", "a b", "c d"]);
        for text in ["", "  ", "'a", "a\\"] {
            split_words(text).expect_err(text);
        }
    }
}
