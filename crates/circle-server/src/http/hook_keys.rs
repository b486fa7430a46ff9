//! Open hook secrets, so that a push is verified without asking the store six times.
//!
//! Forgotten whenever a workspace, a service or a secret changes. A look-up that began before the change does not put
//! its answer here: the generation tells.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use circle_core::forge::ForgeKind;
use circle_core::service::Service;
use secrecy::SecretString;

use crate::limits::HOOK_KEYS;

/// A service and the secret of its hook.
#[derive(Debug)]
pub(crate) struct HookKey {
    pub(crate) service: Service,
    pub(crate) secret: SecretString,
    /// How its calls are signed; `None` = as plain git signs them.
    pub(crate) forge: Option<ForgeKind>,
}

/// By workspace and service.
#[derive(Debug, Default)]
pub(crate) struct HookKeys {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    generation: u64,
    keys: HashMap<(String, String), Arc<HookKey>>,
}

impl HookKeys {
    /// The key, or the generation with which to put it.
    pub(super) fn find(&self, workspace: &str, service: &str) -> Result<Arc<HookKey>, u64> {
        let state = self.lock();
        state
            .keys
            .get(&(workspace.to_owned(), service.to_owned()))
            .cloned()
            .ok_or(state.generation)
    }

    /// Keeps a key that was looked up in this generation.
    pub(super) fn put(&self, generation: u64, (workspace, service): (&str, &str), key: Arc<HookKey>) {
        let mut state = self.lock();
        if state.generation != generation {
            return;
        }
        if state.keys.len() >= HOOK_KEYS {
            state.keys.clear();
        }
        state.keys.insert((workspace.to_owned(), service.to_owned()), key);
    }

    /// Forgets everything. Called after each write that could matter.
    pub(crate) fn forget(&self) {
        let mut state = self.lock();
        state.generation += 1;
        state.keys.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
