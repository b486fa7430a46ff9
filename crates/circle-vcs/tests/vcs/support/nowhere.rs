//! What must stand in no file.

use std::path::Path;

/// Everything in a folder holds none of these texts.
pub(crate) fn nowhere(folder: &Path, texts: &[&str]) {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                let content = std::fs::read(&path).expect("a file");
                let content = String::from_utf8_lossy(&content).into_owned();
                assert!(
                    !texts.iter().any(|text| content.contains(text)),
                    "{} holds a credential",
                    path.display()
                );
            }
        }
    }
}
