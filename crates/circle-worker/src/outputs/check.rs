//! What may come out of a container. Whoever wrote the archive is not trusted: every name and every link is checked
//! before a byte of it is written.

use std::collections::HashSet;

/// Longest component of a name; no common file system takes more.
const MAX_COMPONENT_BYTES: usize = 255;
/// Longest name.
const MAX_PATH_BYTES: usize = 4_096;
/// Most entries of one stage's outputs.
pub(crate) const MAX_ENTRIES: usize = 200_000;
/// Most bytes of one stage's outputs, as they lie unpacked.
pub(crate) const MAX_BYTES: u64 = 8 * 1024 * 1024 * 1024;
/// Most bytes of all names and link targets of one stage's outputs: they are held until the last entry was seen.
const MAX_NAMES_BYTES: usize = 32 * 1024 * 1024;
/// Most folders within one another; every one of them is looked up for every entry beneath it.
const MAX_DEPTH: usize = 256;
/// Where the checkout lies in containers; links into it stay inside.
const WORKSPACE: &[u8] = b"/workspace";

/// Kinds of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    Symlink,
    HardLink,
    /// A device, a pipe, a socket, a sparse file, or something that nobody knows.
    Other,
}

/// An entry of the engine's archive.
#[derive(Debug, Clone)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) kind: Kind,
    pub(crate) link: Option<&'a [u8]>,
    pub(crate) bytes: u64,
}

/// Where an entry goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Beneath the checkout; empty is the checkout itself.
    pub(crate) path: Vec<u8>,
    /// For links.
    pub(crate) link: Option<Vec<u8>>,
}

/// Checks the entries of all outputs of one stage, in their order.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    links: HashSet<Vec<u8>>,
    files: HashSet<Vec<u8>>,
    entries: usize,
    names: usize,
    bytes: u64,
}

impl Checker {
    /// Says where an entry goes: its first component is replaced by `to`, the output's place in the checkout.
    ///
    /// # Errors
    /// One sentence that names the entry and the rule.
    pub(crate) fn admit(&mut self, entry: &Entry<'_>, to: &[u8]) -> Result<Place, String> {
        let path = place(entry.name, to).map_err(|why| refused(entry.name, why))?;
        self.count(entry)?;
        if path.is_empty() && entry.kind != Kind::Folder {
            return Err(refused(
                entry.name,
                "it would take the place of the checkout: name a path for it",
            ));
        }
        if !self.links.is_empty() && parents(&path).any(|parent| self.links.contains(parent)) {
            return Err(refused(entry.name, "it would be written through a link"));
        }
        if self.files.contains(&path) || self.links.contains(&path) {
            return Err(refused(entry.name, "the name comes twice"));
        }
        let link = match entry.kind {
            Kind::Other => return Err(refused(entry.name, "it is neither a file, a folder nor a link")),
            Kind::File | Kind::Folder => None,
            Kind::Symlink => Some(symlink(entry, &path).map_err(|why| refused(entry.name, why))?),
            Kind::HardLink => Some(self.hard_link(entry, to).map_err(|why| refused(entry.name, why))?),
        };
        match entry.kind {
            Kind::Symlink => self.links.insert(path.clone()),
            Kind::File | Kind::HardLink => self.files.insert(path.clone()),
            Kind::Folder | Kind::Other => false,
        };
        Ok(Place { path, link })
    }

    fn count(&mut self, entry: &Entry<'_>) -> Result<(), String> {
        self.entries += 1;
        self.bytes = self
            .bytes
            .saturating_add(if entry.kind == Kind::File { entry.bytes } else { 0 });
        self.names += entry.name.len() + entry.link.map_or(0, <[u8]>::len);
        if self.names > MAX_NAMES_BYTES {
            return Err(format!(
                "the names in the outputs have together more than {} MiB; pack them, or name fewer",
                MAX_NAMES_BYTES >> 20
            ));
        }
        if self.entries > MAX_ENTRIES {
            return Err(format!(
                "the outputs have more than {MAX_ENTRIES} entries; pack them, or name fewer"
            ));
        }
        if self.bytes > MAX_BYTES {
            return Err(format!("the outputs have more than {} GiB", MAX_BYTES >> 30));
        }
        Ok(())
    }

