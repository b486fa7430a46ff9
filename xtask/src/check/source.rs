//! The project's files, read once, with code told from comments and product from tests.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::functions::{body_start, closing_brace};
use super::lexer::{Strings, blank};
use crate::{place, process};

/// A text file that git knows or would take.
pub(crate) struct TextFile {
    /// Path within the clone.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A Rust file with its views. All views have the same offsets and lines as the text.
pub(crate) struct RustFile {
    pub(crate) path: String,
    pub(crate) text: String,
    /// The crate's folder name, or empty outside `crates/` and `xtask/`.
    pub(crate) package: String,
    /// Whether the whole file is test code.
    pub(crate) is_test: bool,
    /// Without comments and string contents.
    pub(crate) code: String,
    /// `code` without what only tests compile.
    pub(crate) product: String,
    /// Product code without comments, strings kept.
    pub(crate) product_strings: String,
}

/// Every text file of the clone: tracked, or new and not ignored.
pub(crate) fn text_files() -> Result<Vec<TextFile>> {
    let listed =
        process::output(process::command("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]))?;
    let root = place::root();
    let mut paths: Vec<&str> = listed.lines().collect();
    paths.sort_unstable();
    paths.dedup();
    let read = |path: &str| {
        Some(TextFile {
            path: path.to_owned(),
            text: fs::read_to_string(root.join(path)).ok()?,
        })
    };
    Ok(paths.into_iter().filter_map(read).collect())
}

/// The Rust files among them. A module that its parent declares under `cfg(test)` is a test file.
pub(crate) fn rust_files(files: &[TextFile]) -> Vec<RustFile> {
    let mut found: Vec<RustFile> = files
        .iter()
        .filter(|file| file.path.ends_with(".rs"))
        .map(|file| RustFile::read(&file.path, &file.text))
        .collect();
    let test_modules: Vec<String> = found.iter().flat_map(declared_test_modules).collect();
    for file in &mut found {
        if test_modules.iter().any(|module| in_module(&file.path, module)) {
            file.make_test();
        }
    }
    found
}

impl RustFile {
    pub(crate) fn read(path: &str, text: &str) -> Self {
        let code = blank(text, Strings::Blank);
        let mut product = code.clone();
        let mut product_strings = blank(text, Strings::Keep);
        for (from, to) in test_regions(&code) {
            erase(&mut product, from, to);
            erase(&mut product_strings, from, to);
        }
        let package = package_of(path);
        let mut file = Self {
            path: path.to_owned(),
            text: text.to_owned(),
            package,
            is_test: false,
            code,
            product,
            product_strings,
        };
        if is_test_path(path) {
            file.make_test();
        }
        file
    }

    pub(crate) fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// Lines that hold code, in product and in tests: blank lines and comments do not count.
    pub(crate) fn code_lines(&self) -> (usize, usize) {
        let all = filled_lines(&self.code);
        let product = filled_lines(&self.product);
        (product, all - product)
    }

    fn make_test(&mut self) {
        self.is_test = true;
        let length = self.text.len();
        erase(&mut self.product, 0, length);
        erase(&mut self.product_strings, 0, length);
    }
}

fn filled_lines(code: &str) -> usize {
    code.lines().filter(|line| !line.trim().is_empty()).count()
}

fn package_of(path: &str) -> String {
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["crates", package, ..] => (*package).to_owned(),
        ["xtask", ..] => "xtask".to_owned(),
        _ => String::new(),
    }
}

/// Integration tests, the harness, fuzz targets, and the suites that adapters are put through.
fn is_test_path(path: &str) -> bool {
    let has = |part: &str| path.split('/').any(|component| component == part);
    has("tests")
        || has("conformance")
        || has("fuzz")
        || has("circle-test")
        || path.ends_with("/tests.rs")
        || path.ends_with("_tests.rs")
        || path.ends_with("/conformance.rs")
}

/// Byte ranges of items beneath an attribute that only tests satisfy.
fn test_regions(code: &str) -> Vec<(usize, usize)> {
    let starts = code
        .match_indices("#[cfg(")
        .map(|(at, _)| at)
        .filter(|at| is_test_attribute(&code[*at..]));
    starts.map(|at| (at, item_end(code, at))).collect()
}

fn is_test_attribute(code: &str) -> bool {
    let attribute = code.split(']').next().unwrap_or_default();
    super::lexer::words(attribute, "test").next().is_some() && !attribute.contains("not(test")
}

fn item_end(code: &str, attribute: usize) -> usize {
    let after = attribute + code[attribute..].find(']').map_or(1, |end| end + 1);
    match body_start(code, after) {
        Some(open) => closing_brace(code, open).map_or(code.len(), |close| close + 1),
        None => code[after..].find(';').map_or(code.len(), |end| after + end + 1),
    }
}

/// `crates/x/src/a/tests` for `#[cfg(test)] mod tests;` in `crates/x/src/a.rs` or `crates/x/src/a/mod.rs`.
fn declared_test_modules(file: &RustFile) -> Vec<String> {
    let regions = test_regions(&file.code);
    let names = regions
        .iter()
        .filter_map(|(from, to)| module_name(&file.code[*from..*to]));
    let folder = module_folder(&file.path);
    names.map(|name| format!("{folder}/{name}")).collect()
}

fn module_name(item: &str) -> Option<&str> {
    let declaration = item.strip_suffix(';')?;
    let (_, name) = declaration.rsplit_once("mod ")?;
    Some(name.trim())
}

fn module_folder(path: &str) -> String {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let name = Path::new(stem)
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    if matches!(name, "mod" | "lib" | "main") {
        stem[..stem.len() - name.len() - 1].to_owned()
    } else {
        stem.to_owned()
    }
}

fn in_module(path: &str, module: &str) -> bool {
    path.strip_prefix(module)
        .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

fn erase(text: &mut String, from: usize, to: usize) {
    let mut bytes = std::mem::take(text).into_bytes();
    for byte in &mut bytes[from..to] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
    *text = String::from_utf8(bytes).expect("an item begins and ends between characters");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_tests_compile_is_no_product() {
        let file = RustFile::read(
            "crates/a/src/x.rs",
            "fn kept() {}\n#[cfg(test)]\nmod tests {\n    fn gone() { }\n}\n#[cfg(not(test))]\nfn also_kept() {}\n",
        );
        assert!(file.product.contains("fn kept"));
        assert!(file.product.contains("also_kept"));
        assert!(!file.product.contains("gone"));
        assert!(file.code.contains("gone"));
        assert_eq!(file.code_lines(), (3, 4));
    }

    #[test]
    fn a_module_declared_for_tests_is_a_test_file() {
        let text = |path: &str, text: &str| TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let files = rust_files(&[
            text("crates/a/src/lib.rs", "#[cfg(test)]\nmod stories;\nmod real;\n"),
            text("crates/a/src/real.rs", "fn f() {}"),
            text("crates/a/src/stories.rs", "fn f() {}"),
            text("crates/a/src/stories/more.rs", "fn f() {}"),
        ]);
        let tests: Vec<bool> = files.iter().map(|file| file.is_test).collect();
        assert_eq!(tests, [false, false, true, true]);
    }

    #[test]
    fn a_test_folder_is_test_code() {
        assert!(RustFile::read("crates/a/tests/story.rs", "fn f() {}").is_test);
        assert!(RustFile::read("crates/circle-test/src/lib.rs", "").is_test);
        assert!(!RustFile::read("crates/a/src/testing.rs", "").is_test);
    }
}
