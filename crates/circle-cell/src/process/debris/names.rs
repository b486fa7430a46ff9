//! Finds cells by their names.

use std::collections::BTreeSet;
use std::path::Path;

use crate::CellId;

/// The names of cells among these words.
pub(super) fn named(instance: &str, words: impl IntoIterator<Item = String>) -> BTreeSet<CellId> {
    let prefix = format!("{instance}-");
    words
        .into_iter()
        .filter(|word| word.starts_with(&prefix))
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// Names of what a folder holds; none when it is not there.
pub(super) fn entries(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn names_of_others_are_no_cells_of_this_instance() {
        let words = ["abcdef-1", "abcdef-zz", "fedcba-1", "abcdef", "abcdef-1.old", "docker"];
        let found = named("abcdef", words.map(str::to_owned));
        let found: Vec<&str> = found.iter().map(crate::CellId::as_str).collect();
        assert_eq!(found, ["abcdef-1"]);
    }
}