    /// A hard link is taken only to a file that came before in the same outputs.
    fn hard_link(&self, entry: &Entry<'_>, to: &[u8]) -> Result<Vec<u8>, &'static str> {
        let target = place(entry.link.unwrap_or_default(), to)?;
        if self.files.contains(&target) {
            Ok(target)
        } else {
            Err("it is a hard link to something that is not among the outputs")
        }
    }
}

/// Normalises a name and puts it at its place.
fn place(name: &[u8], to: &[u8]) -> Result<Vec<u8>, &'static str> {
    if name.starts_with(b"/") {
        return Err("the name is absolute");
    }
    let mut rest = components(name)?;
    if rest.is_empty() {
        return Err("the name is empty");
    }
    rest.remove(0);
    let mut all = components(to)?;
    all.extend(rest);
    if all.len() > MAX_DEPTH {
        return Err("it lies more than 256 folders deep");
    }
    let path = all.join(&b"/"[..]);
    if path.len() > MAX_PATH_BYTES {
        Err("the name has more than 4,096 bytes")
    } else {
        Ok(path)
    }
}

fn components(name: &[u8]) -> Result<Vec<&[u8]>, &'static str> {
    if name.len() > MAX_PATH_BYTES {
        return Err("the name has more than 4,096 bytes");
    }
    if name.contains(&0) {
        return Err("the name holds a NUL");
    }
    let parts: Vec<&[u8]> = name
        .split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .collect();
    if parts.contains(&&b".."[..]) {
        return Err("the name holds \"..\"");
    }
    if parts.iter().any(|part| part.len() > MAX_COMPONENT_BYTES) {
        return Err("a part of the name has more than 255 bytes");
    }
    Ok(parts)
}

/// A link may point anywhere within the checkout, by a relative way or through `/workspace`. The way goes up first, if at all:
/// behind a name that is itself a link, `..` leads from where that link leads to.
fn symlink(entry: &Entry<'_>, path: &[u8]) -> Result<Vec<u8>, &'static str> {
    let target = entry.link.unwrap_or_default();
    if target.is_empty() || target.len() > MAX_PATH_BYTES || target.contains(&0) {
        return Err("the link has no target that could be");
    }
    let (mut depth, way) = match target.strip_prefix(WORKSPACE) {
        Some(inside) if inside.is_empty() || inside.starts_with(b"/") => (0, inside),
        _ if target.starts_with(b"/") => return Err("the link leaves the workspace"),
        _ => (parents(path).count(), target),
    };
    let mut goes_down = false;
    for part in way.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if goes_down => return Err("the link has \"..\" behind a name"),
            b".." => depth = depth.checked_sub(1).ok_or("the link leaves the workspace")?,
            _ => goes_down = true,
        }
    }
    Ok(target.to_vec())
}

fn parents(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'/')
        .map(|(at, _)| &path[..at])
}

