//! Starts cells on an engine that is there.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::cell::SharedCell;
use super::children::Children;
use super::warden::Warden;
use crate::carrier::Facts;
use crate::ending::{Life, OrderedEnd};
use crate::engine::{Engine, Marked};
use crate::process::Ownership;
use crate::tasks::Tasks;
use crate::{
    Cell, CellError, CellId, CellProvider, CellSpec, Described, Limits, Owner, StartTimings, Surroundings, Swept,
};

/// The label with a cell's name on everything of it.
pub(super) const CELL_LABEL: &str = "circle.cell";
/// The label with the instance's name, by which a sweep finds what a dead process left.
pub(super) const INSTANCE_LABEL: &str = "circle.instance";
/// How often another name is tried when two processes start in the same moment.
const NAME_TRIES: u32 = 8;

/// Where cells are made and kept.
#[derive(Debug, Clone)]
pub struct SharedConfig {
    /// The engine's socket.
    pub socket: PathBuf,
    /// A folder of the caller's own, visible to the engine under the same path; every provider makes one of its own in it.
    pub folder: PathBuf,
}

/// Cells on an engine that is there, isolated by labels only.
#[derive(Debug)]
pub struct SharedProvider {
    core: Arc<Core>,
}

/// What all cells of one provider share.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) engine: Engine,
    pub(super) owner: Ownership,
    pub(super) tasks: Tasks,
    /// Where the folders of all providers of this user lie.
    parent: PathBuf,
    next: AtomicU32,
}

impl SharedProvider {
    /// Asks the engine whether it answers, and makes a folder.
    ///
    /// # Errors
    /// [`CellError::Unable`] with one sentence when there is no engine that this user may use.
    pub async fn open(config: SharedConfig) -> Result<Self, CellError> {
        let engine = Engine::at(&config.socket);
        if let Err(error) = engine.ask("GET", "/_ping", None).await {
            return Err(CellError::Unable(format!(
                "the Docker engine at {} does not answer ({error}): start it, or let your user into the group `docker`",
                config.socket.display()
            )));
        }
        let owner = own_folder(&config.folder)?;
        Ok(Self {
            core: Arc::new(Core {
                engine,
                owner,
                tasks: Tasks::default(),
                parent: config.folder,
                next: AtomicU32::new(1),
            }),
        })
    }

    /// Waits until nothing is left of the cells that were killed or dropped. Cells that live are waited for too.
    pub async fn settled(&self) {
        self.core.tasks.all_done().await;
    }
}

impl Drop for SharedProvider {
    fn drop(&mut self) {
        // Empty when its cells are gone; what is left otherwise is for the next sweep, which goes by the folder's name.
        let _ = fs::remove_dir(self.core.owner.cells());
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        let state = self.owner.state();
        if !self.owner.cells().exists() {
            let _ = fs::remove_dir_all(state);
        }
    }
}

/// A fresh folder with a lock that says that its owner lives.
fn own_folder(parent: &Path) -> Result<Ownership, CellError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut last = None;
    for number in 0..NAME_TRIES {
        let name = format!("{:x}-{:x}", std::process::id(), now.as_nanos() ^ u128::from(number));
        match Ownership::take(&parent.join(name)) {
            Ok(owner) => return Ok(owner),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or(CellError::PoolClosed))
}

#[async_trait]
impl CellProvider for SharedProvider {
    async fn start(&self, spec: &CellSpec) -> Result<Cell, CellError> {
        let began = Instant::now();
        let core = &self.core;
        let id = CellId::new(core.owner.instance(), core.next.fetch_add(1, Ordering::Relaxed));
        let folder = core.owner.cells().join(id.as_str());
        for part in ["folders", "layers", "views"] {
            let part = folder.join(part);
            fs::create_dir_all(&part).map_err(CellError::io("make the folder", &part))?;
        }
        let life = watch::Sender::new(Life::Alive);
        let ending = OrderedEnd {
            kill: CancellationToken::new(),
            life: life.subscribe(),
        };
        let children = Children::default();
        let warden = Warden {
            core: core.clone(),
            id: id.clone(),
            folder: folder.clone(),
            children: children.clone(),
            kill: ending.kill.clone(),
            life,
        };
        core.tasks.spawn(warden.watch());
        let mut cell = SharedCell {
            facts: core.facts(&id),
            folder,
            children,
            ending,
        };
        load(core, &id, spec).await?;
        cell.facts.timings.total_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Cell::new(cell))
    }

    async fn sweep(&self) -> Result<Swept, CellError> {
        let mut swept = Swept::default();
        for entry in fs::read_dir(&self.core.parent).into_iter().flatten().flatten() {
            let folder = entry.path();
            if folder == self.core.owner.state() || !folder.join("owner").exists() {
                continue;
            }
            // Whose lock can be had is dead.
            if let Ok(dead) = Ownership::take(&folder) {
                self.core.sweep(&dead, &mut swept).await?;
            }
        }
        Ok(swept)
    }

    fn describe(&self) -> Described {
        Described {
            kind: "shared",
            instance: self.core.owner.instance().to_owned(),
            storage: "the engine's own",
            state: self.core.owner.state().to_path_buf(),
        }
    }
}

/// Loads the images that the cell is to have.
async fn load(core: &Core, id: &CellId, spec: &CellSpec) -> Result<(), CellError> {
    for image in &spec.images {
        crate::process::load_image(core.engine.socket(), image)
            .await
            .map_err(|error| CellError::Start {
                id: id.clone(),
                step: "load an image",
                reason: format!("{}: {error}", image.display()),
            })?;
    }
    Ok(())
}

impl Core {
    /// What is found by a cell's label.
    pub(super) fn of_cell(&self, id: &CellId) -> Marked {
        Marked::new(self.engine.clone(), format!("{CELL_LABEL}={id}"))
    }

    fn facts(&self, id: &CellId) -> Facts {
        let labels = BTreeMap::from([
            (CELL_LABEL.to_owned(), id.to_string()),
            (INSTANCE_LABEL.to_owned(), self.owner.instance().to_owned()),
        ]);
        Facts {
            id: id.clone(),
            socket: self.engine.socket().to_path_buf(),
            // Containers and their ports are reached as from any process of this machine.
            address: Ipv4Addr::LOCALHOST,
            remapped_root: Owner {
                uid: nix::unistd::geteuid().as_raw(),
                gid: nix::unistd::getegid().as_raw(),
            },
            timings: StartTimings::default(),
            limits: Limits::default(),
            root: None,
            labels,
            // Whoever runs the engine has told it about the network already.
            surroundings: Surroundings::default(),
            certificates: None,
        }
    }

    async fn sweep(&self, dead: &Ownership, swept: &mut Swept) -> Result<(), CellError> {
        let marked = Marked::new(self.engine.clone(), format!("{INSTANCE_LABEL}={}", dead.instance()));
        let unable = |error: crate::engine::EngineError| CellError::Unable(format!("sweep: {error}"));
        let containers = marked.remove_containers().await.map_err(unable)?;
        if !containers.is_empty() {
            swept.removed.entry("container").or_default().extend(containers);
        }
        super::helper::remove_folder(&self.engine, dead.instance(), dead.state())
            .await
            .map_err(|error| CellError::Unable(format!("sweep {}: {error}", dead.state().display())))?;
        marked.remove_rest().await.map_err(unable)?;
        let folder = dead.state().display().to_string();
        swept.removed.entry("folder").or_default().push(folder);
        Ok(())
    }
}
