//! Labels of a pull request, of which a forge that means harm could send any number.

/// No forge of ours gives a pull request more.
const MOST: usize = 100;
/// The longest name of the forges.
const LONGEST: usize = 255;

/// As many names as a forge has, each as long as a forge's.
pub(super) fn bounded(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let cut = |name: String| match name.char_indices().nth(LONGEST) {
        Some((end, _)) => name[..end].to_owned(),
        None => name,
    };
    names.into_iter().take(MOST).map(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, MOST, bounded};

    #[test]
    fn sec_04_labels_are_bounded_in_number_and_length() {
        assert_eq!(
            bounded(["bug".to_owned(), "é".repeat(LONGEST)]),
            ["bug".to_owned(), "é".repeat(LONGEST)]
        );
        assert_eq!(bounded(["é".repeat(LONGEST + 1)]), ["é".repeat(LONGEST)]);
        assert_eq!(bounded((0..=MOST).map(|number| number.to_string())).len(), MOST);
    }
}
