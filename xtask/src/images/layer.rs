//! One layer of an image, written as a tar: each path once, parents before children, times fixed.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, Metadata};
use std::io::{BufWriter, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tar::{Builder, EntryType, Header};

/// A layer being written. Paths inside are absolute.
pub(crate) struct Layer {
    tar: Builder<BufWriter<File>>,
    written: BTreeSet<PathBuf>,
}

impl Layer {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self {
            tar: Builder::new(BufWriter::new(file)),
            written: BTreeSet::new(),
        })
    }

    /// Ends the tar. A layer that is dropped instead is a torn one.
    pub(crate) fn finish(self) -> Result<()> {
        self.tar.into_inner()?.flush()?;
        Ok(())
    }

    pub(crate) fn folder(&mut self, inside: &str, mode: u32) -> Result<()> {
        self.entry(inside, EntryType::Directory, mode, None, &[])
    }

    pub(crate) fn file(&mut self, inside: &str, mode: u32, content: &[u8]) -> Result<()> {
        self.entry(inside, EntryType::Regular, mode, None, content)
    }

    pub(crate) fn link(&mut self, inside: &str, target: &str) -> Result<()> {
        self.entry(inside, EntryType::Symlink, 0o777, Some(target), &[])
    }

    /// Copies a file of this machine; links are followed, owner and times are dropped.
    pub(crate) fn copy(&mut self, host: &Path, inside: &str) -> Result<()> {
        let content = fs::read(host).with_context(|| format!("cannot read {}", host.display()))?;
        let mode = host.metadata()?.mode() & 0o755;
        self.file(inside, mode, &content)
    }

    /// Copies a folder of this machine to `inside`; links stay links, owners and times are dropped. `skip` is asked about
    /// each path within the folder.
    pub(crate) fn tree(&mut self, folder: &Path, inside: &str, skip: fn(&str) -> bool) -> Result<()> {
        let mut folders = vec![folder.to_path_buf()];
        while let Some(current) = folders.pop() {
            for path in sorted_entries(&current)? {
                let within = path.strip_prefix(folder)?.to_str().context("a path is not UTF-8")?;
                let kind = path.symlink_metadata()?.file_type();
                if skip(within) {
                    continue;
                } else if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_symlink() {
                    let target = fs::read_link(&path)?;
                    self.link(
                        &format!("{inside}/{within}"),
                        target.to_str().context("a link's target is not UTF-8")?,
                    )?;
                } else {
                    self.copy(&path, &format!("{inside}/{within}"))?;
                }
            }
        }
        Ok(())
    }

    /// Takes over a whole root: owners, modes, links and hard links as they are; sockets and devices are left out, and
    /// so is whatever `skip` refuses (a path inside, without the leading `/`).
    pub(crate) fn root(&mut self, root: &Path, skip: impl Fn(&str) -> bool) -> Result<()> {
        let mut hard_links = HashMap::new();
        self.root_folder(root, root, &skip, &mut hard_links)
    }

    fn root_folder(
        &mut self,
        root: &Path,
        folder: &Path,
        skip: &dyn Fn(&str) -> bool,
        hard_links: &mut HardLinks,
    ) -> Result<()> {
        for path in sorted_entries(folder)? {
            let inside = path.strip_prefix(root)?.to_path_buf();
            if inside.to_str().is_none_or(skip) {
                continue;
            }
            let meta = path.symlink_metadata()?;
            self.root_entry(&path, &inside, &meta, hard_links)
                .with_context(|| format!("cannot take {}", path.display()))?;
            if meta.is_dir() {
                self.root_folder(root, &path, skip, hard_links)?;
            }
        }
        Ok(())
    }

    fn root_entry(&mut self, path: &Path, inside: &Path, meta: &Metadata, hard_links: &mut HardLinks) -> Result<()> {
        let kind = meta.file_type();
        if kind.is_socket() || kind.is_block_device() || kind.is_char_device() || kind.is_fifo() {
            return Ok(());
        }
        let mut header = Header::new_gnu();
        header.set_metadata(meta);
        if kind.is_symlink() {
            header.set_size(0);
            self.tar.append_link(&mut header, inside, fs::read_link(path)?)?;
        } else if kind.is_dir() {
            header.set_size(0);
            self.tar.append_data(&mut header, inside, std::io::empty())?;
        } else if let Some(first) = hard_links.get(&(meta.dev(), meta.ino())) {
            header.set_entry_type(EntryType::Link);
            header.set_size(0);
            self.tar.append_link(&mut header, inside, first)?;
        } else {
            if meta.nlink() > 1 {
                hard_links.insert((meta.dev(), meta.ino()), inside.to_path_buf());
            }
            self.tar.append_data(&mut header, inside, File::open(path)?)?;
        }
        self.written.insert(Path::new("/").join(inside));
        Ok(())
    }

    fn entry(&mut self, inside: &str, kind: EntryType, mode: u32, target: Option<&str>, content: &[u8]) -> Result<()> {
        let Some(relative) = inside.strip_prefix('/') else {
            bail!("`{inside}` is not a path from the image's root")
        };
        if !self.written.insert(PathBuf::from(inside)) {
            return Ok(());
        }
        self.parents(inside)?;
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(content.len() as u64);
        match target {
            Some(target) => self.tar.append_link(&mut header, relative, target),
            None => self.tar.append_data(&mut header, relative, content),
        }
        .with_context(|| format!("cannot write {inside}"))
    }

    fn parents(&mut self, inside: &str) -> Result<()> {
        let Some(parent) = Path::new(inside)
            .parent()
            .and_then(Path::to_str)
            .filter(|parent| *parent != "/")
        else {
            return Ok(());
        };
        self.folder(parent, 0o755)
    }
}

