//! `caches`: folders that outlive a run with the root that it leaves.
//!
//! A cache is known by its path and by the content of its key files: another content is another cache, which begins empty.
//! Every cell has its own copy. What a run writes there outlives it only where its success renews a root; a run that renews
//! nothing, and a stranger's, writes to a copy that ends with its cell.

use bollard::models::Mount;
use circle_cell::{InCell, Sight};
use circle_core::plan::Cache;
use circle_core::run::Failure;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use super::container::bind;
use super::context::{StageRun, cell_failure};

/// In every cell.
const SHA256SUM: &str = "/usr/bin/sha256sum";
/// A line for each key file, and no pipeline file names more than some hundreds.
const MAX_SUMS_BYTES: u64 = 256 * 1024;

impl StageRun<'_> {
    /// The mounts of the container's caches, each a folder of the cell.
    pub(super) async fn caches(&mut self, caches: &[Cache], view: Option<&str>) -> Result<Vec<Mount>, Failure> {
        let mut mounts = Vec::with_capacity(caches.len());
        for cache in caches {
            let sums = match view {
                Some(view) if !cache.key.is_empty() => self.sums(view, &cache.key).await?,
                _ => Vec::new(),
            };
            let key = key(&cache.path, &sums);
            if !self.carried.caches.contains_key(&key) {
                let folder = self.shared.cell.cache_folder(&key).await;
                let folder = folder.map_err(cell_failure("a cache's folder"))?;
                self.carried.caches.insert(key.clone(), folder);
                self.shared.traces.cached(&key);
            }
            let folder = self.carried.caches[&key].inside().display().to_string();
            mounts.push(bind(&folder, &cache.path, false));
        }
        Ok(mounts)
    }

    /// The sums of the key files, made by a process that sees the checkout alone: a committed link leads nowhere else. A file
    /// that is not there has no line.
    async fn sums(&self, view: &str, files: &[String]) -> Result<Vec<u8>, Failure> {
        let argv = [SHA256SUM, "--zero", "--"].into_iter().map(str::to_owned);
        let mut command = InCell::new(
            Some(self.shared.cell.remapped_root()),
            argv.chain(files.iter().cloned()),
        );
        command.sight = Sight::Only(vec![view.into()]);
        command.directory = view.into();
        let failed = || cell_failure("the key of a cache");
        let mut child = self.shared.cell.exec(command).await.map_err(failed())?;
        let mut sums = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            let _ = stdout.take(MAX_SUMS_BYTES).read_to_end(&mut sums).await;
        }
        child.wait().await.map_err(failed())?;
        Ok(sums)
    }
}

fn key(path: &str, sums: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(path.as_bytes());
    hash.update([0]);
    hash.update(sums);
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn a_cache_is_known_by_its_path_and_the_content_of_its_key_files() {
        let one = key("/go/pkg/mod", b"aa  go.sum\0");
        assert_eq!(one, key("/go/pkg/mod", b"aa  go.sum\0"));
        for other in [
            key("/go/pkg", b"aa  go.sum\0"),
            key("/go/pkg/mod", b"bb  go.sum\0"),
            key("/go/pkg/mod", b""),
        ] {
            assert_ne!(one, other);
        }
    }
}
