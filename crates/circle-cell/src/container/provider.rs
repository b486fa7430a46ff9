//! Starts cells as containers on a host's engine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use circle_core::nested::NestedRights;
use serde_json::{Value, json};

use super::outer::remove;
use super::rights::detect;
use crate::engine::{Engine, EngineError, encoded};
use crate::process::{InitProgram, Ownership, Remap};
use crate::tasks::Tasks;
use crate::{Cell, CellError, CellId, CellProvider, CellSpec, Described, Swept};

/// What this provider's cells do not keep apart, in a sentence for an operator.
pub const WEAKNESS: &str = "cells in containers reach whatever the engine's containers reach, the host and its neighbours \
    included, and have no bound on their disk, so they get no runs of strangers";

/// The label with a cell's name.
const CELL_LABEL: &str = "circle.cell";
/// The label with the instance's name, by which a sweep finds what a dead process left.
const INSTANCE_LABEL: &str = "circle.instance";
/// The first version of the API whose daemon carries what Circle asks of it (Engine 20.10).
const OLDEST_API: (u32, u32) = (1, 41);

/// Where cells are made and kept.
#[derive(Debug, Clone)]
pub struct ContainerConfig {
    /// The engine's socket.
    pub socket: PathBuf,
    /// An image with a Docker daemon and git, which the engine has.
    pub image: String,
    /// The folder that holds everything of this provider's cells. The engine must see it under the same path.
    pub state: PathBuf,
    /// The program that becomes PID 1 of a cell.
    pub init: InitProgram,
}

/// Cells in containers on a host's engine.
#[derive(Debug)]
pub struct ContainerProvider {
    core: Arc<Core>,
}

/// What all cells of one provider share.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) engine: Engine,
    pub(super) image: String,
    pub(super) program: PathBuf,
    pub(super) init_words: Vec<String>,
    pub(super) rights: NestedRights,
    pub(super) owner: Ownership,
    pub(super) remap: Remap,
    pub(super) tasks: Tasks,
    /// Names of cells that live, or are being made or removed.
    live: Mutex<BTreeSet<CellId>>,
    next: AtomicU32,
}

impl ContainerProvider {
    /// Asks the engine what it can do, takes the folder, and puts the init's program into it.
    ///
    /// # Errors
    /// [`CellError::Unable`] with one sentence when the engine cannot carry cells, [`CellError::Owned`] when another process
    /// has the folder.
    pub async fn open(config: ContainerConfig) -> Result<Self, CellError> {
        let engine = Engine::at(&config.socket);
        check(&engine).await?;
        let owner = Ownership::take(&config.state)?;
        owner.has_room_for_sockets()?;
        let labels = json!({ INSTANCE_LABEL: owner.instance() });
        let rights = detect(&engine, &config.image, &labels).await?;
        let words = config.init.args.iter();
        let core = Core {
            engine,
            image: config.image,
            program: copy_program(&config.init.program, owner.state())?,
            init_words: words.map(|word| word.to_string_lossy().into_owned()).collect(),
            rights,
            owner,
            remap: Remap::default(),
            tasks: Tasks::default(),
            live: Mutex::default(),
            next: AtomicU32::new(1),
        };
        Ok(Self { core: Arc::new(core) })
    }
}

/// Whether there is an engine, and one that is new enough.
async fn check(engine: &Engine) -> Result<(), CellError> {
    let socket = engine.socket().display();
    let told = engine.ask("GET", "/version", None).await.map_err(|error| {
        CellError::Unable(format!(
            "the Docker engine at {socket} does not answer ({error}): start it, or name another with --engine"
        ))
    })?;
    let api = told["ApiVersion"].as_str().unwrap_or_default();
    let number = |part: Option<&str>| part.and_then(|part| part.parse().ok()).unwrap_or(0);
    let mut parts = api.split('.');
    if (number(parts.next()), number(parts.next())) < OLDEST_API {
        return Err(CellError::Unable(format!(
            "the Docker engine at {socket} speaks API {api}, and cells need 1.41: install Docker Engine 20.10 or later"
        )));
    }
    Ok(())
}

