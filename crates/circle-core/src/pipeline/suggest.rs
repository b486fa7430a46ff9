//! The nearest right spelling of a word.

/// Likeness below which a guess would confuse more than help.
const LEAST_LIKENESS: f64 = 0.78;

/// The candidate nearest to `word`, if one is near enough. Hyphens, underscores and case do not count.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    candidates
        .into_iter()
        .map(|candidate| (likeness(&folded, &fold(candidate)), candidate))
        .filter(|(likeness, _)| *likeness > LEAST_LIKENESS)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// One slip in a word of three letters or more is as good as any likeness.
fn likeness(word: &str, candidate: &str) -> f64 {
    let one_slip = word.len() > 2 && strsim::osa_distance(word, candidate) == 1;
    let likeness = strsim::jaro_winkler(word, candidate);
    if one_slip { likeness.max(0.9) } else { likeness }
}

fn fold(word: &str) -> String {
    word.chars()
        .take(80)
        .filter(|c| !matches!(c, '-' | '_' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_of_the_finger_are_found_and_strangers_are_not() {
        let keys = ["image", "environment", "commands", "command", "working_dir"];
        assert_eq!(nearest("comands", keys), Some("commands"));
        assert_eq!(nearest("enviroment", keys), Some("environment"));
        assert_eq!(nearest("workingDir", keys), Some("working_dir"));
        assert_eq!(nearest("xyz", keys), None);
        assert_eq!(nearest("tpc", ["http", "tcp"]), Some("tcp"));
    }
}