/// The first path of each file that has several, by device and inode.
type HardLinks = HashMap<(u64, u64), PathBuf>;

fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &Path) -> Vec<String> {
        let mut archive = tar::Archive::new(File::open(path).expect("the layer is there"));
        let entries = archive.entries().expect("it is a tar");
        entries
            .map(|entry| {
                entry
                    .expect("it is whole")
                    .path()
                    .expect("it has a path")
                    .display()
                    .to_string()
            })
            .collect()
    }

    #[test]
    fn parents_come_first_and_nothing_comes_twice() {
        let path = std::env::temp_dir().join(format!("circle-layer-{}.tar", std::process::id()));
        let mut layer = Layer::create(&path).expect("the temporary folder is writable");
        layer.file("/usr/bin/a", 0o755, b"x").expect("it fits");
        layer.link("/usr/bin/b", "a").expect("it fits");
        layer.file("/usr/bin/a", 0o755, b"again").expect("it is ignored");
        assert!(layer.file("relative", 0o644, b"").is_err());
        layer.finish().expect("it ends");
        assert_eq!(names(&path), ["usr", "usr/bin", "usr/bin/a", "usr/bin/b"]);
        fs::remove_file(&path).expect("it was ours");
    }

    #[test]
    fn hard_links_stay_links() {
        let folder = std::env::temp_dir().join(format!("circle-root-{}", std::process::id()));
        fs::create_dir_all(folder.join("d")).expect("the temporary folder is writable");
        fs::write(folder.join("d/one"), "text").expect("it is writable");
        fs::hard_link(folder.join("d/one"), folder.join("d/two")).expect("it can be linked");
        fs::write(folder.join("left-out"), "").expect("it is writable");
        let path = folder.with_extension("tar");
        let mut layer = Layer::create(&path).expect("the temporary folder is writable");
        layer.root(&folder, |inside| inside == "left-out").expect("it is read");
        layer.finish().expect("it ends");
        assert_eq!(names(&path), ["d", "d/one", "d/two"]);
        let mut archive = tar::Archive::new(File::open(&path).expect("the layer is there"));
        let last = archive
            .entries()
            .expect("it is a tar")
            .last()
            .expect("it is not empty")
            .expect("it is whole");
        assert_eq!(
            last.link_name().expect("it has one").expect("it is a link").as_ref(),
            Path::new("d/one")
        );
        fs::remove_dir_all(&folder).expect("it was ours");
        fs::remove_file(&path).expect("it was ours");
    }
}