/// The engine shows it to containers, so it must lie where the engine sees it. An older one may be running still.
fn copy_program(program: &Path, state: &Path) -> Result<PathBuf, CellError> {
    let (place, fresh) = (state.join("init"), state.join("init.new"));
    fs::copy(program, &fresh).map_err(CellError::io("copy the program of init to", &fresh))?;
    fs::rename(&fresh, &place).map_err(CellError::io("put into its place", &place))?;
    Ok(place)
}

#[async_trait]
impl CellProvider for ContainerProvider {
    async fn start(&self, spec: &CellSpec) -> Result<Cell, CellError> {
        super::launch::launch(&self.core, spec).await
    }

    async fn sweep(&self) -> Result<Swept, CellError> {
        let mut swept = Swept::default();
        let unable = |error: EngineError| CellError::Unable(format!("sweep: {error}"));
        for (container, name) in self.core.containers().await.map_err(unable)? {
            if self.core.names().iter().all(|live| live.as_str() != name) {
                match remove(&self.core.engine, &container).await {
                    Err(error) if !error.is_absence() => return Err(unable(error)),
                    _ => swept.removed.entry("container").or_default().push(name),
                }
            }
        }
        for entry in fs::read_dir(self.core.owner.cells()).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if self.core.names().iter().any(|live| live.as_str() == name) {
                continue;
            }
            fs::remove_dir_all(entry.path()).map_err(CellError::io("remove the folder", entry.path()))?;
            swept.removed.entry("folder").or_default().push(name);
        }
        Ok(swept)
    }

    async fn settled(&self) {
        self.core.tasks.all_done().await;
    }

    fn describe(&self) -> Described {
        Described {
            kind: "container",
            instance: self.core.owner.instance().to_owned(),
            storage: "overlay2 on a volume of the host's engine",
            state: self.core.owner.state().to_path_buf(),
        }
    }
}

impl Core {
    /// Takes a free name and makes the cell's folder.
    pub(super) fn name_a_cell(&self) -> Result<(CellId, PathBuf), CellError> {
        loop {
            let id = CellId::new(
                self.owner.instance(),
                self.next.fetch_add(1, Ordering::Relaxed) & 0xffff,
            );
            let folder = self.owner.cells().join(id.as_str());
            if !self.names().insert(id.clone()) {
                continue;
            }
            match fs::create_dir(&folder) {
                Ok(()) => return Ok((id, folder)),
                Err(error) => {
                    self.forget(&id);
                    if error.kind() != std::io::ErrorKind::AlreadyExists {
                        return Err(CellError::io("make the folder", folder)(error));
                    }
                }
            }
        }
    }

    /// Nothing is left of the cell.
    pub(super) fn forget(&self, id: &CellId) {
        self.names().remove(id);
    }

    /// What the containers of a cell carry.
    pub(super) fn labels(&self, id: &CellId) -> Value {
        json!({ INSTANCE_LABEL: self.owner.instance(), CELL_LABEL: id.as_str() })
    }

    /// The label of one cell's container.
    pub(super) fn label(id: &CellId) -> String {
        format!("{CELL_LABEL}={id}")
    }

    fn names(&self) -> MutexGuard<'_, BTreeSet<CellId>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Containers of this instance with the names of their cells.
    async fn containers(&self) -> Result<Vec<(String, String)>, EngineError> {
        let label = format!("{INSTANCE_LABEL}={}", self.owner.instance());
        let filters = encoded(&json!({ "label": [label] }).to_string());
        let path = format!("/containers/json?all=1&filters={filters}");
        let listed = self.engine.ask("GET", &path, None).await?;
        let named = listed.as_array().into_iter().flatten().filter_map(|one| {
            let name = one["Labels"][CELL_LABEL].as_str().unwrap_or("a try");
            Some((one["Id"].as_str()?.to_owned(), name.to_owned()))
        });
        Ok(named.collect())
    }
}