fn refused(name: &[u8], why: &str) -> String {
    let name: String = String::from_utf8_lossy(name).chars().take(120).collect();
    format!("\"{}\" is refused: {why}", name.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::{Checker, Entry, Kind, MAX_BYTES, MAX_DEPTH, MAX_ENTRIES, MAX_NAMES_BYTES};

    fn file(name: &str) -> Entry<'_> {
        Entry {
            name: name.as_bytes(),
            kind: Kind::File,
            link: None,
            bytes: 1,
        }
    }

    fn link<'a>(kind: Kind, name: &'a str, target: &'a str) -> Entry<'a> {
        Entry {
            name: name.as_bytes(),
            kind,
            link: Some(target.as_bytes()),
            bytes: 0,
        }
    }

    fn admitted(entry: &Entry<'_>, to: &str) -> Result<String, String> {
        Checker::default()
            .admit(entry, to.as_bytes())
            .map(|place| String::from_utf8_lossy(&place.path).into_owned())
    }

    #[test]
    fn outputs_go_to_their_place() {
        assert_eq!(admitted(&file("shop"), "bin/shop"), Ok("bin/shop".into()));
        assert_eq!(admitted(&file("dist/a/b.js"), "static"), Ok("static/a/b.js".into()));
        assert_eq!(admitted(&file("./dist//a"), "."), Ok("a".into()));
    }

    #[test]
    fn sec_34_names_that_lead_elsewhere_are_refused() {
        let long = format!("x/{}", "a".repeat(256));
        let deep = format!("x/{}", "a/".repeat(2_100));
        for name in ["/etc/passwd", "x/../../etc", "..", "x/a\0b", "", &long, &deep] {
            let refused = admitted(&file(name), "out").expect_err("a bad name");
            assert!(refused.contains("refused"), "{refused}");
        }
        let entry = Entry {
            kind: Kind::Other,
            ..file("x/device")
        };
        assert!(admitted(&entry, "out").expect_err("a device").contains("neither"));
    }

    #[test]
    fn sec_34_links_stay_inside_the_workspace() {
        for target in ["b", "../c", "../../top", "/workspace/x", "/workspace", "./a/b"] {
            admitted(&link(Kind::Symlink, "d/e/link", target), "out").expect(target);
        }
        for target in [
            "/etc/passwd",
            "../../../../etc",
            "/workspace/../etc",
            "/workspaces",
            "",
            "a/../../../../x",
            "./a/../b",
            "/workspace/a/../b",
        ] {
            let refused = admitted(&link(Kind::Symlink, "d/e/link", target), "out").expect_err(target);
            assert!(refused.contains("link"), "{refused}");
        }
    }

    #[test]
    fn sec_35_nothing_is_written_through_a_link() {
        let mut checker = Checker::default();
        checker
            .admit(&link(Kind::Symlink, "d/way", "other"), b"out")
            .expect("a link inside");
        let refused = checker
            .admit(&file("d/way/file"), b"out")
            .expect_err("through the link");
        assert!(refused.contains("through a link"), "{refused}");
        let refused = checker
            .admit(&file("d/way"), b"out")
            .expect_err("in the place of the link");
        assert!(refused.contains("twice"), "{refused}");
    }

    #[test]
    fn sec_34_hard_links_reach_only_what_came_before() {
        let mut checker = Checker::default();
        checker.admit(&file("d/a"), b"out").expect("a file");
        let place = checker
            .admit(&link(Kind::HardLink, "d/b", "d/a"), b"out")
            .expect("a link to it");
        assert_eq!(place.link.as_deref(), Some(&b"out/a"[..]));
        for target in ["d/c", "/etc/shadow", "../x"] {
            checker
                .admit(&link(Kind::HardLink, "d/z", target), b"out")
                .expect_err(target);
        }
    }

    #[test]
    fn sec_36_entries_and_bytes_are_bounded() {
        let mut checker = Checker::default();
        for at in 0..MAX_ENTRIES {
            checker
                .admit(&file(&format!("d/{at}")), b"out")
                .expect("within the bound");
        }
        assert!(
            checker
                .admit(&file("d/one-more"), b"out")
                .expect_err("one too many")
                .contains("entries")
        );
        let huge = Entry {
            bytes: MAX_BYTES + 1,
            ..file("d/huge")
        };
        assert!(
            Checker::default()
                .admit(&huge, b"out")
                .expect_err("too large")
                .contains("GiB")
        );
    }

    #[test]
    fn sec_36_names_are_bounded_in_their_depth_and_all_together() {
        let deep = format!("d/{}", "a/".repeat(MAX_DEPTH));
        assert!(
            admitted(&file(&deep), "out")
                .expect_err("a deep tree")
                .contains("folders deep")
        );
        let mut checker = Checker::default();
        let part = "n".repeat(250);
        let long = format!("d/{}", [part.as_str(); 15].join("/"));
        let refused = (0..MAX_ENTRIES)
            .find_map(|at| checker.admit(&file(&format!("{long}/{at}")), b"out").err())
            .expect("a bound before the bound on entries");
        assert!(refused.contains("names"), "{refused}");
        assert!(checker.names <= MAX_NAMES_BYTES + long.len() + 8, "{}", checker.names);
    }

    #[test]
    fn sec_34_no_file_takes_the_place_of_the_checkout() {
        assert!(
            admitted(&file("shop"), ".")
                .expect_err("a file")
                .contains("place of the checkout")
        );
        admitted(&link(Kind::Symlink, "shop", "x"), ".").expect_err("a link");
        let folder = Entry {
            kind: Kind::Folder,
            ..file("dist/")
        };
        assert_eq!(admitted(&folder, "."), Ok(String::new()));
    }
}
