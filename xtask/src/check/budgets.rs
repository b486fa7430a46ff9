//! How long functions and files are, how much of the code is tests: printed always, refused at the hard limits.

use super::finding::Finding;
use super::functions::{Function, functions};
use super::rules::trait_count;
use super::source::RustFile;

/// A function longer than this needs a reason; at most `LONG_SHARE_PERCENT` of all may be.
const LONG_FUNCTION_LINES: usize = 70;
const LONG_SHARE_PERCENT: f64 = 2.0;
const FILE_LINES: usize = 800;

/// Prints the tables and gives back what passes a hard limit.
pub(crate) fn report(files: &[RustFile]) -> Vec<Finding> {
    let product: Vec<&RustFile> = files
        .iter()
        .filter(|file| !file.is_test && !file.package.is_empty())
        .collect();
    let lengths: Vec<(&RustFile, Function)> = product
        .iter()
        .flat_map(|file| functions(&file.product).into_iter().map(|function| (*file, function)))
        .collect();
    let function_lines = Distribution::of(lengths.iter().map(|(_, function)| function.lines));
    let file_lines = Distribution::of(files.iter().map(RustFile::lines));
    let (source, tests) = files
        .iter()
        .map(RustFile::code_lines)
        .fold((0, 0), |sum, file| (sum.0 + file.0, sum.1 + file.1));
    let long_share = percent(function_lines.above(LONG_FUNCTION_LINES), function_lines.count());

    println!("budget                    count  median  p90   max   goal");
    println!(
        "product functions, lines  {function_lines}   median 10, p90 35, {long_share:.1} % above {LONG_FUNCTION_LINES} (at most {LONG_SHARE_PERCENT} %)"
    );
    println!("files, lines              {file_lines}   median 150, p90 400, none above {FILE_LINES}");
    println!(
        "code lines: {source} product, {tests} tests: {:.2} to one (goal 0.8)",
        ratio(tests, source)
    );
    println!(
        "traits: {} in {source} lines (at most one in 1000)",
        files.iter().map(|file| trait_count(&file.product)).sum::<usize>()
    );

    let mut found: Vec<Finding> = files.iter().filter_map(too_long_file).collect();
    if long_share > LONG_SHARE_PERCENT {
        found.extend(
            lengths
                .iter()
                .filter(|(_, function)| function.lines > LONG_FUNCTION_LINES)
                .map(|(file, function)| too_long(file, function)),
        );
    }
    found
}

fn too_long_file(file: &RustFile) -> Option<Finding> {
    (file.lines() > FILE_LINES).then(|| Finding {
        file: file.path.clone(),
        line: FILE_LINES + 1,
        what: format!("{} lines (at most {FILE_LINES})", file.lines()),
        why: "nobody splits a file later, and everybody has to read it",
        fix: "one use case per file, its tests beside it",
    })
}

fn too_long(file: &RustFile, function: &Function) -> Finding {
    Finding {
        file: file.path.clone(),
        line: function.line,
        what: format!(
            "`{}` has {} lines, and more than {LONG_SHARE_PERCENT} % of the functions are above {LONG_FUNCTION_LINES}",
            function.name, function.lines
        ),
        why: "a function that does not fit on the screen is not checked by reading",
        fix: "push the decisions up and the loops down, and name the parts",
    }
}

/// Sorted sizes.
struct Distribution(Vec<usize>);

impl Distribution {
    fn of(sizes: impl Iterator<Item = usize>) -> Self {
        let mut sizes: Vec<usize> = sizes.collect();
        sizes.sort_unstable();
        Self(sizes)
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    fn above(&self, limit: usize) -> usize {
        self.0.iter().filter(|size| **size > limit).count()
    }

    /// The smallest size that `percent` of all do not pass; 0 of nothing.
    fn percentile(&self, percent: usize) -> usize {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or(0)
    }
}

impl std::fmt::Display for Distribution {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (median, p90, max) = (self.percentile(50), self.percentile(90), self.percentile(100));
        write!(out, "{:>5}  {median:>6}  {p90:>4}  {max:>4}", self.count())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a project has fewer than 2^52 lines")]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * ratio(part, whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> String {
        format!("fn f() {{\n{}}}\n", "    x();\n".repeat(lines - 2))
    }

    #[test]
    fn percentiles_are_sizes_that_occur() {
        let sizes = Distribution::of([5, 1, 3, 2, 4, 6, 7, 8, 9, 10].into_iter());
        assert_eq!(
            (sizes.percentile(50), sizes.percentile(90), sizes.percentile(100)),
            (5, 9, 10)
        );
        assert_eq!(Distribution::of([].into_iter()).percentile(90), 0);
    }

    #[test]
    fn a_file_above_the_limit_is_found() {
        let at = |lines: usize| report(&[RustFile::read("crates/a/src/b.rs", &"\n".repeat(lines))]).len();
        assert_eq!((at(800), at(801)), (0, 1));
    }

    #[test]
    fn long_functions_are_found_when_they_are_too_many() {
        let share = |short: usize| {
            let text = format!("{}{}", function(71), function(3).repeat(short));
            report(&[RustFile::read("crates/a/src/b.rs", &text)]).len()
        };
        assert_eq!(share(49), 0, "one in fifty is two percent");
        assert_eq!(share(48), 1);
    }

    #[test]
    fn long_tests_are_free() {
        let text = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function(200));
        assert!(report(&[RustFile::read("crates/a/src/b.rs", &text)]).is_empty());
    }
}
