//! Orders as bytes, in the layout that `gate/orders.rs` reads.

use super::{GateError, Orders, Shell, Work};

/// Commands and environment of one stage together, in bytes; a pipeline file is far shorter.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// A length, then the orders.
pub(super) fn write_orders(orders: &Orders) -> Result<Vec<u8>, GateError> {
    let mut body = Vec::new();
    text(&mut body, &orders.directory)?;
    text(&mut body, &orders.workspace)?;
    let pairs: Vec<String> = orders
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    list(&mut body, &pairs)?;
    let files = orders
        .files
        .iter()
        .flat_map(|(path, content)| [path.clone(), content.clone()]);
    list(&mut body, &files.collect::<Vec<_>>())?;
    match &orders.work {
        Work::Commands { shell, commands } => {
            number(&mut body, 0)?;
            list(&mut body, &words(shell))?;
            list(&mut body, commands)?;
        }
        Work::Program(argv) => {
            number(&mut body, 1)?;
            list(&mut body, argv)?;
        }
        Work::Become(argv) => {
            number(&mut body, 2)?;
            list(&mut body, argv)?;
        }
    }
    list(&mut body, &orders.finally)?;
    let mut frame = Vec::with_capacity(4 + body.len());
    number(&mut frame, body.len())?;
    frame.extend(body);
    Ok(frame)
}

/// How the shell is started: it stops at the first failure, and bash also at one inside a pipe.
fn words(shell: &Shell) -> Vec<String> {
    let words: &[&str] = match shell {
        Shell::Sh => &["sh", "-e"],
        Shell::Bash => &["bash", "-e", "-o", "pipefail"],
        Shell::Other(program) => &[program, "-e"],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn list(body: &mut Vec<u8>, texts: &[String]) -> Result<(), GateError> {
    number(body, texts.len())?;
    texts.iter().try_for_each(|entry| text(body, entry))
}

fn text(body: &mut Vec<u8>, text: &str) -> Result<(), GateError> {
    if text.contains('\0') {
        return Err(GateError::Nul);
    }
    number(body, text.len())?;
    body.extend(text.as_bytes());
    Ok(())
}

fn number(body: &mut Vec<u8>, number: usize) -> Result<(), GateError> {
    let small = u32::try_from(number)
        .ok()
        .filter(|_| number <= MOST_BYTES && body.len() <= MOST_BYTES);
    let Some(small) = small else {
        return Err(GateError::TooLarge {
            bytes: body.len().saturating_add(number),
            most: MOST_BYTES,
        });
    };
    body.extend(small.to_le_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::write_orders;
    use crate::gate::{GateError, Orders, Work};

    fn program(word: &str) -> Orders {
        Orders {
            directory: "/w".to_owned(),
            workspace: "/w".to_owned(),
            environment: vec![("A".to_owned(), "b=c".to_owned())],
            files: vec![("/f".to_owned(), "g".to_owned())],
            work: Work::Program(vec![word.to_owned()]),
            finally: Vec::new(),
        }
    }

    #[test]
    fn the_layout_is_lengths_and_bytes() {
        let frame = write_orders(&program("x")).expect("small orders");
        let mut expected = vec![];
        for (number, text) in [
            (2, "/w"),
            (2, "/w"),
            (1, ""),
            (5, "A=b=c"),
            (2, ""),
            (2, "/f"),
            (1, "g"),
            (1, ""),
            (1, ""),
            (1, "x"),
            (0, ""),
        ] {
            expected.extend(u32::to_le_bytes(number));
            expected.extend(text.as_bytes());
        }
        assert_eq!(frame[..4], u32::try_from(expected.len()).expect("small").to_le_bytes());
        assert_eq!(frame[4..], expected);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(matches!(write_orders(&program("a\0b")), Err(GateError::Nul)));
        assert!(matches!(
            write_orders(&program(&"x".repeat(9 << 20))),
            Err(GateError::TooLarge { .. })
        ));
    }
}
