//! A copy of a tree that keeps what a build looks at: modes, times, links.

use std::fs::{self, File, FileTimes, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, lchown, symlink};
use std::path::Path;

/// Copies everything beneath `from` into the folder `to`; what is there already under the same name is replaced, folders are
/// merged. Pipes, sockets and devices are left out: a view is what was checked out and what stages made.
///
/// Files are copied by the kernel where it can, so that file systems that share blocks share them.
pub(super) fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let meta = entry.metadata()?;
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", source.display()));
        copy_one(&source, &target, &meta).map_err(named)?;
    }
    Ok(())
}

fn copy_one(source: &Path, target: &Path, meta: &Metadata) -> io::Result<()> {
    let kind = meta.file_type();
    if kind.is_fifo() || kind.is_socket() || kind.is_block_device() || kind.is_char_device() {
        return Ok(());
    }
    make_room(target, kind.is_dir())?;
    if kind.is_symlink() {
        symlink(fs::read_link(source)?, target)?;
        return keep_owner(target, meta);
    }
    if kind.is_dir() {
        if !target.exists() {
            fs::create_dir(target)?;
        }
        copy_tree(source, target)?;
        keep_owner(target, meta)?;
        fs::set_permissions(target, meta.permissions())?;
    } else {
        fs::copy(source, target)?;
        keep_owner(target, meta)?;
    }
    // The time of a file decides what is built anew.
    let times = FileTimes::new().set_modified(meta.modified()?);
    match File::open(target) {
        Ok(file) => file.set_times(times),
        // What its owner may not read keeps the time of the copy.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes what stands in the way: everything but a folder under a folder.
fn make_room(target: &Path, for_folder: bool) -> io::Result<()> {
    match fs::symlink_metadata(target) {
        Ok(there) if there.is_dir() && for_folder => Ok(()),
        Ok(there) if there.is_dir() => fs::remove_dir_all(target),
        Ok(_) => fs::remove_file(target),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Root keeps whose a file is; for anybody else it is their own.
fn keep_owner(target: &Path, meta: &Metadata) -> io::Result<()> {
    if nix::unistd::geteuid().is_root() {
        lchown(target, Some(meta.uid()), Some(meta.gid()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::copy_tree;

    #[test]
    fn layers_lie_over_each_other_with_modes_times_and_links() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name);
        fs::create_dir_all(place("low/d/e")).expect("folders");
        fs::create_dir_all(place("high/d")).expect("folders");
        fs::create_dir(place("to")).expect("a folder");
        fs::write(place("low/d/program"), "low").expect("a file");
        fs::set_permissions(place("low/d/program"), PermissionsExt::from_mode(0o751)).expect("a mode");
        fs::write(place("low/d/e/kept"), "kept").expect("a file");
        symlink("program", place("low/d/link")).expect("a link");
        fs::write(place("low/becomes-a-folder"), "file").expect("a file");
        fs::create_dir(place("high/becomes-a-folder")).expect("a folder");
        fs::write(place("high/d/link"), "no link any more").expect("a file");
        copy_tree(&place("low"), &place("to")).expect("copied");
        copy_tree(&place("high"), &place("to")).expect("copied over");
        let meta = |name: &str| fs::symlink_metadata(place(name)).expect("it is there");
        assert_eq!(meta("to/d/program").permissions().mode() & 0o777, 0o751);
        assert_eq!(
            meta("to/d/program").modified().expect("a time"),
            meta("low/d/program").modified().expect("a time")
        );
        assert_eq!(fs::read_to_string(place("to/d/e/kept")).expect("a file"), "kept");
        assert!(meta("to/becomes-a-folder").is_dir());
        assert_eq!(
            fs::read_to_string(place("to/d/link")).expect("a file"),
            "no link any more"
        );
        assert_eq!(
            fs::read_to_string(place("to/d/program")).expect("not written through the link"),
            "low"
        );
    }
}
